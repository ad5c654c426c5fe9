/**
 * Filters of lists and dicts.
 *
 * @module
 */

import { operate } from "../values/arithmetic.ts";
import { getItem, onlyAttribute } from "./attributes.ts";
import { grow } from "../values/budget.ts";
import { points } from "../values/characters.ts";
import { before, equals, sorted, truth } from "../values/compare.ts";
import { Dict, keyOf } from "../values/dict.ts";
import { fail } from "../values/errors.ts";
import { filter, type Filters } from "./filter.ts";
import { each, itemsOf, iterate, length, reversed } from "../values/iterate.ts";
import { mapText } from "../values/markup.ts";
import { str } from "../values/repr.ts";
import { asInt, asText, type Bound } from "../values/signature.ts";
import { join } from "../values/text_parts.ts";
import { isText, Iter, textOf, Tuple, typeName, Undefined, type Value } from "../values/value.ts";

/** What takes something of an item. */
export type Getter = (item: Value) => Value;

/** The steps of a path such as `"address.0.city"`; a number is a place in a list. */
function path(attribute: Value): Value[] {
  if (attribute === null) return [];
  if (!isText(attribute)) return [attribute];
  return textOf(attribute).split(".").map((step) => /^\p{Nd}+$/u.test(step) ? BigInt(step) : step);
}

const fold = (value: Value): Value =>
  isText(value) ? mapText(value, (text) => text.toLowerCase()) : value;

/** What takes an attribute of an item, by its path; what is undefined becomes `otherwise` where there is one. */
export function attributeGetter(
  attribute: Value,
  otherwise: Value = null,
  caseSensitive = true,
): Getter {
  const steps = path(attribute);
  return (item) => {
    for (const step of steps) {
      item = getItem(item, step);
      if (otherwise !== null && item instanceof Undefined) item = otherwise;
    }
    return caseSensitive ? item : fold(item);
  };
}

const sensitive = (bound: Bound): boolean => truth(bound.get("case_sensitive", false));
const reverse = (bound: Bound): boolean => bound.int("reverse", 0) !== 0;

/** A generator: nothing of it runs before it is asked for, errors included. */
const lazily = (name: string, spec: string, run: (bound: Bound) => Iterator<Value>) =>
  filter(name, spec, (bound) => new Iter(run(bound)));

function* unique(bound: Bound): Generator<Value> {
  const key = attributeGetter(bound.get("attribute"), null, sensitive(bound));
  const seen = new Set<unknown>();
  for (const item of each(bound.get("value"))) {
    const id = keyOf(key(item));
    if (!seen.has(id)) {
      seen.add(id);
      yield item;
    }
  }
}

function* batch(bound: Bound): Generator<Value> {
  const size = bound.get("linecount");
  const fill = bound.get("fill_with");
  let row: Value[] = [];
  for (const item of each(bound.get("value"))) {
    if (equals(BigInt(row.length), size)) {
      yield row;
      row = [];
    }
    row.push(item);
  }
  if (row.length === 0) return;
  if (fill !== null && before(BigInt(row.length), size)) {
    const missing = asInt(size, "linecount") - row.length;
    grow(missing);
    row = [...row, ...Array<Value>(missing).fill(fill)];
  }
  yield row;
}

function* slices(bound: Bound): Generator<Value> {
  const items = itemsOf(bound.get("value"));
  const count = bound.int("slices");
  const fill = bound.get("fill_with");
  if (count === 0) fail("ZeroDivisionError", "a list is cut into 0 slices");
  const size = Math.floor(items.length / count);
  const longer = items.length - size * count;
  let start = 0;
  for (let i = 0; i < count; i++) {
    grow(1);
    const end = start + size + (i < longer ? 1 : 0);
    const part = items.slice(start, end);
    if (fill !== null && i >= longer) part.push(fill);
    start = end;
    yield part;
  }
}

function* pairsOf(bound: Bound): Generator<Value> {
  const value = bound.get("value");
  if (value instanceof Undefined) return;
  if (!(value instanceof Dict)) {
    fail("TypeError", `a ${typeName(value)} has no items, expected a dict`);
  }
  for (const pair of value.pairs()) yield new Tuple(pair);
}

function sort(bound: Bound): Value {
  const attribute = bound.get("attribute");
  const names = isText(attribute) ? textOf(attribute).split(",") : [attribute];
  const getters = names.map((name) => attributeGetter(name, null, sensitive(bound)));
  return sorted(
    itemsOf(bound.get("value")),
    (item) => getters.map((get) => get(item)),
    reverse(bound),
  );
}

function dictSort(bound: Bound): Value {
  const by = bound.get("by", "key");
  const place = isText(by) ? ["key", "value"].indexOf(textOf(by)) : -1;
  if (place < 0) fail("FilterArgumentError", "dictsort sorts by key or value");
  const value = bound.get("value");
  if (value instanceof Undefined) value.fail();
  if (!(value instanceof Dict)) {
    fail("TypeError", `a ${typeName(value)} has no items, expected a dict`);
  }
  const key = (pair: Value): Value => {
    const part = (pair as Tuple).items[place];
    return sensitive(bound) ? part : fold(part);
  };
  return sorted(value.pairs().map((pair) => new Tuple(pair)), key, reverse(bound));
}

function groupBy(bound: Bound): Value {
  const attribute = bound.get("attribute");
  const otherwise = bound.get("default");
  const get = attributeGetter(attribute, otherwise, sensitive(bound));
  const groups: Array<[key: Value, items: Value[]]> = [];
  for (const item of sorted(itemsOf(bound.get("value")), get, false)) {
    const key = get(item);
    const last = groups.at(-1);
    if (last !== undefined && equals(last[0], key)) last[1].push(item);
    else groups.push([key, [item]]);
  }
  const shown = attributeGetter(attribute, otherwise);
  return groups.map(([key, items]) =>
    new Tuple([sensitive(bound) ? key : shown(items[0]), items], ["grouper", "list"])
  );
}

const extreme = (name: string, better: (a: Value, b: Value) => boolean) =>
  filter(name, "value case_sensitive? attribute?", (bound) => {
    const iterator = iterate(bound.get("value"));
    let next = iterator.next();
    if (next.done) return new Undefined("the sequence is empty");
    const key = attributeGetter(bound.get("attribute"), null, sensitive(bound));
    let best = next.value;
    for (next = iterator.next(); !next.done; next = iterator.next()) {
      if (better(key(next.value), key(best))) best = next.value;
    }
    return best;
  });

function sum(bound: Bound): Value {
  const attribute = bound.get("attribute");
  const get = attribute === null ? (item: Value) => item : attributeGetter(attribute);
  let total = bound.get("start", 0n);
  if (isText(total)) fail("TypeError", "sum does not go with text, expected join");
  for (const item of each(bound.get("iterable"))) total = operate("+", total, get(item));
  return total;
}

function joined(bound: Bound): Value {
  const attribute = bound.get("attribute");
  const get = attribute === null ? (item: Value) => item : attributeGetter(attribute);
  const items = [...each(bound.get("value"))];
  return join(str(bound.get("d", "")), items.map((item) => str(get(item))));
}

/** The filters of lists and dicts. */
export const SEQUENCE_FILTERS: Filters = [
  filter("length", "obj /", (bound) => BigInt(length(bound.get("obj")))),
  filter("count", "obj /", (bound) => BigInt(length(bound.get("obj")))),
  filter("list", "value", (bound) => itemsOf(bound.get("value"))),
  filter("first", "seq", (bound) => {
    const next = iterate(bound.get("seq")).next();
    return next.done ? new Undefined("the sequence is empty") : next.value;
  }),
  filter("last", "seq", (bound) => {
    const items = reversed(bound.get("seq"));
    if (items === undefined) fail("TypeError", `a ${typeName(bound.get("seq"))} has no last item`);
    return items.length === 0 ? new Undefined("the sequence is empty") : items[0];
  }),
  filter("reverse", "value", (bound) => {
    const value = bound.get("value");
    if (isText(value)) return mapText(value, (text) => points(text).reverse().join(""));
    const items = reversed(value);
    // What goes backwards by itself is taken one by one, all else as a list.
    return items ? new Iter(items[Symbol.iterator]()) : itemsOf(value).reverse();
  }),
  filter("join", "value d? attribute?", joined),
  filter("sum", "iterable attribute? start?", sum),
  extreme("min", (a, b) => before(a, b)),
  extreme("max", (a, b) => before(b, a)),
  filter("sort", "value reverse? case_sensitive? attribute?", sort),
  filter("dictsort", "value case_sensitive? by? reverse?", dictSort),
  filter("groupby", "value attribute default? case_sensitive?", groupBy),
  lazily("unique", "value case_sensitive? attribute?", unique),
  lazily("batch", "value linecount fill_with?", batch),
  lazily("slice", "value slices fill_with?", slices),
  lazily("items", "value", pairsOf),
  filter(
    "attr",
    "obj name",
    (bound) =>
      onlyAttribute(bound.get("obj"), asText(bound.get("name"), "the name of an attribute")),
  ),
];
