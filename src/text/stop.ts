/**
 * Finds stop strings in text that arrives piece by piece.
 *
 * @module
 */

import { ArgumentError } from "../base/errors.ts";

/** What {@linkcode StopMatcher.push} found. */
export interface StopResult {
  /** Text that is certainly before any stop string. */
  readonly text: string;
  /** Whether a stop string has been found; all text after it is dropped. */
  readonly stopped: boolean;
}

/**
 * Passes text on until the first stop string, of which nothing is passed on. The first is the one
 * that ends first (of those, the longest), so the result does not depend on how the text was cut.
 */
export class StopMatcher {
  readonly #stops: readonly string[];
  #held = "";
  #stopped = false;

  /**
   * Makes a matcher; with no stop strings all text passes.
   *
   * @throws {ArgumentError} a stop string is empty
   */
  constructor(stops: readonly string[]) {
    if (stops.some((stop) => stop === "")) {
      throw new ArgumentError("stop", "Cannot stop: a stop string is empty, expected text");
    }
    this.#stops = [...stops];
  }

  /** Takes the next text; what may be the beginning of a stop string is held back. */
  push(text: string): StopResult {
    if (this.#stopped) return { text: "", stopped: true };
    const all = this.#held + text;
    const start = this.#find(all);
    if (start !== undefined) {
      this.#stopped = true;
      this.#held = "";
      return { text: all.slice(0, start), stopped: true };
    }
    const safe = all.length - this.#openEnd(all);
    this.#held = all.slice(safe);
    return { text: all.slice(0, safe), stopped: false };
  }

  /** Returns the text that was held back, when no more text comes. */
  flush(): string {
    const held = this.#held;
    this.#held = "";
    return held;
  }

  /** Where the first stop string begins. */
  #find(all: string): number | undefined {
    let first: { start: number; end: number } | undefined;
    for (const stop of this.#stops) {
      const start = all.indexOf(stop);
      if (start === -1) continue;
      const end = start + stop.length;
      if (first === undefined || end < first.end || (end === first.end && start < first.start)) {
        first = { start, end };
      }
    }
    return first?.start;
  }

  /** The length of the longest end of `all` that a stop string begins with. */
  #openEnd(all: string): number {
    let longest = 0;
    for (const stop of this.#stops) {
      for (let n = Math.min(stop.length - 1, all.length); n > longest; n--) {
        if (all.endsWith(stop.slice(0, n))) longest = n;
      }
    }
    return longest;
  }
}
