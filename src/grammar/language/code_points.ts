/**
 * Sets of characters. Surrogates are in none of them: no text holds half of a pair.
 *
 * @module
 */

/** A set of code points: first and last of each run, sorted, with a gap between any two. */
export type CodePoints = ReadonlyArray<readonly [first: number, last: number]>;

/** Every character. */
export const ALL: CodePoints = [[0, 0xd7ff], [0xe000, 0x10ffff]];

/** The set of runs in any order, which may overlap. */
export function codePoints(runs: CodePoints): CodePoints {
  const sorted = runs.filter(([first, last]) => first <= last).sort(([a], [b]) => a - b);
  const merged: Array<[number, number]> = [];
  for (const [first, last] of sorted) {
    const before = merged.at(-1);
    if (before !== undefined && first <= before[1] + 1) before[1] = Math.max(before[1], last);
    else merged.push([first, last]);
  }
  return intersection(merged, ALL);
}

/** The characters of a text. */
export function charactersOf(text: string): CodePoints {
  return codePoints([...text].map((character) => {
    const point = character.codePointAt(0)!;
    return [point, point];
  }));
}

/** What two sets have in common. */
export function intersection(left: CodePoints, right: CodePoints): CodePoints {
  const out: Array<[number, number]> = [];
  for (let i = 0, j = 0; i < left.length && j < right.length;) {
    const first = Math.max(left[i][0], right[j][0]);
    const last = Math.min(left[i][1], right[j][1]);
    if (first <= last) out.push([first, last]);
    if (left[i][1] < right[j][1]) i++;
    else j++;
  }
  return out;
}

/** All characters that are not in a set. */
export function complement(set: CodePoints): CodePoints {
  const out: Array<[number, number]> = [];
  let next = 0;
  for (const [first, last] of set) {
    if (next < first) out.push([next, first - 1]);
    next = last + 1;
  }
  out.push([next, 0x10ffff]);
  return intersection(out.filter(([first, last]) => first <= last), ALL);
}
