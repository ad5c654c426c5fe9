/**
 * Slices: `x[start:stop:step]`.
 *
 * @module
 */

import { grow } from "./budget.ts";
import { isPlain, points } from "./characters.ts";
import { fail } from "./errors.ts";
import { asInt } from "./signature.ts";
import { Markup, Range, Tuple, typeName, Undefined, type Value } from "./value.ts";

/** Where a slice of `length` items begins and ends (the end not included); None is where it naturally does. */
export function sliceBounds(
  length: number,
  start: Value,
  stop: Value,
  step: number,
): [start: number, stop: number] {
  const [low, high] = step > 0 ? [0, length] : [-1, length - 1];
  const bound = (value: Value, otherwise: number, name: string): number => {
    if (value === null) return otherwise;
    const given = asInt(value, `the ${name} of a slice`);
    return Math.min(Math.max(given < 0 ? given + length : given, low), high);
  };
  return step > 0
    ? [bound(start, low, "start"), bound(stop, high, "stop")]
    : [bound(start, high, "start"), bound(stop, low, "stop")];
}

/** The part of a value that a slice takes. */
export function slice(value: Value, start: Value, stop: Value, step: Value): Value {
  if (value instanceof Undefined) value.fail();
  const stride = step === null ? 1 : asInt(step, "the step of a slice");
  const take = (length: number): [number, number, number] => {
    if (stride === 0) fail("ValueError", "the step of a slice is 0");
    const [from, to] = sliceBounds(length, start, stop, stride);
    return [from, to, Math.max(0, Math.ceil((to - from) / stride))];
  };
  const pick = <T>(items: readonly T[]): T[] => {
    const [from, , count] = take(items.length);
    grow(count);
    return Array.from({ length: count }, (_, i) => items[from + i * stride]);
  };
  const pickText = (text: string): string => {
    if (stride !== 1 || !isPlain(text)) return pick(points(text)).join("");
    const [from, to] = take(text.length);
    return text.slice(from, Math.max(from, to));
  };
  if (typeof value === "string") return pickText(value);
  if (value instanceof Markup) return new Markup(pickText(value.text));
  if (Array.isArray(value)) return pick(value);
  if (value instanceof Tuple) return new Tuple(pick(value.items));
  if (value instanceof Range) {
    const [from, to] = take(value.length);
    const at = (place: number) => value.start + BigInt(place) * value.step;
    return new Range(at(from), at(to), value.step * BigInt(stride));
  }
  return fail("TypeError", `a ${typeName(value)} has no slices`);
}
