/**
 * The filter `tojson`, as transformers defines it: Python's `json.dumps`, with what is not ASCII as it is.
 *
 * @module
 */

import { grow, spend } from "./budget.ts";
import { sorted, truth } from "./compare.ts";
import { floatText } from "./decimal.ts";
import { Dict } from "./dict.ts";
import { fail } from "./errors.ts";
import { itemsOf } from "./iterate.ts";
import { intText } from "./repr.ts";
import { asInt, asText, type Bound } from "./signature.ts";
import { isText, textOf, Tuple, typeName, type Value } from "./value.ts";

/** As deep as Python's encoder goes. */
const MAX_DEPTH = 900;

const ESCAPES: Readonly<Record<string, string>> = {
  '"': '\\"',
  "\\": "\\\\",
  "\n": "\\n",
  "\r": "\\r",
  "\t": "\\t",
  "\b": "\\b",
  "\f": "\\f",
};

interface Style {
  readonly ascii: boolean;
  readonly indent: string | undefined;
  readonly comma: string;
  readonly colon: string;
  readonly sort: boolean;
}

const hex = (unit: number): string => `\\u${unit.toString(16).padStart(4, "0")}`;

function quote(text: string, ascii: boolean): string {
  spend(text.length);
  // deno-lint-ignore no-control-regex -- JSON escapes control characters.
  let quoted = text.replace(/["\\\x00-\x1f]/g, (sign) => ESCAPES[sign] ?? hex(sign.charCodeAt(0)));
  // Beyond 16 bits each half is escaped, as JSON has it.
  if (ascii) quoted = quoted.replace(/[^\x20-\x7e]/g, (unit) => hex(unit.charCodeAt(0)));
  return `"${quoted}"`;
}

function float(value: number): string {
  if (Number.isNaN(value)) return "NaN";
  if (!Number.isFinite(value)) return value < 0 ? "-Infinity" : "Infinity";
  return floatText(value);
}

/** A value that is neither a list nor a dict; `undefined` for those. */
function scalar(value: Value, ascii: boolean): string | undefined {
  if (value === null) return "null";
  if (isText(value)) return quote(textOf(value), ascii);
  if (typeof value === "boolean") return value ? "true" : "false";
  if (typeof value === "bigint") return intText(value);
  return typeof value === "number" ? float(value) : undefined;
}

function key(value: Value, style: Style): string {
  if (isText(value)) return quote(textOf(value), style.ascii);
  const text = scalar(value, style.ascii);
  if (text === undefined) fail("TypeError", `a ${typeName(value)} is no key of JSON`);
  return `"${text}"`;
}

function write(value: Value, style: Style, depth: number): string {
  spend();
  if (depth > MAX_DEPTH) fail("RecursionError", `values are nested deeper than ${MAX_DEPTH}`);
  const text = scalar(value, style.ascii);
  if (text !== undefined) return text;
  let parts: string[];
  let brackets: string;
  if (value instanceof Dict) {
    const pairs = style.sort
      ? sorted(value.pairs().map((pair) => new Tuple(pair)), (pair) => pair, false).map(itemsOf)
      : value.pairs();
    parts = pairs.map(([k, v]) => key(k, style) + style.colon + write(v, style, depth + 1));
    brackets = "{}";
  } else if (Array.isArray(value) || value instanceof Tuple) {
    const items = Array.isArray(value) ? value : value.items;
    parts = items.map((item) => write(item, style, depth + 1));
    brackets = "[]";
  } else fail("TypeError", `a ${typeName(value)} has no JSON`);
  if (parts.length === 0) return brackets;
  const line = style.indent === undefined ? "" : `\n${style.indent.repeat(depth + 1)}`;
  const last = style.indent === undefined ? "" : `\n${style.indent.repeat(depth)}`;
  grow(parts.reduce((sum, part) => sum + part.length + line.length + style.comma.length, 0));
  return brackets[0] + line + parts.join(style.comma + line) + last + brackets[1];
}

function indentOf(value: Value): string | undefined {
  if (value === null) return undefined;
  if (isText(value)) return textOf(value);
  const width = Math.max(0, asInt(value, "indent"));
  grow(width);
  return " ".repeat(width);
}

/** The JSON of a value, in the style of the parameters `ensure_ascii indent separators sort_keys`. */
export function dumps(value: Value, options: Bound): string {
  const separators = options.get("separators");
  const given = separators === null
    ? undefined
    : itemsOf(separators).map((separator) => asText(separator, "a separator"));
  if (given && given.length !== 2) fail("ValueError", "separators are two");
  const ascii = truth(options.get("ensure_ascii", false));
  // Python looks at the indent only where there is something to indent.
  if (isText(value)) return quote(textOf(value), ascii);
  const indent = indentOf(options.get("indent"));
  const [comma, colon] = given ?? [indent === undefined ? ", " : ",", ": "];
  return write(value, {
    ascii,
    indent,
    comma,
    colon,
    sort: truth(options.get("sort_keys", false)),
  }, 0);
}
