/**
 * Going through values, and how many there are.
 *
 * @module
 */

import { grow, spend } from "./budget.ts";
import { pointCount, points } from "./characters.ts";
import { Dict, View } from "./dict.ts";
import { fail } from "./errors.ts";
import {
  isText,
  Iter,
  Markup,
  Obj,
  Range,
  textOf,
  Tuple,
  typeName,
  Undefined,
  type Value,
} from "./value.ts";

/** A value of a kind that no other file can know, which has a length or can be gone through. */
export abstract class Sized extends Obj {
  /** How many items it has. */
  abstract get length(): number;
  /** Its items. */
  abstract iterator(): Iterator<Value>;
}

function* rangeItems(range: Range): Generator<Value> {
  for (let place = 0; place < range.length; place++) yield range.at(place);
}

/** What goes through a value, or `undefined` for one that cannot be gone through. */
export function iteratorOf(value: Value): Iterator<Value> | undefined {
  if (Array.isArray(value)) return value[Symbol.iterator]();
  if (typeof value === "string") return points(value)[Symbol.iterator]();
  // One by one the characters are plain text, also where the whole is escaped.
  if (value instanceof Markup) return points(value.text)[Symbol.iterator]();
  if (value instanceof Tuple) return value.items[Symbol.iterator]();
  if (value instanceof Dict) return value.keys()[Symbol.iterator]();
  if (value instanceof View) return value.items()[Symbol.iterator]();
  if (value instanceof Range) return rangeItems(value);
  if (value instanceof Undefined) return [][Symbol.iterator]();
  if (value instanceof Iter) return value.iterator;
  if (value instanceof Sized) return value.iterator();
  return undefined;
}

/** What goes through a value; throws `TypeError` for one that cannot be gone through. */
export function iterate(value: Value): Iterator<Value> {
  return iteratorOf(value) ?? fail("TypeError", `a ${typeName(value)} cannot be gone through`);
}

/**
 * The values of an iterator. A `for` over the iterator itself would close it when left early, and another loop
 * may go on with it.
 */
export function* each(value: Value): Generator<Value> {
  const iterator = iterate(value);
  for (let next = iterator.next(); !next.done; next = iterator.next()) {
    spend();
    yield next.value;
  }
}

/** All items of a value. */
export function itemsOf(value: Value): Value[] {
  if (Array.isArray(value)) {
    grow(value.length);
    return value.slice();
  }
  const items: Value[] = [];
  for (const item of each(value)) grow(items.push(item) & 0xff ? 0 : items.length);
  return items;
}

/** How many items a value has, or `undefined` for one without a length. */
export function lengthOf(value: Value): number | undefined {
  if (isText(value)) return pointCount(textOf(value));
  if (Array.isArray(value) || value instanceof Range || value instanceof Sized) return value.length;
  if (value instanceof Tuple) return value.items.length;
  if (value instanceof Dict) return value.size;
  if (value instanceof View) return value.dict.size;
  if (value instanceof Undefined) return 0;
  return undefined;
}

/** How many items a value has; throws `TypeError` for one without a length. */
export function length(value: Value): number {
  return lengthOf(value) ?? fail("TypeError", `a ${typeName(value)} has no length`);
}

/** The items from last to first; `undefined` for what cannot be gone through backwards. */
export function reversed(value: Value): Value[] | undefined {
  const backwards = isText(value) || Array.isArray(value) || value instanceof Tuple ||
    value instanceof Dict || value instanceof View || value instanceof Range ||
    value instanceof Undefined;
  if (!backwards) return undefined;
  const items = itemsOf(value).reverse();
  return value instanceof Markup ? items.map((point) => new Markup(point as string)) : items;
}
