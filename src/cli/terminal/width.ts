/**
 * How many columns a text takes on a terminal.
 *
 * @module
 */
import { eastAsianWidth } from "get-east-asian-width";

/** Colours and weights, which take no column. */
// deno-lint-ignore no-control-regex
const PAINT = /\x1b\[[\d;]*m/g;

const PLAIN = /^[ -~]*$/;

/** What takes no column: marks, joiners, control characters, and all letters of a Korean sign but the first. */
const NOTHING = /[\p{M}\p{Cf}\p{Cc}\u1160-\u11ff]/u;

/** Signs that terminals show as one picture, whatever they are made of. */
const PICTURE = /^[\p{Extended_Pictographic}\u{1f1e6}-\u{1f1ff}]/u;

/** Pictures of two columns although their first character has one: flags, and those that ask for a picture. */
const WIDE_PICTURE = /\ufe0f|^[\u{1f1e6}-\u{1f1ff}]{2}/u;

const segmenter = new Intl.Segmenter();

/** Columns of one sign as a reader sees it, which may be several characters. */
function signWidth(sign: string): number {
  if (WIDE_PICTURE.test(sign)) return 2;
  const characters = PICTURE.test(sign) ? [...sign].slice(0, 1) : [...sign];
  return characters.reduce(
    (width, one) => NOTHING.test(one) ? width : width + eastAsianWidth(one.codePointAt(0)!),
    0,
  );
}

/** Columns that `text`, a single line, takes on a terminal; colours take none. */
export function textWidth(text: string): number {
  const bare = text.replaceAll(PAINT, "");
  if (PLAIN.test(bare)) return bare.length;
  let width = 0;
  for (const { segment } of segmenter.segment(bare)) width += signWidth(segment);
  return width;
}

/** `text` with spaces behind it, or before it, up to `width` columns. */
export function pad(text: string, width: number, side: "left" | "right" = "left"): string {
  const space = " ".repeat(Math.max(0, width - textWidth(text)));
  return side === "right" ? space + text : text + space;
}
