/**
 * Values as text: Python's `str` and `repr`.
 *
 * @module
 */

import { CLASSES, points } from "./characters.ts";
import { grow, spend } from "./budget.ts";
import { floatText } from "./decimal.ts";
import { Dict, View } from "./dict.ts";
import { fail } from "./errors.ts";
import { Markup, Namespace, type Obj, Range, Tuple, Undefined, type Value } from "./value.ts";

/** As deep as Python writes values inside values. */
const MAX_DEPTH = 900;
/** The most digits that Python writes of an int. */
const MAX_INT = 10n ** 4300n;

const ESCAPES: Readonly<Record<string, string>> = {
  "\\": "\\\\",
  "\n": "\\n",
  "\r": "\\r",
  "\t": "\\t",
};

/** An int as text. */
export function intText(value: bigint): string {
  if (value >= MAX_INT || value <= -MAX_INT) {
    fail("ValueError", "an int has more than the 4300 digits that Python writes");
  }
  return String(value);
}

/** A text in quotes, with escapes for what cannot be printed, and with `ascii` for what is not ASCII. */
export function textRepr(text: string, ascii = false): string {
  spend(text.length);
  const quote = text.includes("'") && !text.includes('"') ? '"' : "'";
  const body = points(text).map((point) => {
    if (point === quote) return "\\" + point;
    if (point in ESCAPES) return ESCAPES[point];
    if (CLASSES.printable.test(point) && !(ascii && point > "\x7f")) return point;
    const code = point.codePointAt(0)!;
    const hex = code.toString(16);
    if (code <= 0xff) return `\\x${hex.padStart(2, "0")}`;
    return code <= 0xffff ? `\\u${hex.padStart(4, "0")}` : `\\U${hex.padStart(8, "0")}`;
  }).join("");
  return quote + body + quote;
}

/** What `repr` gives. Values that Python prints with an address are refused, as no two runs agree. */
export function repr(value: Value, depth = 0): string {
  spend();
  if (depth > MAX_DEPTH) fail("RecursionError", `values are nested deeper than ${MAX_DEPTH}`);
  const inner = (item: Value) => repr(item, depth + 1);
  const list = (items: readonly Value[]) => joined(items.map(inner));
  switch (typeof value) {
    case "string":
      return textRepr(value);
    case "boolean":
      return value ? "True" : "False";
    case "bigint":
      return intText(value);
    case "number":
      return floatText(value);
  }
  if (value === null) return "None";
  if (Array.isArray(value)) return `[${list(value)}]`;
  if (value instanceof Tuple) {
    return value.items.length === 1 ? `(${inner(value.items[0])},)` : `(${list(value.items)})`;
  }
  if (value instanceof Dict) return dictRepr(value, inner);
  if (value instanceof Namespace) {
    return `<Namespace ${dictRepr(new Dict(value.attributes), inner)}>`;
  }
  if (value instanceof View) return `${value.type}([${list(value.items())}])`;
  return objectRepr(value);
}

function objectRepr(value: Obj): string {
  if (value instanceof Markup) return `Markup(${textRepr(value.text)})`;
  if (value instanceof Undefined) return "Undefined";
  if (value instanceof Range) {
    const { start, stop, step } = value;
    return `range(${start}, ${stop}${step === 1n ? "" : `, ${step}`})`;
  }
  const text = value.describe();
  if (text !== undefined) return text;
  fail(
    "Unsupported",
    `text of a ${value.type}: Python writes an address that changes from run to run`,
  );
}

function dictRepr(dict: Dict, inner: (value: Value) => string): string {
  return `{${joined(dict.pairs().map(([key, value]) => `${inner(key)}: ${inner(value)}`))}}`;
}

function joined(parts: readonly string[]): string {
  grow(parts.reduce((sum, part) => sum + part.length + 2, 0));
  return parts.join(", ");
}

/** What `str` gives. */
export function str(value: Value): string {
  if (typeof value === "string") return value;
  if (value instanceof Markup) return value.text;
  if (value instanceof Undefined) return "";
  return repr(value);
}
