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

/** Steps of one rendering: a published template takes some hundreds a message. */
const MAX_STEPS = 20_000_000;
/** Characters of one text, and items of one list. */
const MAX_SIZE = 1 << 24;
/** Characters (or items) that one step may touch. */
const PER_STEP = 256;
/** Calls of macros and recursive loops inside each other; about what Python's own stack allows. */
const MAX_DEPTH = 190;

let steps = 0;
let depth = 0;

/** Runs `render` with a budget of its own. */
export function withBudget<T>(render: () => T): T {
  const outer = [steps, depth];
  steps = depth = 0;
  try {
    return render();
  } finally {
    [steps, depth] = outer;
  }
}

/** Takes one step, and more for work on something of `size` characters or items. */
export function spend(size = 0): void {
  steps += 1 + Math.floor(size / PER_STEP);
  if (steps > MAX_STEPS) fail("Limit", `the template does more than ${MAX_STEPS} steps`);
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
