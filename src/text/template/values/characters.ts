/**
 * Text as Python sees it: by code points, with Python's idea of spaces, lines and classes of characters.
 *
 * @module
 */

import { scan, spend } from "./budget.ts";

const SURROGATES = /[\ud800-\udfff]/;
// deno-lint-ignore no-control-regex -- lines end at separators of ASCII too.
const LINES = /\r\n|[\n-\r\x1c-\x1e\x85\u2028\u2029]/g;

/** What Python takes for a space, as the inside of a class of a regular expression. */
export const SPACES =
  "\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000";

/** Classes of one character, by the names of Python's `str.is...`. */
export const CLASSES = {
  alpha: /^\p{L}$/u,
  alnum: /^[\p{L}\p{N}]$/u,
  ascii: /^[\0-\x7f]$/,
  decimal: /^\p{Nd}$/u,
  digit:
    /^[\p{Nd}\xb2\xb3\xb9\u1369-\u1371\u19da\u2070\u2074-\u2079\u2080-\u2089\u2460-\u2468\u2474-\u247c\u2488-\u2490\u24ea\u24f5-\u24fd\u24ff\u2776-\u277e\u2780-\u2788\u278a-\u2792\u{10a40}-\u{10a43}\u{10e60}-\u{10e68}\u{11052}-\u{1105a}\u{1f100}-\u{1f10a}]$/u,
  lower: /^\p{Lowercase}$/u,
  // Beside numbers, the ideographs that are one.
  numeric:
    /^[\p{N}㐅㒃㠪㭍一七万三九二五亖亿什仟仨伍佰億兆兩八六十千卄卅卌叁-参參叄四壱壹幺廾廿弌-弎弐拾捌柒漆玖百肆萬貮貳贰阡陆陌陸零\uf96b\uf973\uf978\uf9b2\uf9d1\uf9d3\uf9fd\u{20001}\u{20064}\u{200e2}\u{20121}\u{2092a}\u{20983}\u{2098c}\u{2099c}\u{20aea}\u{20afd}\u{20b19}\u{22390}\u{22998}\u{23b1b}\u{2626d}\u{2f890}]$/u,
  printable: /^(?: |[^\p{C}\p{Z}])$/u,
  space: new RegExp(`^[${SPACES}]$`),
  title: /^\p{Lt}$/u,
  upper: /^\p{Uppercase}$/u,
} as const;

/** Whether each UTF-16 unit of a text is a character. */
export function isPlain(text: string): boolean {
  scan(text.length);
  return !SURROGATES.test(text);
}

/** The characters of a text. */
export function points(text: string): string[] {
  spend(text.length);
  return SURROGATES.test(text) ? Array.from(text) : text.split("");
}

/** How many characters a text has. */
export function pointCount(text: string): number {
  return isPlain(text) ? text.length : points(text).length;
}

/** A text without spaces, or without the characters of `chars`, at its ends. */
export function strip(text: string, chars: string | null, left: boolean, right: boolean): string {
  // Spaces are single units, so only the ends need to be looked at.
  const all = chars === null ? text : points(text);
  const set = chars === null ? undefined : new Set(points(chars));
  const goes = (point: string) => set ? set.has(point) : CLASSES.space.test(point);
  let start = 0;
  let end = all.length;
  while (left && start < end && goes(all[start])) start++;
  while (right && end > start && goes(all[end - 1])) end--;
  spend(text.length - (end - start));
  const kept = all.slice(start, end);
  return typeof kept === "string" ? kept : kept.join("");
}

/** The lines of a text, with what ends them where `keep`. */
export function splitLines(text: string, keep: boolean): string[] {
  spend(text.length);
  const lines: string[] = [];
  let start = 0;
  for (const match of text.matchAll(LINES)) {
    const end = match.index + match[0].length;
    lines.push(text.slice(start, keep ? end : match.index));
    start = end;
  }
  if (start < text.length) lines.push(text.slice(start));
  return lines;
}

/** The digits of any script as those of ASCII. */
export function asciiDigits(text: string): string {
  spend(text.length);
  return text.replace(/(?![0-9])\p{Nd}/gu, (digit) => {
    // The digits 0 to 9 of a script follow each other, and only other scripts' digits come before.
    let place = 0;
    const code = digit.codePointAt(0)!;
    while (CLASSES.decimal.test(String.fromCodePoint(code - place - 1))) place++;
    return String(place % 10);
  });
}
