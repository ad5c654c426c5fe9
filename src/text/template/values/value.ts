/**
 * The values of a template: Python's, in JavaScript.
 *
 * None is `null`, an int is a `bigint`, a float is a `number`, a str is a `string` (seen by code points), a list
 * is an array. What else Python has is a class here. No value is ever a foreign object, so a template reaches no
 * prototype and no constructor.
 *
 * @module
 */

import { fail } from "./errors.ts";

/** A value of a template. */
export type Value = null | boolean | bigint | number | string | Value[] | Obj;

/** The arguments of a call. */
export interface Args {
  /** Those by position. */
  readonly positional: readonly Value[];
  /** Those by name. */
  readonly named: ReadonlyMap<string, Value>;
}

/** A value that is none of JavaScript's own. */
export abstract class Obj {
  /** Makes a value of a type, named as in Python. */
  constructor(readonly type: string) {}

  /** What `repr` gives, for kinds of values that `repr` does not know. */
  describe(): string | undefined {
    return undefined;
  }

  /** An attribute, for kinds of values that have their own. */
  attribute(_name: string): Value | undefined {
    return undefined;
  }

  /** What is under a key, for kinds of values that have keys. */
  keyed(_key: string): Value | undefined {
    return undefined;
  }

  /** What calling it gives, for kinds of values that can be called. */
  call?(args: Args): Value;
}

/** A tuple; `names` are the fields of a named one. */
export class Tuple extends Obj {
  /** Makes a tuple. */
  constructor(readonly items: readonly Value[], readonly names: readonly string[] = []) {
    super("tuple");
  }

  /** The attributes that it has. */
  override attribute(name: string): Value | undefined {
    const at = this.names.indexOf(name);
    return at < 0 ? undefined : this.items[at];
  }
}

/** Text that counts as escaped: it escapes what is joined to it. */
export class Markup extends Obj {
  /** Makes escaped text. */
  constructor(readonly text: string) {
    super("Markup");
  }
}

/** A `range`. */
export class Range extends Obj {
  /** How many numbers it has. */
  readonly length: number;

  /** Makes a range; `step` is not 0. */
  constructor(readonly start: bigint, readonly stop: bigint, readonly step: bigint) {
    super("range");
    const span = step > 0n ? stop - start : start - stop;
    const stride = step > 0n ? step : -step;
    this.length = span > 0n ? Number((span - 1n) / stride + 1n) : 0;
  }

  /** The attributes that it has. */
  override attribute(name: string): Value | undefined {
    return new Map([["start", this.start], ["stop", this.stop], ["step", this.step]]).get(name);
  }

  /** The number at a place from 0 to `length - 1`. */
  at(place: number): bigint {
    return this.start + BigInt(place) * this.step;
  }
}

/** What stands for something that is not there. Using it, other than printing or testing, is an error. */
export class Undefined extends Obj {
  /** Makes one that says, when it is used, what is missing. */
  constructor(
    readonly message: string,
    readonly kind: "UndefinedError" | "SecurityError" = "UndefinedError",
  ) {
    super("Undefined");
  }

  /** Throws what using it means. */
  fail(): never {
    fail(this.kind, this.message);
  }
}

/** Values that can be taken once, one after the other: a generator. */
export class Iter extends Obj {
  /** Makes one of a JavaScript iterator. */
  constructor(readonly iterator: Iterator<Value>) {
    super("generator");
  }
}

/** A function, or a method of a value. */
export class Func extends Obj {
  readonly #run: (args: Args) => Value;

  /** Makes a function. */
  constructor(run: (args: Args) => Value) {
    super("function");
    this.#run = run;
  }

  /** Calls it. */
  override call(args: Args): Value {
    return this.#run(args);
  }
}

/** A `namespace`: attributes that loops and macros may set. */
export class Namespace extends Obj {
  /** Makes a namespace of attributes. */
  constructor(readonly attributes: Map<string, Value>) {
    super("Namespace");
  }

  /** The attributes that it has. */
  override attribute(name: string): Value | undefined {
    return this.attributes.get(name);
  }

  /** Sets an attribute. */
  set(name: string, value: Value): void {
    if (name.startsWith("_")) {
      fail("SecurityError", `a namespace cannot hold "${name}", expected no leading underscore`);
    }
    this.attributes.set(name, value);
  }
}

/** Whether a value is a str. */
export function isText(value: Value): value is string | Markup {
  return typeof value === "string" || value instanceof Markup;
}

/** The characters of a str. */
export function textOf(value: string | Markup): string {
  return typeof value === "string" ? value : value.text;
}

/** Whether a value is an int; a bool is one. */
export function isInt(value: Value): value is bigint | boolean {
  return typeof value === "bigint" || typeof value === "boolean";
}

/** Whether a value is a number. */
export function isNumber(value: Value): value is bigint | boolean | number {
  return isInt(value) || typeof value === "number";
}

/** The number of an int. */
export function intOf(value: bigint | boolean): bigint {
  return typeof value === "bigint" ? value : value ? 1n : 0n;
}

/** The name of a value's type in Python. */
export function typeName(value: Value): string {
  if (value === null) return "NoneType";
  if (Array.isArray(value)) return "list";
  if (value instanceof Obj) return value.type;
  return { boolean: "bool", bigint: "int", number: "float", string: "str" }[
    typeof value as "boolean" | "bigint" | "number" | "string"
  ];
}

/** Whether a value can be called. */
export function isCallable(value: Value): boolean {
  // Calling what is undefined fails as any use of it does.
  return value instanceof Undefined || (value instanceof Obj && value.call !== undefined);
}

/** Calls a value. */
export function call(value: Value, args: Args): Value {
  if (value instanceof Undefined) value.fail();
  if (!(value instanceof Obj) || !value.call) fail("TypeError", `a ${typeName(value)} is called`);
  return value.call(args);
}
