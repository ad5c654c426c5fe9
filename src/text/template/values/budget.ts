/**
 * How much a template may do. Templates come with models, so nobody vouches for them: one that would run or
 * grow without end is stopped by name.
 *
 * The budget of the rendering under way is kept here and not handed around: rendering is synchronous, and
 * every operation on values would have to carry it.
 *
 * @module
 */

import { fail } from "./errors.ts";

/** Steps of any rendering: a published template takes some hundreds a message. */
const BASE_STEPS = 5_000_000;
/** More steps for each character that is given; some templates go through all of them. */
const STEPS_PER_CHARACTER = 20;
/** Characters of one text, and items of one list. */
const MAX_SIZE = 1 << 24;
/** Characters (or items) that count as one more step. */
const PER_STEP = 16;
/** Calls of macros and recursive loops inside each other; about what Python's own stack allows. */
const MAX_DEPTH = 190;

let left = BASE_STEPS;
let depth = 0;

/** Runs `render` with a budget of its own, for variables of `size` characters. */
export function withBudget<T>(size: number, render: () => T): T {
  const outer = [left, depth];
  [left, depth] = [BASE_STEPS + size * STEPS_PER_CHARACTER, 0];
  try {
    return render();
  } finally {
    [left, depth] = outer;
  }
}

/** Takes one step, and more for work on something of `size` characters or items. */
export function spend(size = 0): void {
  left -= 1 + size / PER_STEP;
  if (left < 0) fail("Limit", "the template does more work than any prompt needs");
}

/** Takes a step for looking through a text, which JavaScript does quickly. */
export function scan(size: number): void {
  spend(size >> 4);
}

/** Takes steps for looking for `sub` in a text: at worst JavaScript compares it at every place. */
export function search(text: string, sub: string): void {
  spend(text.length * (1 + sub.length / 32));
}

/** Refuses a text or a list of `size` before it is made. */
export function grow(size: number): void {
  if (size > MAX_SIZE) {
    fail("Limit", `the template makes a text or list of ${size}, expected at most ${MAX_SIZE}`);
  }
  spend(size);
}

/** Runs `call` one level deeper. */
export function nested<T>(call: () => T): T {
  if (depth >= MAX_DEPTH) fail("RecursionError", `calls are nested deeper than ${MAX_DEPTH}`);
  depth++;
  try {
    return call();
  } finally {
    depth--;
  }
}
