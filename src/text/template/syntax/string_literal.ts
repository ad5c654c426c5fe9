/**
 * What the strings of a template stand for.
 *
 * @module
 */

import { SyntaxFault } from "../values/errors.ts";

const SIMPLE: Readonly<Record<string, string>> = {
  "\n": "",
  "\\": "\\",
  "'": "'",
  '"': '"',
  a: "\x07",
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
  v: "\v",
};
const DIGITS: Readonly<Record<string, number>> = { x: 2, u: 4, U: 8 };
const ESCAPE = /\\(?:([0-7]{1,3})|([xuU])([\da-fA-F]*)|([^]))/gu;

const escaped = (point: string): string => {
  const code = point.codePointAt(0)!;
  const hex = code.toString(16);
  if (code <= 0xff) return `\\x${hex}`;
  return code <= 0xffff ? `\\u${hex.padStart(4, "0")}` : `\\U${hex.padStart(8, "0")}`;
};

/**
 * The text of a string, given without its quotes. A backslash that begins no escape stays; before a character
 * beyond ASCII it leaves that character's own escape, as Jinja2 reads it.
 */
export function stringLiteral(body: string, line: number): string {
  return body.replace(ESCAPE, (match, octal, kind, hex, other) => {
    if (octal !== undefined) return String.fromCodePoint(parseInt(octal, 8));
    if (kind !== undefined) {
      const size = DIGITS[kind];
      const code = parseInt(hex.slice(0, size), 16);
      if (hex.length < size || code > 0x10ffff) {
        throw new SyntaxFault(`"${match}" is no escape`, line);
      }
      return String.fromCodePoint(code) + hex.slice(size);
    }
    if (other === "N") throw new SyntaxFault(`"\\N" is not supported`, line);
    if (other > "\x7f") return escaped(other);
    return Object.hasOwn(SIMPLE, other) ? SIMPLE[other] : match;
  });
}
