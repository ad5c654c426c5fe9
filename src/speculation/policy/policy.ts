/**
 * What a policy is: it says which setting the next rounds use, and hears what they came to.
 *
 * @module
 */
import type { Setting } from "./setting.ts";

/** What one round was. */
export interface Outcome {
  /** Tokens committed, the target's own among them. */
  readonly tokens: number;
  /** Rows verified. */
  readonly rows: number;
  /** Tokens of the proposal that were one behind another, at most. */
  readonly reach: number;
  /** Rounds of the draft model by their accept length, where it had a drafter of its own. */
  readonly inner: readonly number[];
  /** Milliseconds that it took, where they are known. */
  readonly ms?: number;
  /** Milliseconds that it took with what its drafter read before, which others had proposed; where they are known. */
  readonly wholeMs?: number;
  /**
   * Looks up the rounds that suffixes alone would have had over the tokens committed so far and that have not been told of
   * yet, where that can be done; then no other counts are kept of suffixes. May be asked behind a later round, for all of
   * them.
   */
  readonly suffixes?: () => readonly SuffixRound[];
}

/** A round that suffixes would have had. */
export interface SuffixRound {
  /** Rows that would have been verified; 1 where there was nothing to propose. */
  readonly rows: number;
  /** Tokens of the proposal that would have been accepted. */
  readonly accepted: number;
}

/** One choice, and why. */
export interface Decision {
  /** Tokens of the text before it. */
  readonly at: number;
  /** The name of the setting. */
  readonly setting: string;
  /** Why: it looked best, or it was tried. */
  readonly why: "best" | "trial";
  /** Tokens a millisecond that it promised, and plain decoding. */
  readonly promised: number;
  /** Those of plain decoding. */
  readonly plain: number;
}

/** Chooses settings; what a drafter of several asks. */
export interface Policy {
  /** The setting of the next round, behind a text of `length` tokens. */
  next(length: number): Setting;
  /** Hears what that round came to. */
  observe(outcome: Outcome): void;
  /** What has been chosen since the last reset. */
  readonly decisions: readonly Decision[];
  /** Another text begins, of `most` tokens at most, where that is known: forgets decisions, and nothing else. */
  reset(most?: number): void;
}

/** The policy that never takes anything but `setting`. */
export function always(setting: Setting): Policy {
  return {
    decisions: [],
    next: () => setting,
    observe: () => undefined,
    reset: () => undefined,
  };
}
