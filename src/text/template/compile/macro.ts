/**
 * Macros, and the bodies of `{% call %}` blocks.
 *
 * @module
 */

import { Dict } from "../values/dict.ts";
import { fail } from "../values/errors.ts";
import { type Args, Obj, Tuple, Undefined, type Value } from "../values/value.ts";

/** What a macro takes, and which of the special variables its body uses. */
export interface MacroShape {
  /** Its name; null for the body of a block. */
  readonly label: string | null;
  /** The names of its parameters. */
  readonly parameters: readonly string[];
  /** Whether the body uses `kwargs`, `varargs` and `caller` without declaring them. */
  readonly kwargs: boolean;
  /** See `kwargs`. */
  readonly varargs: boolean;
  /** See `kwargs`; also true where `caller` is a parameter that the body uses. */
  readonly caller: boolean;
}

/** Renders a macro's body with variables by name; those of absent parameters are absent. */
export type MacroBody = (variables: ReadonlyMap<string, Value>) => string;

/** A macro. */
export class Macro extends Obj {
  readonly #shape: MacroShape;
  readonly #body: MacroBody;

  /** Makes a macro of a body. */
  constructor(shape: MacroShape, body: MacroBody) {
    super("Macro");
    this.#shape = shape;
    this.#body = body;
  }

  /** Its name. */
  get label(): string | null {
    return this.#shape.label;
  }

  /** What `repr` gives. */
  override describe(): string {
    return `<Macro ${this.label === null ? "anonymous" : `'${this.label}'`}>`;
  }

  /** The attributes that it has. */
  override attribute(name: string): Value | undefined {
    const { label, parameters, kwargs, varargs, caller } = this.#shape;
    const attributes: Readonly<Record<string, Value>> = {
      name: label,
      arguments: new Tuple(parameters),
      catch_kwargs: kwargs,
      catch_varargs: varargs,
      caller,
      explicit_caller: parameters.includes("caller"),
    };
    return Object.hasOwn(attributes, name) ? attributes[name] : undefined;
  }

  /** Calls it, by the rules of Jinja2. */
  override call(args: Args): Value {
    const { label, parameters, kwargs, varargs, caller } = this.#shape;
    const name = `macro "${label ?? "caller"}"`;
    const named = new Map(args.named);
    const variables = new Map<string, Value>();
    let callerFound = false;
    parameters.forEach((parameter, i) => {
      if (i < args.positional.length) variables.set(parameter, args.positional[i]);
      else {
        const value = named.get(parameter);
        if (value !== undefined) variables.set(parameter, value);
        named.delete(parameter);
        if (parameter === "caller") callerFound = true;
      }
    });
    if (args.positional.length >= parameters.length) callerFound = parameters.includes("caller");
    if (caller && !callerFound) {
      const given = named.get("caller");
      const none = given === undefined || given === null;
      variables.set("caller", none ? new Undefined("there is no caller") : given);
      named.delete("caller");
    }
    if (kwargs) variables.set("kwargs", new Dict(named));
    else if (named.size > 0) fail("TypeError", `${name} has no argument "${[...named.keys()][0]}"`);
    const rest = args.positional.slice(parameters.length);
    if (varargs) variables.set("varargs", new Tuple(rest));
    else if (rest.length > 0) {
      fail(
        "TypeError",
        `${name} takes ${parameters.length} arguments, not ${args.positional.length}`,
      );
    }
    return this.#body(variables);
  }
}
