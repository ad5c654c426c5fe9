/**
 * The variables of a template while it is rendered.
 *
 * @module
 */

import type { Symbols } from "../syntax/symbols.ts";
import type { Value } from "../values/value.ts";

/** What a template sees: the functions that all have, what it was given, and what its top level has set. */
export class Context {
  readonly #given: ReadonlyMap<string, Value>;
  readonly #set = new Map<string, Value>();

  /** Takes what is given. */
  constructor(given: ReadonlyMap<string, Value>) {
    this.#given = given;
  }

  /** A variable, or `undefined` for one that is not there. */
  get(name: string): Value | undefined {
    const value = this.#set.get(name);
    return value === undefined ? this.#given.get(name) : value;
  }

  /** Sets a variable at the top level. */
  set(name: string, value: Value): void {
    this.#set.set(name, value);
  }

  /** The same, with more variables. */
  with(variables: Iterable<readonly [string, Value]>): Context {
    return new Context(new Map([...this.#given, ...this.#set, ...variables]));
  }
}

/** The variables of one call: of a template, a macro, or a recursive loop. */
export class Scope {
  /** What names mean that no scope sets. */
  readonly context: Context;
  readonly #around: Scope | undefined;
  readonly #values = new Map<string, Value | undefined>();

  /** A scope within `around`, which its macros keep. */
  constructor(context: Context, around?: Scope) {
    this.context = context;
    this.#around = around;
  }

  /** The value of a variable; `undefined` for one that has none. */
  get(id: string): Value | undefined {
    return this.#values.has(id) ? this.#values.get(id) : this.#around?.get(id);
  }

  /** Sets a variable. */
  set(id: string, value: Value | undefined): void {
    this.#values.set(id, value);
  }

  /** Gives variables what they begin with. */
  enter(symbols: Symbols): void {
    for (const [id, origin] of symbols.origins) {
      if (origin.from === "context") this.set(id, this.context.get(origin.name));
      else if (origin.from === "variable") this.set(id, this.get(origin.id));
      else if (origin.from === "nothing") this.set(id, undefined);
    }
  }

  /** Leaves them without values. */
  leave(symbols: Symbols): void {
    for (const id of symbols.origins.keys()) this.set(id, undefined);
  }
}
