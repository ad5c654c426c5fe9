/**
 * Sets of characters as the bytes that UTF-8 has for them.
 *
 * @module
 */
import type { CodePoints } from "./code_points.ts";

/** Bytes from the first to the last, at each place of a character. */
export type ByteRuns = ReadonlyArray<readonly [first: number, last: number]>;

/** The last code point of one, two, three and four bytes. */
const ENDS = [0x7f, 0x7ff, 0xffff, 0x10ffff];

/** Bits that mark the first byte of so many. */
const MARKS = [0, 0xc0, 0xe0, 0xf0];

/** The bytes of the characters of a set: each entry is one or more characters, and all are there once. */
export function utf8(set: CodePoints): ByteRuns[] {
  const out: ByteRuns[] = [];
  for (const [first, last] of set) {
    let from = first;
    ENDS.forEach((end, more) => {
      if (from > end || from > last) return;
      const to = Math.min(last, end);
      split(from, to, more, MARKS[more], [], out);
      from = to + 1;
    });
  }
  return out;
}

/** Adds the characters `from` to `to`, of which `more` bytes follow the next one. */
function split(
  from: number,
  to: number,
  more: number,
  mark: number,
  before: ByteRuns,
  out: ByteRuns[],
): void {
  const bits = 6 * more;
  const low = 2 ** bits - 1;
  // Where a run is whole below the next byte, all that follows is free.
  let at = from;
  while (at <= to) {
    const high = at >>> bits;
    let end: number;
    let lastHigh = high;
    if (more > 0 && ((at & low) !== 0 || (high << bits | low) > to)) {
      end = Math.min(to, high << bits | low);
    } else if (more === 0) {
      end = to;
      lastHigh = to;
    } else {
      lastHigh = (to + 1 >>> bits) - 1;
      end = lastHigh << bits | low;
    }
    const runs: ByteRuns = [...before, [mark | high, mark | lastHigh]];
    if (more === 0) out.push(runs);
    else split(at & low, end & low, more - 1, 0x80, runs, out);
    at = end + 1;
  }
}
