/**
 * Dictionaries, their views, and which keys are the same.
 *
 * @module
 */

import { grow } from "./budget.ts";
import { fail } from "./errors.ts";
import {
  intOf,
  isText,
  Obj,
  Range,
  textOf,
  Tuple,
  typeName,
  Undefined,
  type Value,
} from "./value.ts";

/**
 * What stands for a key in a JavaScript map: the same for values that are equal in Python, as 1, 1.0 and True
 * are. Throws for values that cannot be keys.
 */
export function keyOf(value: Value): unknown {
  if (isText(value)) return "s" + textOf(value);
  if (typeof value === "boolean") return intOf(value);
  if (typeof value === "number") return Number.isInteger(value) ? BigInt(value) : value;
  if (value instanceof Tuple) {
    const parts = value.items.map((item) => {
      const key = keyOf(item);
      if (key instanceof Obj) fail("Unsupported", `a key cannot be a tuple with a ${key.type}`);
      const text = `${typeof key}${String(key)}`;
      return `${text.length}:${text}`;
    });
    // Tuples inside tuples may be more to write than to hold.
    grow(parts.reduce((sum, part) => sum + part.length, 0));
    return "t" + parts.join();
  }
  if (value instanceof Range) {
    const { length, start, step } = value;
    return `r${length},${length > 0 ? start : ""},${length > 1 ? step : ""}`;
  }
  if (value instanceof Undefined) return "u";
  if (Array.isArray(value) || value instanceof Dict) {
    fail("TypeError", `a ${typeName(value)} cannot be a key`);
  }
  return value;
}

/** A dict, in the order in which its keys were added. */
export class Dict extends Obj {
  readonly #entries = new Map<unknown, [Value, Value]>();

  /** Makes a dict of pairs; of equal keys the first stays, with the last value. */
  constructor(pairs: Iterable<readonly [Value, Value]> = []) {
    super("dict");
    for (const [key, value] of pairs) this.add(key, value);
  }

  /** How many keys it has. */
  get size(): number {
    return this.#entries.size;
  }

  /** The value of a key. */
  get(key: Value): Value | undefined {
    return this.#entries.get(keyOf(key))?.[1];
  }

  /** Whether a key is there. */
  has(key: Value): boolean {
    return this.#entries.has(keyOf(key));
  }

  /** Sets a key: only while the dict is made, templates cannot change one. */
  add(key: Value, value: Value): void {
    const id = keyOf(key);
    const entry = this.#entries.get(id);
    if (entry) entry[1] = value;
    else this.#entries.set(id, [key, value]);
  }

  /** Keys and values. */
  pairs(): Array<readonly [Value, Value]> {
    return [...this.#entries.values()];
  }

  /** The keys. */
  keys(): Value[] {
    return this.pairs().map(([key]) => key);
  }
}

/** What `keys()`, `values()` and `items()` of a dict give. */
export class View extends Obj {
  /** Makes a view of a dict. */
  constructor(readonly dict: Dict, readonly part: "keys" | "values" | "items") {
    super(`dict_${part}`);
  }

  /** Its items. */
  items(): Value[] {
    return this.dict.pairs().map(([key, value]) =>
      this.part === "keys" ? key : this.part === "values" ? value : new Tuple([key, value])
    );
  }
}
