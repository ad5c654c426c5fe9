/**
 * Taking text apart and putting it together.
 *
 * @module
 */

import { grow, search, spend } from "./budget.ts";
import { points, SPACES, strip } from "./characters.ts";
import { fail } from "./errors.ts";

const SPACE_RUN = new RegExp(`[${SPACES}]+`, "g");

/** Texts with `sep` between them. */
export function join(sep: string, texts: readonly string[]): string {
  grow(texts.reduce((sum, text) => sum + text.length + sep.length, 0));
  return texts.join(sep);
}

/** A text with the first `count` places of `old` replaced, all where it is negative. */
export function replace(text: string, old: string, by: string, count: number): string {
  search(text, old);
  const pieces = old === "" ? ["", ...points(text), ""] : text.split(old);
  spend(pieces.length * 16);
  const last = count < 0 ? pieces.length - 1 : Math.min(count, pieces.length - 1);
  if (last === 0) return text;
  grow(text.length + last * by.length);
  return pieces.slice(0, last + 1).join(by) + (last + 1 < pieces.length ? old : "") +
    pieces.slice(last + 1).join(old);
}

/** The parts of a text between separators, or runs of spaces where `sep` is null; at most `max` cuts. */
export function split(text: string, sep: string | null, max: number, fromEnd: boolean): string[] {
  if (sep === "") fail("ValueError", "the separator is empty");
  // Spaces at the near end separate nothing; those at the far end stay with what is left whole.
  if (sep === null) text = strip(text, null, !fromEnd, fromEnd);
  search(text, sep ?? "");
  const cuts = sep === null ? spaceCuts(text) : separatorCuts(text, sep, fromEnd);
  spend(cuts.length * 16);
  const limit = max < 0 ? cuts.length : Math.min(max, cuts.length);
  const parts: string[] = [];
  let start = 0;
  for (const [from, to] of fromEnd ? cuts.slice(cuts.length - limit) : cuts.slice(0, limit)) {
    parts.push(text.slice(start, from));
    start = to;
  }
  parts.push(text.slice(start));
  return sep === null ? parts.filter((part) => part !== "") : parts;
}

/** Where runs of spaces are. */
function spaceCuts(text: string): Array<[from: number, to: number]> {
  return [...text.matchAll(SPACE_RUN)].map(({ index, 0: run }) => [index, index + run.length]);
}

/** Where a separator is, found from either end. */
function separatorCuts(
  text: string,
  sep: string,
  fromEnd: boolean,
): Array<[from: number, to: number]> {
  const cuts: Array<[number, number]> = [];
  if (fromEnd) {
    for (let end = text.length; end >= sep.length;) {
      const at = text.lastIndexOf(sep, end - sep.length);
      if (at < 0) break;
      cuts.push([at, at + sep.length]);
      end = at;
    }
    return cuts.reverse();
  }
  for (let at = text.indexOf(sep); at >= 0; at = text.indexOf(sep, at + sep.length)) {
    cuts.push([at, at + sep.length]);
  }
  return cuts;
}
