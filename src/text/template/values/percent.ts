/**
 * The operator `%` of texts: formatting in the manner of `printf`.
 *
 * @module
 */

import { floatOf, truncate } from "./conversions.ts";
import { grow, spend } from "./budget.ts";
import { pointCount, points } from "./characters.ts";
import { Dict } from "./dict.ts";
import { fail } from "./errors.ts";
import { escape, escapeText } from "./markup.ts";
import { floatDigits, intDigits } from "./number_format.ts";
import { repr, str, textRepr } from "./repr.ts";
import {
  intOf,
  isInt,
  isNumber,
  isText,
  Markup,
  Range,
  textOf,
  Tuple,
  typeName,
  Undefined,
  type Value,
} from "./value.ts";

const CONVERSION =
  /%(?:\(((?:[^()]|\([^()]*\))*)\))?([-#0 +]*)(\*|\d+)?(\.(?:\*|\d+)?)?[hlL]?([^]?)/gu;

/** Hands out the values of a format, in order or by name. */
class Source {
  readonly #value: Value;
  readonly #list: readonly Value[] | undefined;
  #next = 0;

  constructor(value: Value) {
    this.#value = value;
    this.#list = value instanceof Tuple ? value.items : undefined;
  }

  get #byName(): boolean {
    const value = this.#value;
    return Array.isArray(value) || value instanceof Dict || value instanceof Range ||
      value instanceof Undefined;
  }

  take(): Value {
    const at = this.#next++;
    if (this.#list ? at < this.#list.length : at === 0) {
      return this.#list ? this.#list[at] : this.#value;
    }
    fail("TypeError", "the format has more places than values");
  }

  named(name: string): Value {
    this.#next = 1;
    const value = this.#value;
    if (value instanceof Undefined) value.fail();
    if (!(value instanceof Dict)) fail("TypeError", "the format has names, expected a dict");
    const found = value.get(name);
    if (found === undefined) fail("KeyError", `the format's "${name}" is not in the dict`);
    return found;
  }

  /** Throws where values are left. */
  finish(): void {
    if (this.#next < (this.#list?.length ?? 1) && !this.#byName) {
      fail("TypeError", "the format has fewer places than values");
    }
  }
}

function integer(value: Value, form: string): bigint {
  if (isInt(value)) return intOf(value);
  if (value instanceof Undefined) value.fail();
  if (typeof value !== "number" || !"diu".includes(form)) {
    fail("TypeError", `%${form} does not go with a ${typeName(value)}`);
  }
  return truncate(value);
}

function float(value: Value, form: string): number {
  if (value instanceof Undefined) value.fail();
  if (!isNumber(value)) fail("TypeError", `%${form} does not go with a ${typeName(value)}`);
  return floatOf(value);
}

function character(value: Value): string {
  if (isInt(value)) {
    const code = intOf(value);
    if (code < 0n || code > 0x10ffffn) fail("OverflowError", "%c does not go with such an int");
    return String.fromCodePoint(Number(code));
  }
  if (isText(value) && pointCount(textOf(value)) === 1) return textOf(value);
  return fail("TypeError", "%c goes with an int or one character");
}

/** A number with its sign, filled with zeros where the flags say so. */
function numeric(
  digits: string,
  negative: boolean,
  flags: string,
  width: number,
  zeros: boolean,
): string {
  const sign = negative ? "-" : flags.includes("+") ? "+" : flags.includes(" ") ? " " : "";
  if (!zeros || flags.includes("-")) return sign + digits;
  const mark = /^0[xXo]/.exec(digits)?.[0] ?? "";
  return sign + mark + digits.slice(mark.length).padStart(width - sign.length - mark.length, "0");
}

/** `format % values`; values put into escaped text are escaped. */
export function percentFormat(format: string | Markup, values: Value): Value {
  const source = new Source(values);
  const escaped = format instanceof Markup;
  const shown = (value: Value) => escaped ? escape(value).text : str(value);
  const quoted = (value: Value) => escaped ? escapeText(repr(value)) : repr(value);
  const convert = (
    match: string,
    name: string | undefined,
    flags: string,
    width: string | undefined,
    precision: string | undefined,
    form: string,
  ): string => {
    if (match === "%%") return "%";
    if (form === "") fail("ValueError", "the format ends within a place");
    const value = name === undefined ? undefined : source.named(name);
    const size = (text: string | undefined): number | undefined => {
      if (text !== "*") return text === undefined ? undefined : Number(text || "0");
      const taken = source.take();
      if (!isInt(taken)) fail("TypeError", "* goes with an int");
      return Number(intOf(taken));
    };
    let wide = size(width) ?? 0;
    if (wide < 0) {
      flags += "-";
      wide = -wide;
    }
    grow(wide);
    const given = size(precision?.slice(1));
    const places = given === undefined ? undefined : Math.max(given, 0);
    const next = () => value === undefined ? source.take() : value;
    const pad = (text: string) => {
      const fill = " ".repeat(Math.max(0, wide - pointCount(text)));
      return flags.includes("-") ? text + fill : fill + text;
    };
    const cut = (text: string) =>
      pad(places === undefined ? text : points(text).slice(0, places).join(""));
    if (form === "s") return cut(shown(next()));
    if (form === "r") return cut(quoted(next()));
    if (form === "a") {
      const taken = next();
      return cut(isText(taken) ? textRepr(textOf(taken), true) : asciiOnly(quoted(taken)));
    }
    if (form === "c") return pad(character(next()));
    const zeros = flags.includes("0");
    if ("diuoxX".includes(form)) {
      const number = integer(next(), form);
      const size = number < 0n ? -number : number;
      const digits = intDigits(size, form, false).padStart(places ?? 0, "0");
      const marked = flags.includes("#") && "oxX".includes(form) ? `0${form}${digits}` : digits;
      return pad(numeric(marked, number < 0n, flags, wide, zeros));
    }
    if ("eEfFgG".includes(form)) {
      const number = float(next(), form);
      const digits = floatDigits(Math.abs(number), {
        form,
        precision: places ?? 6,
        full: flags.includes("#"),
      });
      return pad(numeric(digits, number < 0 || Object.is(number, -0), flags, wide, zeros));
    }
    return fail("ValueError", `the format has "${match}", expected a known letter at its end`);
  };
  spend(textOf(format).length);
  const result = textOf(format).replace(CONVERSION, convert);
  grow(result.length);
  source.finish();
  return escaped ? new Markup(result) : result;
}

function asciiOnly(text: string): string {
  return points(text).map((point) => point > "\x7f" ? textRepr(point, true).slice(1, -1) : point)
    .join("");
}
