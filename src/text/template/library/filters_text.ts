/**
 * Filters of text.
 *
 * @module
 */

import { operate } from "../values/arithmetic.ts";
import { toFloat } from "./filters_number.ts";
import { grow, spend } from "../values/budget.ts";
import { SPACES, splitLines, strip } from "../values/characters.ts";
import { capitalize } from "../values/cases.ts";
import { truth } from "../values/compare.ts";
import { Dict } from "../values/dict.ts";
import { fail } from "../values/errors.ts";
import { filter, type Filters } from "./filter.ts";
import { itemsOf, iteratorOf, length } from "../values/iterate.ts";
import { dumps } from "../values/json.ts";
import { escape, escapeText, mapText, softText } from "../values/markup.ts";
import { stripTags } from "./markup_methods.ts";
import { percentFormat } from "../values/percent.ts";
import { str } from "../values/repr.ts";
import { asInt, asText, type Bound } from "../values/signature.ts";
import { slice } from "../values/slices.ts";
import { TEXT_METHODS } from "./text_methods.ts";
import { replace } from "../values/text_parts.ts";
import { type Args, isText, Markup, textOf, Tuple, typeName, type Value } from "../values/value.ts";

const soft = (name: string, change: (text: string) => string) =>
  filter(name, "s", (bound) => mapText(softText(bound.get("s")), change));

const WORD_STARTS = new RegExp(`([-({[<${SPACES}]+)`);

function titled(text: string): string {
  spend(text.length);
  return text.split(WORD_STARTS).filter((part) => part !== "").map((part) => {
    const [first] = part;
    return first.toUpperCase() + part.slice(first.length).toLowerCase();
  }).join("");
}

function indent(bound: Bound): Value {
  const value = bound.get("s");
  const width = bound.get("width", 4n);
  const indention = isText(width) ? textOf(width) : " ".repeat(Math.max(0, asInt(width, "width")));
  grow(indention.length);
  // A value that is no text fails as adding a line to it does.
  const text = operate("+", value, "\n");
  if (!isText(text)) fail("TypeError", `a ${typeName(value)} cannot be indented`);
  const lines = splitLines(textOf(text), false);
  grow(lines.length * indention.length);
  const blank = truth(bound.get("blank", false));
  const rest = lines.slice(1).map((line) => blank || line !== "" ? indention + line : line);
  const first = truth(bound.get("first", false)) ? indention : "";
  const result = first + [lines[0], ...rest].join("\n");
  return value instanceof Markup ? new Markup(result) : result;
}

function truncateText(bound: Bound): Value {
  const value = bound.get("s");
  const most = bound.int("length", 255);
  const end = bound.get("end", "...");
  const given = bound.get("leeway");
  const leeway = given === null ? 5 : asInt(given, "leeway");
  if (most < length(end)) fail("ValueError", `length is ${most}, expected ${length(end)} or more`);
  if (leeway < 0) fail("ValueError", `leeway is ${leeway}, expected 0 or more`);
  if (length(value) <= most + leeway) return value;
  if (!isText(value)) fail("TypeError", `a ${typeName(value)} cannot be truncated`);
  const cut = slice(value, null, BigInt(most - length(end)), null) as string | Markup;
  if (truth(bound.get("killwords", false))) return operate("+", cut, end);
  const words = mapText(cut, (text) => {
    const at = text.lastIndexOf(" ");
    return at < 0 ? text : text.slice(0, at);
  });
  return operate("+", words, end);
}

function urlQuote(value: Value, inQuery: boolean): string {
  const text = str(value);
  spend(text.length);
  if (!text.isWellFormed()) fail("ValueError", "text with half a character has no URL");
  const quoted = encodeURIComponent(text).replace(
    /[!'()*]/g,
    (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`,
  );
  grow(quoted.length);
  return inQuery ? quoted.replaceAll("%20", "+") : quoted.replaceAll("%2F", "/");
}

function urlEncode(value: Value): Value {
  if (isText(value) || iteratorOf(value) === undefined) return urlQuote(value, false);
  const pairs = value instanceof Dict
    ? value.pairs().map((pair) => new Tuple(pair))
    : itemsOf(value);
  return pairs.map((pair) => {
    const parts = itemsOf(pair);
    if (parts.length !== 2) {
      fail("ValueError", `a query is made of pairs, not of ${parts.length} values`);
    }
    return parts.map((part) => urlQuote(part, true)).join("=");
  }).join("&");
}

function formatted({ positional, named }: Args): Value {
  const [value, ...values] = positional;
  if (values.length > 0 && named.size > 0) {
    fail("FilterArgumentError", "format takes values by position or by name, not both");
  }
  return percentFormat(softText(value), named.size > 0 ? new Dict(named) : new Tuple(values));
}

function fileSize(bound: Bound): Value {
  const bytes = toFloat(bound.get("value"));
  const binary = truth(bound.get("binary", false));
  const base = binary ? 1024 : 1000;
  if (bytes === 1) return "1 Byte";
  if (bytes < base) return `${percentFormat("%d", bytes)} Bytes`;
  const units = ["k", "M", "G", "T", "P", "E", "Z", "Y"];
  let at = units.findIndex((_, i) => bytes < base ** (i + 2));
  if (at < 0) at = units.length - 1;
  const prefix = binary ? `${units[at].toUpperCase()}i` : units[at];
  return `${percentFormat("%.1f", base * bytes / base ** (at + 2))} ${prefix}B`;
}

/** The filters of text. */
export const TEXT_FILTERS: Filters = [
  soft("upper", (text) => text.toUpperCase()),
  soft("lower", (text) => text.toLowerCase()),
  soft("capitalize", capitalize),
  filter("title", "s", (bound) => titled(textOf(softText(bound.get("s"))))),
  filter("trim", "value chars?", (bound) => {
    const chars = bound.get("chars");
    const set = chars === null ? null : asText(chars, "chars");
    return mapText(softText(bound.get("value")), (text) => strip(text, set, true, true));
  }),
  filter(
    "center",
    "value width?",
    (bound) =>
      mapText(softText(bound.get("value")), (text) =>
        TEXT_METHODS.get("center")!(text, {
          positional: [bound.get("width", 80n)],
          named: new Map(),
        }) as string),
  ),
  filter("indent", "s width? first? blank?", indent),
  filter("truncate", "s length? killwords? end? leeway?", truncateText),
  filter("replace", "s old new count?", (bound) => {
    const count = bound.get("count");
    const [s, old, by] = ["s", "old", "new"].map((name) => str(bound.get(name)));
    return replace(s, old, by, count === null ? -1 : asInt(count, "count"));
  }),
  filter(
    "wordcount",
    "s",
    (bound) => {
      const text = textOf(softText(bound.get("s")));
      spend(text.length);
      return BigInt(text.match(/[\p{L}\p{N}_]+/gu)?.length ?? 0);
    },
  ),
  filter("string", "s /", (bound) => softText(bound.get("s"))),
  ["format", formatted],
  filter(
    "tojson",
    "x ensure_ascii? indent? separators? sort_keys?",
    (bound) => dumps(bound.get("x"), bound),
  ),
  filter("urlencode", "value", (bound) => urlEncode(bound.get("value"))),
  filter("escape", "s /", (bound) => escape(bound.get("s"))),
  filter("e", "s /", (bound) => escape(bound.get("s"))),
  filter("forceescape", "value", (bound) => new Markup(escapeText(str(bound.get("value"))))),
  filter("safe", "value", (bound) => new Markup(str(bound.get("value")))),
  filter("striptags", "value", (bound) => stripTags(str(bound.get("value")))),
  filter("filesizeformat", "value binary?", fileSize),
];
