/**
 * Upper, lower and title case as Python's `str` has them.
 *
 * @module
 */

import { spend } from "./budget.ts";
import { CLASSES, points } from "./characters.ts";
import { fail } from "./errors.ts";

const DIGRAPHS: Readonly<Record<string, string>> = {
  "Ǆ": "ǅ",
  "ǅ": "ǅ",
  "Ǉ": "ǈ",
  "ǈ": "ǈ",
  "Ǌ": "ǋ",
  "ǋ": "ǋ",
  "Ǳ": "ǲ",
  "ǲ": "ǲ",
};

/** A character at the beginning of a word. */
function titlePoint(point: string): string {
  const upper = point.toUpperCase();
  // Georgian words have no capitals, though the script has.
  if (/[\u10d0-\u10ff]/.test(point)) return point;
  const [first, ...rest] = points(upper);
  if (rest.length === 0) return DIGRAPHS[point] ?? DIGRAPHS[upper] ?? upper;
  const code = point.charCodeAt(0);
  if (code >= 0x1f80 && code <= 0x1ffc && upper.endsWith("\u0399")) {
    // Greek with an iota below: a letter of its own, or the iota stays below.
    if (code < 0x1fb0) return String.fromCharCode(code | 8);
    if ((code & 0xf) === 0x3 || (code & 0xf) === 0xc) {
      return String.fromCharCode((code & ~0xf) | 0xc);
    }
    return upper.slice(0, -1) + "\u0345";
  }
  return CLASSES.upper.test(first) ? first + rest.join("").toLowerCase() : upper;
}

/** The first character as at the beginning of a word, the others in lower case. */
export function capitalize(text: string): string {
  const [first] = points(text);
  if (first === undefined) return "";
  // Lowered as a whole: a sigma's form depends on what is around it.
  return titlePoint(first) + text.toLowerCase().slice(first.toLowerCase().length);
}

/** Each character changed by `change`, which gets it and its lower case. */
function mapPoints(text: string, change: (point: string, lower: string) => string): string {
  spend(text.length * 8);
  const lowered = text.toLowerCase();
  let at = 0;
  return points(text).map((point) => {
    const { length } = point.toLowerCase();
    at += length;
    return change(point, lowered.slice(at - length, at));
  }).join("");
}

const isCased = (point: string): boolean =>
  CLASSES.upper.test(point) || CLASSES.lower.test(point) || CLASSES.title.test(point);

/** Every word with a capital; a word begins after whatever is no letter with cases. */
export function title(text: string): string {
  let inside = false;
  return mapPoints(text, (point, lower) => {
    const result = inside ? lower : titlePoint(point);
    inside = isCased(point);
    return result;
  });
}

/** Capitals for small letters, and small letters for capitals. */
export function swapCase(text: string): string {
  return mapPoints(
    text,
    (point, lower) =>
      CLASSES.upper.test(point) ? lower : CLASSES.lower.test(point) ? point.toUpperCase() : point,
  );
}

/** The text for comparing without case. */
export function caseFold(text: string): string {
  // JavaScript has no such mapping.
  if (/[^\0-\x7f]/.test(text)) fail("Unsupported", "str.casefold of text beyond ASCII");
  return text.toLowerCase();
}

/** Whether there is a letter, and all letters are of a case. */
export function isCase(text: string, wanted: "upper" | "lower"): boolean {
  let any = false;
  spend(text.length * 8);
  for (const point of points(text)) {
    if (!isCased(point)) continue;
    if (!CLASSES[wanted].test(point)) return false;
    any = true;
  }
  return any;
}

/** Whether every word begins with a capital, and only it is one. */
export function isTitle(text: string): boolean {
  let inside = false;
  let any = false;
  spend(text.length * 8);
  for (const point of points(text)) {
    const begins = CLASSES.upper.test(point) || CLASSES.title.test(point);
    if (begins ? inside : CLASSES.lower.test(point) && !inside) return false;
    inside = isCased(point);
    any ||= inside;
  }
  return any;
}
