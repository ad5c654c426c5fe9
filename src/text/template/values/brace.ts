/**
 * `"{} {name}".format(...)`.
 *
 * @module
 */

import { grow } from "./budget.ts";
import { fail } from "./errors.ts";
import { points } from "./characters.ts";
import { repr, str, textRepr } from "./repr.ts";
import { type Args, isText, textOf, type Value } from "./value.ts";

/** How deep formats may have formats inside. */
const MAX_DEPTH = 2;

/** What a format does with values. */
export interface Reach {
  /** `value.name`. */
  readonly attribute: (value: Value, name: string) => Value;
  /** `value[key]`. */
  readonly item: (value: Value, key: Value) => Value;
  /** `format(value, spec)`. */
  readonly write: (value: Value, spec: string) => string;
}

class Formatter {
  readonly #args: Args;
  readonly #reach: Reach;
  /** The number of the next `{}`. */
  #next = 0;
  /** Whether there was a place with a number. */
  #numbered = false;

  constructor(args: Args, reach: Reach) {
    this.#args = args;
    this.#reach = reach;
  }

  format(text: string, depth = MAX_DEPTH): string {
    if (depth < 0) fail("ValueError", "formats are nested too deep");
    let result = "";
    for (let at = 0; at < text.length;) {
      const sign = text[at];
      if ((sign === "{" || sign === "}") && text[at + 1] === sign) {
        result += sign;
        at += 2;
      } else if (sign === "}") {
        fail("ValueError", 'a format has a lone "}"');
      } else if (sign === "{") {
        const end = this.#end(text, at);
        result += this.#place(text.slice(at + 1, end), depth);
        at = end + 1;
      } else {
        result += sign;
        at++;
      }
      grow(result.length);
    }
    return result;
  }

  /** Where the place that begins at `start` ends. */
  #end(text: string, start: number): number {
    let open = 0;
    let bracket = false;
    for (let at = start; at < text.length; at++) {
      if (text[at] === "[" && open === 1) bracket = true;
      else if (text[at] === "]") bracket = false;
      else if (text[at] === "{" && !bracket) open++;
      else if (text[at] === "}" && !bracket && --open === 0) return at;
    }
    return fail("ValueError", 'a format has a lone "{"');
  }

  #place(text: string, depth: number): string {
    const [, field, mark, conversion, spec = ""] =
      /^((?:[^!:[{]|\[[^\]]*\])*)(?:(!)([^:]*))?(?::([^]*))?$/.exec(text) ??
        fail("ValueError", `a format has "{${text}}"`);
    if (mark && conversion.length !== 1) fail("ValueError", `a format has "{${text}}"`);
    const value = convert(this.#value(field), conversion);
    return this.#reach.write(value, this.format(spec, depth - 1));
  }

  #value(field: string): Value {
    const [first] = /^[^.[]*/.exec(field)!;
    let value = this.#first(first, field);
    let rest = field.slice(first.length);
    while (rest !== "") {
      const part = /^(?:\.([^.[]+)|\[([^\]]+)\])/.exec(rest) ??
        fail("ValueError", `a format has "{${field}}"`);
      rest = rest.slice(part[0].length);
      if (part[1] !== undefined) value = this.#reach.attribute(value, part[1]);
      else value = this.#reach.item(value, /^\d+$/.test(part[2]) ? BigInt(part[2]) : part[2]);
    }
    return value;
  }

  /** The value that a field begins with. */
  #first(name: string, field: string): Value {
    if (field !== "" && !/^\d+$/.test(name)) {
      const value = this.#args.named.get(name);
      if (value === undefined) fail("KeyError", `the format's "${name}" is not given`);
      return value;
    }
    // Only places that are nothing but a number, or nothing, count as numbered or not.
    const counted = field === "" ? this.#numbered : field === name && this.#next > 0;
    if (counted) fail("ValueError", "a format has numbered places and others");
    this.#numbered ||= field === name && field !== "";
    const at = field === "" ? this.#next++ : Number(name);
    const value = this.#args.positional[at];
    if (value === undefined) fail("IndexError", `the format's value ${at} is not given`);
    return value;
  }
}

function convert(value: Value, conversion: string | undefined): Value {
  switch (conversion) {
    case undefined:
      return value;
    case "s":
      return str(value);
    case "r":
      return repr(value);
    case "a":
      return isText(value) ? textRepr(textOf(value), true) : ascii(repr(value));
  }
  return fail("ValueError", `a format has the conversion "${conversion}"`);
}

function ascii(text: string): string {
  return points(text).map((point) => point > "\x7f" ? textRepr(point, true).slice(1, -1) : point)
    .join("");
}

/** A text with values put into its places. */
export function braceFormat(format: string, args: Args, reach: Reach): string {
  return new Formatter(args, reach).format(format);
}
