/**
 * The methods and attributes of lists, dicts, ranges and numbers. (Those of `str` are in `text_methods.ts`.)
 *
 * @module
 */

import { equals } from "../values/compare.ts";
import { Dict, View } from "../values/dict.ts";
import { fail } from "../values/errors.ts";
import { each, itemsOf } from "../values/iterate.ts";
import { sliceBounds } from "../values/slices.ts";
import { bind } from "../values/signature.ts";
import { type Args, intOf, isInt, Tuple, Undefined, type Value } from "../values/value.ts";

/** A method of a value of some type. */
export type Method<T> = (self: T, args: Args) => Value;

/** What templates may not call, as it would change the value. */
export const CHANGING: Readonly<Record<"list" | "dict", readonly string[]>> = {
  list: ["append", "clear", "extend", "insert", "pop", "remove", "reverse", "sort"],
  dict: ["clear", "pop", "popitem", "setdefault", "update"],
};

function index(items: readonly Value[], args: Args): bigint {
  const bound = bind("index", "value start? stop? /", args);
  const [start, stop] = sliceBounds(items.length, bound.get("start"), bound.get("stop"), 1);
  for (let at = start; at < stop; at++) {
    if (items[at] === bound.get("value") || equals(items[at], bound.get("value"))) {
      return BigInt(at);
    }
  }
  return fail("ValueError", "the value is not in the list");
}

function count(items: readonly Value[], args: Args): bigint {
  const value = bind("count", "value /", args).get("value");
  return BigInt(items.filter((item) => item === value || equals(item, value)).length);
}

/** The methods of everything that is a row of items. */
export const SEQUENCE_METHODS: ReadonlyMap<string, Method<readonly Value[]>> = new Map([
  ["count", count],
  ["index", index],
]);

/** The methods of lists beside those. */
export const LIST_METHODS: ReadonlyMap<string, Method<readonly Value[]>> = new Map([
  ...SEQUENCE_METHODS,
  ["copy", (items: readonly Value[], args: Args) => {
    bind("copy", "", args);
    return items.slice();
  }],
]);

/** A dict with the same value for all keys. */
export function fromKeys(args: Args): Dict {
  const bound = bind("fromkeys", "keys value? /", args);
  return new Dict([...each(bound.get("keys"))].map((key) => [key, bound.get("value")]));
}

/** A dict as `dict(...)` makes it: of a dict or of pairs, and of names. */
export function makeDict({ positional, named }: Args): Dict {
  if (positional.length > 1) fail("TypeError", `dict takes 1 argument, not ${positional.length}`);
  const pairs: Array<readonly [Value, Value]> = [];
  for (const source of positional) {
    if (source instanceof Undefined) source.fail();
    if (source instanceof Dict) pairs.push(...source.pairs());
    else {
      for (const item of each(source)) {
        const pair = itemsOf(item);
        if (pair.length !== 2) {
          fail("ValueError", `dict is made of pairs, not of ${pair.length} values`);
        }
        pairs.push([pair[0], pair[1]]);
      }
    }
  }
  return new Dict([...pairs, ...named]);
}

const view = (part: View["part"]): [string, Method<Dict>] => [part, (dict, args) => {
  bind(part, "", args);
  return new View(dict, part);
}];

/** The methods of dicts. */
export const DICT_METHODS: ReadonlyMap<string, Method<Dict>> = new Map([
  view("keys"),
  view("values"),
  view("items"),
  ["get", (dict: Dict, args: Args) => {
    const bound = bind("get", "key default? /", args);
    const value = dict.get(bound.get("key"));
    return value === undefined ? bound.get("default") : value;
  }],
  ["copy", (dict: Dict, args: Args) => {
    bind("copy", "", args);
    return new Dict(dict.pairs());
  }],
  ["fromkeys", (_: Dict, args: Args) => fromKeys(args)],
]);

/** The methods of numbers. */
export const NUMBER_METHODS: ReadonlyMap<string, Method<bigint | boolean | number>> = new Map<
  string,
  Method<bigint | boolean | number>
>([
  ["conjugate", (self, args) => {
    bind("conjugate", "", args);
    return isInt(self) ? intOf(self) : self;
  }],
  ["bit_length", (self, args) => {
    bind("bit_length", "", args);
    const size = intOf(self as bigint | boolean);
    return size === 0n ? 0n : BigInt((size < 0n ? -size : size).toString(2).length);
  }],
  ["is_integer", (self, args) => {
    bind("is_integer", "", args);
    return Number.isInteger(self);
  }],
]);

/** The attributes of a number, methods aside. */
export function numberAttribute(value: bigint | boolean | number, name: string): Value | undefined {
  const float = typeof value === "number";
  if (name === "real") return float ? value : intOf(value);
  if (name === "imag") return float ? 0 : 0n;
  if (!float && name === "numerator") return intOf(value);
  return !float && name === "denominator" ? 1n : undefined;
}

/** Names that Python's types have and templates hardly use: refused, where calling them undefined would be wrong. */
export const UNSUPPORTED: Readonly<Record<string, readonly string[]>> = {
  int: ["as_integer_ratio", "bit_count", "from_bytes", "to_bytes"],
  float: ["as_integer_ratio", "fromhex", "hex"],
  dict_keys: ["isdisjoint", "mapping"],
  dict_values: ["mapping"],
  dict_items: ["isdisjoint", "mapping"],
  generator: ["close", "gi_frame", "gi_running", "gi_suspended", "gi_yieldfrom", "send", "throw"],
};

/** A tuple's items as `Tuple`'s methods want them. */
export const rowOf = (value: Value[] | Tuple): readonly Value[] =>
  value instanceof Tuple ? value.items : value;
