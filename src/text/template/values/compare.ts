/**
 * Truth, equality, order and membership.
 *
 * @module
 */

import { scan, search, spend } from "./budget.ts";
import { points } from "./characters.ts";
import { Dict, View } from "./dict.ts";
import { fail } from "./errors.ts";
import { each, lengthOf } from "./iterate.ts";
import {
  intOf,
  isInt,
  isNumber,
  isText,
  Range,
  textOf,
  Tuple,
  typeName,
  Undefined,
  type Value,
} from "./value.ts";

/** Whether a value counts as true. */
export function truth(value: Value): boolean {
  if (typeof value === "boolean") return value;
  if (value === null) return false;
  if (typeof value === "bigint") return value !== 0n;
  if (typeof value === "number") return value !== 0;
  if (typeof value === "string") return value !== "";
  return lengthOf(value) !== 0;
}

const number = (value: bigint | boolean | number): bigint | number =>
  isInt(value) ? intOf(value) : value;

function sameItems(a: readonly Value[], b: readonly Value[]): boolean {
  return a.length === b.length && a.every((item, i) => same(item, b[i]));
}

/** Whether two values are one or equal, which is what containers ask. */
function same(a: Value, b: Value): boolean {
  return a === b || (Number.isNaN(a) && Number.isNaN(b)) || equals(a, b);
}

/** Whether two values are equal. */
export function equals(a: Value, b: Value): boolean {
  if (isNumber(a) && isNumber(b)) return number(a) == number(b);
  if (isText(a) && isText(b)) {
    scan(textOf(a).length);
    return textOf(a) === textOf(b);
  }
  spend();
  if (Array.isArray(a) && Array.isArray(b)) return sameItems(a, b);
  if (a instanceof Tuple && b instanceof Tuple) return sameItems(a.items, b.items);
  if (a instanceof Dict && b instanceof Dict) return sameDict(a, b);
  if (a instanceof Undefined && b instanceof Undefined) return true;
  if (a instanceof Range && b instanceof Range) {
    return a.length === b.length && (a.length === 0 || a.start === b.start) &&
      (a.length < 2 || a.step === b.step);
  }
  if (a instanceof View && b instanceof View && a.part !== "values" && b.part !== "values") {
    return a.dict.size === b.dict.size && a.items().every((item) => contains(b, item));
  }
  return a === b;
}

function sameDict(a: Dict, b: Dict): boolean {
  return a.size === b.size && a.pairs().every(([key, value]) => {
    const other = b.get(key);
    return other !== undefined && same(value, other);
  });
}

/** Compares texts by code points. */
function compareText(a: string, b: string): number {
  scan(a.length + b.length);
  if (a === b) return 0;
  // The order of UTF-16 units is that of code points but for surrogates.
  if (!/[\ud800-\udfff]/.test(a + b)) return a < b ? -1 : 1;
  const [left, right] = [points(a), points(b)];
  const at = left.findIndex((point, i) => point !== right[i]);
  if (at < 0 || at >= right.length) return left.length - right.length;
  return left[at].codePointAt(0)! - right[at].codePointAt(0)!;
}

/** Whether `a` comes before `b`, or with `orEqual` is its equal. Throws `TypeError` where there is no order. */
export function before(a: Value, b: Value, orEqual = false): boolean {
  if (isNumber(a) && isNumber(b)) {
    return orEqual ? number(a) <= number(b) : number(a) < number(b);
  }
  if (isText(a) && isText(b)) {
    const order = compareText(textOf(a), textOf(b));
    return orEqual ? order <= 0 : order < 0;
  }
  const lists = Array.isArray(a) && Array.isArray(b)
    ? [a, b]
    : a instanceof Tuple && b instanceof Tuple
    ? [a.items, b.items]
    : undefined;
  if (lists) {
    const [left, right] = lists;
    const at = left.findIndex((item, i) => i >= right.length || !same(item, right[i]));
    if (at >= 0 && at < right.length) return before(left[at], right[at], orEqual);
    return orEqual ? left.length <= right.length : left.length < right.length;
  }
  for (const value of [a, b]) if (value instanceof Undefined) value.fail();
  if (a instanceof View && b instanceof View) fail("Unsupported", "order of views of a dict");
  fail("TypeError", `a ${typeName(a)} and a ${typeName(b)} have no order`);
}

/** A sorted copy: stable, also where `reverse`. */
export function sorted(
  items: readonly Value[],
  key: (item: Value) => Value,
  reverse: boolean,
): Value[] {
  const keyed = items.map((item) => [key(item), item] as const);
  keyed.sort(([a], [b]) => {
    spend();
    const order = before(a, b) ? -1 : before(b, a) ? 1 : 0;
    return reverse ? -order : order;
  });
  return keyed.map(([, item]) => item);
}

/** Whether `item` is in `container`. */
export function contains(container: Value, item: Value): boolean {
  if (isText(container)) {
    if (item instanceof Undefined || !isText(item)) {
      fail("TypeError", `a ${typeName(item)} cannot be in a str, expected a str`);
    }
    search(textOf(container), textOf(item));
    return textOf(container).includes(textOf(item));
  }
  if (container instanceof Dict) return container.has(item);
  if (container instanceof View && container.part === "keys") return container.dict.has(item);
  for (const other of each(container)) if (same(other, item)) return true;
  return false;
}
