/**
 * How often what a drafter proposed was accepted, by depth: what is old counts for less.
 *
 * @module
 */

/** How much of what was counted a round of the same drafter leaves: lately, and in the long run; and one of another. */
const KEPT = 0.99;
const KEPT_LONG = 0.996;
const KEPT_IDLE = 0.998;

/** Rounds that what was counted, and the guess beside it, are worth at least, however long ago that was. */
const LEAST = 15;

/** Rounds that a guess of one depth is worth, what all depths say together: they differ by 0.05 or so. */
export const GUESSED = 30;

/** What is known of one depth, in rounds. */
export interface Count {
  /** Rounds that came to it. */
  readonly reached: number;
  /** Those of them that went beyond it. */
  readonly passed: number;
  /** Rounds that the guess beside them is worth. */
  readonly guessed: number;
}

/** Of a depth that no round came to. */
export const NOTHING: Count = { reached: 0, passed: 0, guessed: GUESSED };

/** Counts that fade. */
export class Counts {
  readonly #depths: { reached: number; passed: number; guessed: number }[] = [];
  #age = 0;
  readonly #long: boolean;

  /** Of lately, or, where `long`, of the long run. */
  constructor(long: boolean) {
    this.#long = long;
  }

  /** Counts a round, as so much of one. */
  add(proposed: number, accepted: number, part = 1): void {
    this.fade(this.#long ? KEPT_LONG : KEPT);
    for (let d = 0; d < proposed && d <= accepted; d++) {
      const one = this.#depths[d] ??= { ...NOTHING };
      one.reached += part;
      if (d < accepted) one.passed += part;
    }
  }

  /** Depth `d`, 0 for the first token. */
  at(d: number): Count {
    return this.#depths[d] ?? NOTHING;
  }

  /** It is so many rounds since all began. */
  age(rounds: number): void {
    if (rounds > this.#age) this.fade(KEPT_IDLE ** (rounds - this.#age));
    this.#age = rounds;
  }

  /** Leaves a part of all rounds: shares remain, and count for less. */
  fade(kept: number): void {
    for (const one of this.#depths) {
      const all = one.reached + one.guessed;
      if (all <= LEAST) continue;
      const by = Math.max(LEAST / all, kept);
      one.reached *= by;
      one.passed *= by;
      one.guessed *= by;
    }
  }
}
