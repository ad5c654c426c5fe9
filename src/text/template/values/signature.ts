/**
 * Which argument of a call is which parameter, by Python's rules.
 *
 * @module
 */

import { fail } from "./errors.ts";
import { type Args, intOf, isInt, isText, textOf, typeName, type Value } from "./value.ts";

/** The values of parameters by name; one that is not given is absent. */
export class Bound {
  readonly #values: ReadonlyMap<string, Value>;

  /** Takes the values. */
  constructor(values: ReadonlyMap<string, Value>) {
    this.#values = values;
  }

  /** The value of a parameter, or what it is where it is not given. */
  get(name: string, otherwise: Value = null): Value {
    const value = this.#values.get(name);
    return value === undefined ? otherwise : value;
  }

  /** A parameter that is a text. */
  text(name: string, otherwise?: string): string {
    const value = this.#values.get(name);
    if (value === undefined && otherwise !== undefined) return otherwise;
    return asText(value === undefined ? null : value, name);
  }

  /** A parameter that is an int, as a number that may be as large as JavaScript's safe ones. */
  int(name: string, otherwise?: number): number {
    const value = this.#values.get(name);
    if (value === undefined && otherwise !== undefined) return otherwise;
    return asInt(value === undefined ? null : value, name);
  }
}

/** A value as text; throws `TypeError` for another. */
export function asText(value: Value, what: string): string {
  if (!isText(value)) fail("TypeError", `${what} is a ${typeName(value)}, expected a str`);
  return textOf(value);
}

/** A value as a whole number; throws `TypeError` for another. Numbers beyond JavaScript's are cut to its range. */
export function asInt(value: Value, what: string): number {
  if (!isInt(value)) fail("TypeError", `${what} is a ${typeName(value)}, expected an int`);
  const number = Number(intOf(value));
  return Math.max(Math.min(number, Number.MAX_SAFE_INTEGER), Number.MIN_SAFE_INTEGER);
}

/**
 * The values of the parameters of `name`. `spec` lists them: `"sep? maxsplit?"`, `?` after those that need not be
 * given, and `/` after those that have no name for callers.
 */
export function bind(name: string, spec: string, args: Args): Bound {
  const words = spec.split(" ").filter((word) => word !== "");
  const slash = words.indexOf("/");
  const params = words.filter((word) => word !== "/");
  const names = params.map((word) => word.replace("?", ""));
  const values = new Map<string, Value>();
  if (args.positional.length > names.length) {
    fail("TypeError", `${name} takes ${names.length} arguments, not ${args.positional.length}`);
  }
  args.positional.forEach((value, i) => values.set(names[i], value));
  for (const [key, value] of args.named) {
    const at = names.indexOf(key);
    if (at < Math.max(slash, 0)) fail("TypeError", `${name} has no argument named "${key}"`);
    if (values.has(key)) fail("TypeError", `${name} is given "${key}" twice`);
    values.set(key, value);
  }
  const missing = params.find((word) => !word.endsWith("?") && !values.has(word));
  if (missing !== undefined) fail("TypeError", `${name} is not given "${missing}"`);
  return new Bound(values);
}
