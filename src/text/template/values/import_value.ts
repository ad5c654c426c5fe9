/**
 * JavaScript's values as a template's.
 *
 * @module
 */

import { checkArgument, type Kind, required } from "../../../base/options.ts";
import { Dict } from "./dict.ts";
import type { Value } from "./value.ts";

/** Any number, infinite or none: JSON of Python has them. */
const NUMBER: Kind = { expected: "a number", fits: (value) => typeof value === "number" };

/**
 * A float, for numbers such as 1.0, which JavaScript cannot tell from 1. A plain number that is whole (and below
 * 1e21, from where JavaScript too writes an exponent) is an int.
 */
export class Float {
  /** Makes a float of a number; an `ArgumentError` where it is none. */
  constructor(readonly value: number) {
    checkArgument("make a float", "value", value, required(NUMBER));
  }
}

/** What templates may be given: JSON, with maps for objects whose order matters, `bigint` and `Float`. */
export type TemplateValue =
  | null
  | undefined
  | boolean
  | number
  | bigint
  | string
  | Float
  | readonly TemplateValue[]
  | ReadonlyMap<string, TemplateValue>
  | { readonly [key: string]: TemplateValue };

/** As deep as values may be nested. */
const MAX_DEPTH = 500;

/** A value as a template sees it. Throws `TypeError` for functions, symbols and what is nested too deep. */
export function importValue(value: TemplateValue, depth = 0): Value {
  if (depth > MAX_DEPTH) throw new TypeError(`values are nested deeper than ${MAX_DEPTH}`);
  if (value === null || value === undefined) return null;
  if (typeof value === "boolean" || typeof value === "bigint" || typeof value === "string") {
    return value;
  }
  if (typeof value === "number") {
    return Number.isInteger(value) && Math.abs(value) < 1e21 ? BigInt(value) : value;
  }
  if (value instanceof Float) return value.value;
  if (typeof value !== "object") throw new TypeError(`a ${typeof value} is no value of a template`);
  if (Array.isArray(value)) return value.map((item) => importValue(item, depth + 1));
  const entries = value instanceof Map ? [...value] : Object.entries(value);
  return new Dict(
    entries.filter(([, item]) => item !== undefined)
      .map(([key, item]) => [key, importValue(item, depth + 1)] as const),
  );
}
