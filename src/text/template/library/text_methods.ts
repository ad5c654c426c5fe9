/**
 * The methods of `str`.
 *
 * @module
 */

import { grow, scan, search, spend } from "../values/budget.ts";
import { capitalize, caseFold, isCase, isTitle, swapCase, title } from "../values/cases.ts";
import { CLASSES, pointCount, points, splitLines, strip } from "../values/characters.ts";
import { fail } from "../values/errors.ts";
import { each } from "../values/iterate.ts";
import { asInt, asText, bind, type Bound } from "../values/signature.ts";
import { sliceBounds } from "../values/slices.ts";
import { join, replace, split } from "../values/text_parts.ts";
import { type Args, Tuple, type Value } from "../values/value.ts";

/** A method of `str`. */
export type TextMethod = (text: string, args: Args) => Value;

/** A method with parameters. */
const method =
  (name: string, spec: string, run: (text: string, bound: Bound) => Value): TextMethod =>
  (text, args) => run(text, bind(`str.${name}`, spec, args));

const is = (
  name: string,
  test: (text: string) => boolean,
): [string, TextMethod] => [name, method(name, "", test)];

/** Whether all characters are of a class, and there is one. */
const all = (kind: keyof typeof CLASSES) => (text: string): boolean =>
  text !== "" && points(text).every((point) => CLASSES[kind].test(point));

const changed = (name: string, change: (text: string) => string): [string, TextMethod] => [
  name,
  method(name, "", (text) => {
    spend(text.length);
    const result = change(text);
    grow(result.length);
    return result;
  }),
];

const stripped = (name: string, left: boolean, right: boolean): [string, TextMethod] => [
  name,
  method(name, "chars? /", (text, bound) => {
    const chars = bound.get("chars");
    return strip(text, chars === null ? null : asText(chars, "chars"), left, right);
  }),
];

/** The part of a text between the parameters `start` and `end`, and where it begins. */
function part(text: string, bound: Bound): { inside: string; start: number } | undefined {
  const [from, to] = [bound.get("start"), bound.get("end")];
  scan(text.length);
  if (from === null && to === null) return { inside: text, start: 0 };
  const all = points(text);
  const [start, end] = sliceBounds(all.length, from, to, 1);
  // A start behind the end finds nothing, not even an empty text.
  if (end < start || (from !== null && asInt(from, "start") > all.length)) return undefined;
  return { inside: all.slice(start, end).join(""), start };
}

const SEARCH = "sub start? end? /";

/** Where `sub` is, in characters, or -1. */
function find(text: string, bound: Bound, last: boolean): number {
  const sub = bound.text("sub");
  const within = part(text, bound);
  if (within === undefined) return -1;
  const { inside, start } = within;
  search(inside, sub);
  const unit = last ? inside.lastIndexOf(sub) : inside.indexOf(sub);
  return unit < 0 ? -1 : start + pointCount(inside.slice(0, unit));
}

const found = (name: string, last: boolean, strict: boolean): [string, TextMethod] => [
  name,
  method(name, SEARCH, (text, bound) => {
    const at = find(text, bound, last);
    if (at < 0 && strict) fail("ValueError", `"${bound.text("sub")}" is not in the text`);
    return BigInt(at);
  }),
];

function count(text: string, bound: Bound): bigint {
  const sub = bound.text("sub");
  const within = part(text, bound);
  if (within === undefined) return 0n;
  if (sub === "") return BigInt(pointCount(within.inside) + 1);
  search(within.inside, sub);
  let count = 0n;
  for (let at = 0; (at = within.inside.indexOf(sub, at)) >= 0; at += sub.length) {
    spend();
    count++;
  }
  return count;
}

const affixed = (
  name: string,
  test: (text: string, affix: string) => boolean,
): [string, TextMethod] => [
  name,
  method(name, "affix start? end? /", (text, bound) => {
    const affix = bound.get("affix");
    const affixes = affix instanceof Tuple ? affix.items : [affix];
    const texts = affixes.map((each) => asText(each, `the argument of ${name}`));
    const within = part(text, bound);
    return within !== undefined && texts.some((each) => test(within.inside, each));
  }),
];

const padded = (
  name: string,
  share: (missing: number, width: number) => number,
): [string, TextMethod] => [
  name,
  method(name, "width fill? /", (text, bound) => {
    const fill = bound.text("fill", " ");
    if (pointCount(fill) !== 1) fail("TypeError", `${name} fills with one character`);
    const width = bound.int("width");
    const missing = Math.max(0, width - pointCount(text));
    grow(missing);
    const left = share(missing, width);
    return fill.repeat(left) + text + fill.repeat(missing - left);
  }),
];

function parts(text: string, sep: string, last: boolean): Value {
  if (sep === "") fail("ValueError", "the separator is empty");
  search(text, sep);
  const at = last ? text.lastIndexOf(sep) : text.indexOf(sep);
  if (at < 0) return new Tuple(last ? ["", "", text] : [text, "", ""]);
  return new Tuple([text.slice(0, at), sep, text.slice(at + sep.length)]);
}

function expandTabs(text: string, size: number): string {
  let column = 0;
  return points(text).map((point) => {
    if (point === "\t") {
      const width = size > 0 ? size - column % size : 0;
      column += width;
      grow(width);
      return " ".repeat(width);
    }
    column = point === "\n" || point === "\r" ? 0 : column + 1;
    return point;
  }).join("");
}

function zeroFill(text: string, width: number): string {
  const sign = /^[-+]/.exec(text)?.[0] ?? "";
  const missing = Math.max(0, width - pointCount(text));
  grow(missing);
  return sign + "0".repeat(missing) + text.slice(sign.length);
}

const splits = (name: string, fromEnd: boolean): [string, TextMethod] => [
  name,
  method(name, "sep? maxsplit?", (text, bound) => {
    const sep = bound.get("sep");
    return split(
      text,
      sep === null ? null : asText(sep, "sep"),
      bound.int("maxsplit", -1),
      fromEnd,
    );
  }),
];

const affixless = (
  name: string,
  cut: (text: string, affix: string) => string,
): [string, TextMethod] => [
  name,
  method(name, "affix /", (text, bound) => cut(text, bound.text("affix"))),
];

const unsupported = (name: string): [string, TextMethod] => [
  name,
  () => fail("Unsupported", `str.${name}`),
];

/** The methods of `str` by name, but for `format` and `format_map`, which look into values. */
export const TEXT_METHODS: ReadonlyMap<string, TextMethod> = new Map([
  changed("capitalize", capitalize),
  changed("casefold", caseFold),
  changed("lower", (text) => text.toLowerCase()),
  changed("swapcase", swapCase),
  changed("title", title),
  changed("upper", (text) => text.toUpperCase()),
  padded("center", (missing, width) => (missing >> 1) + (missing & width & 1)),
  padded("ljust", () => 0),
  padded("rjust", (missing) => missing),
  ["zfill", method("zfill", "width /", (text, bound) => zeroFill(text, bound.int("width")))],
  ["count", method("count", SEARCH, count)],
  found("find", false, false),
  found("rfind", true, false),
  found("index", false, true),
  found("rindex", true, true),
  affixed("startswith", (text, affix) => text.startsWith(affix)),
  affixed("endswith", (text, affix) => text.endsWith(affix)),
  affixless(
    "removeprefix",
    (text, affix) => text.startsWith(affix) ? text.slice(affix.length) : text,
  ),
  affixless(
    "removesuffix",
    (text, affix) => affix !== "" && text.endsWith(affix) ? text.slice(0, -affix.length) : text,
  ),
  [
    "expandtabs",
    method("expandtabs", "tabsize?", (text, b) => expandTabs(text, b.int("tabsize", 8))),
  ],
  is("isalnum", all("alnum")),
  is("isalpha", all("alpha")),
  is("isascii", (text) => text === "" || all("ascii")(text)),
  is("isdecimal", all("decimal")),
  is("isdigit", all("digit")),
  is("isidentifier", (text) => /^[\p{XID_Start}_]\p{XID_Continue}*$/u.test(text)),
  is("islower", (text) => isCase(text, "lower")),
  is("isnumeric", all("numeric")),
  is("isprintable", (text) => text === "" || all("printable")(text)),
  is("isspace", all("space")),
  is("istitle", isTitle),
  is("isupper", (text) => isCase(text, "upper")),
  [
    "join",
    method("join", "iterable /", (text, bound) => {
      const items = bound.get("iterable");
      const texts = [...each(items)].map((item, i) => asText(item, `item ${i} of what is joined`));
      return join(text, texts);
    }),
  ],
  stripped("strip", true, true),
  stripped("lstrip", true, false),
  stripped("rstrip", false, true),
  [
    "partition",
    method("partition", "sep /", (text, bound) => parts(text, bound.text("sep"), false)),
  ],
  [
    "rpartition",
    method("rpartition", "sep /", (text, bound) => parts(text, bound.text("sep"), true)),
  ],
  [
    "replace",
    method("replace", "old new count? /", (text, bound) => {
      return replace(text, bound.text("old"), bound.text("new"), bound.int("count", -1));
    }),
  ],
  splits("split", false),
  splits("rsplit", true),
  [
    "splitlines",
    method("splitlines", "keepends?", (text, bound) => {
      return splitLines(text, bound.int("keepends", 0) !== 0);
    }),
  ],
  unsupported("encode"),
  unsupported("maketrans"),
  unsupported("translate"),
]);
