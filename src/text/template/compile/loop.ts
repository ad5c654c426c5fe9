/**
 * The variable `loop` of a `{% for %}`.
 *
 * @module
 */

import { fail } from "../values/errors.ts";
import { iterate, lengthOf, Sized } from "../values/iterate.ts";
import { equals } from "../values/compare.ts";
import { bind } from "../values/signature.ts";
import { type Args, Func, Tuple, Undefined, type Value } from "../values/value.ts";

/** Renders the body of a recursive loop for other items, one level deeper. */
export type Recurse = (items: Value, depth: bigint) => Value;

/** Where a loop is, and what it goes through. */
export class LoopContext extends Sized {
  readonly #items: Value;
  readonly #recurse: Recurse | undefined;
  readonly #depth0: bigint;
  #iterator: Iterator<Value>;
  #length: number | undefined;
  #index0 = -1;
  /** The next item, where somebody has looked ahead. */
  #ahead: IteratorResult<Value> | undefined;
  #before: Value | undefined;
  #current: Value | undefined;
  #changed: readonly Value[] | undefined;

  /** Goes through `items`; `recurse` is there in recursive loops only. */
  constructor(items: Value, recurse?: Recurse, depth0 = 0n) {
    super("LoopContext");
    this.#items = items;
    this.#iterator = iterate(items);
    this.#recurse = recurse;
    this.#depth0 = depth0;
  }

  /** The number of the round, from 1. */
  get index(): number {
    return this.#index0 + 1;
  }

  /** How many rounds there are. */
  override get length(): number {
    this.#length ??= lengthOf(this.#items);
    if (this.#length === undefined) {
      // What has no length is taken whole.
      const rest: Value[] = [];
      for (let next = this.#iterator.next(); !next.done; next = this.#iterator.next()) {
        rest.push(next.value);
      }
      this.#iterator = rest[Symbol.iterator]();
      this.#length = rest.length + this.index + (this.#ahead && !this.#ahead.done ? 1 : 0);
    }
    return this.#length;
  }

  #peek(): IteratorResult<Value> {
    return this.#ahead ??= this.#iterator.next();
  }

  /** Goes on to the next item. */
  next(): IteratorResult<Value> {
    const next = this.#ahead && !this.#ahead.done ? this.#ahead : this.#iterator.next();
    this.#ahead = undefined;
    if (!next.done) {
      this.#index0++;
      this.#before = this.#current;
      this.#current = next.value;
    }
    return next;
  }

  /** Goes through its items. */
  override *iterator(): Generator<Value> {
    for (let next = this.next(); !next.done; next = this.next()) {
      yield new Tuple([next.value, this]);
    }
  }

  /** What `repr` gives. */
  override describe(): string {
    return `<LoopContext ${this.index}/${this.length}>`;
  }

  /** The attributes that it has. */
  override attribute(name: string): Value | undefined {
    switch (name) {
      case "index":
        return BigInt(this.index);
      case "index0":
        return BigInt(this.#index0);
      case "length":
        return BigInt(this.length);
      case "revindex":
        return BigInt(this.length - this.#index0);
      case "revindex0":
        return BigInt(this.length - this.index);
      case "first":
        return this.#index0 === 0;
      case "last":
        return this.#peek().done === true;
      case "depth":
        return this.#depth0 + 1n;
      case "depth0":
        return this.#depth0;
      case "previtem":
        if (this.#index0 === 0) return new Undefined("there is no previous item");
        return this.#before;
      case "nextitem": {
        const next = this.#peek();
        return next.done ? new Undefined("there is no next item") : next.value;
      }
      case "cycle":
        return new Func((args) => this.#cycle(args));
      case "changed":
        return new Func((args) => this.#hasChanged(args));
    }
    return undefined;
  }

  #cycle({ positional, named }: Args): Value {
    if (named.size > 0) bind("cycle", "", { positional: [], named });
    if (positional.length === 0) fail("TypeError", "cycle is given nothing to go through");
    return positional[this.#index0 % positional.length];
  }

  #hasChanged({ positional, named }: Args): Value {
    if (named.size > 0) bind("changed", "", { positional: [], named });
    const same = this.#changed !== undefined &&
      equals(new Tuple(this.#changed), new Tuple(positional));
    if (!same) this.#changed = positional;
    return !same;
  }

  /** Renders the body for other items. */
  override call(args: Args): Value {
    const items = bind("loop", "iterable", args).get("iterable");
    if (!this.#recurse) fail("TypeError", "loop is called, expected a loop that is recursive");
    return this.#recurse(items, this.#depth0 + 1n);
  }
}
