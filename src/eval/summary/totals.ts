/**
 * What answers come to, in numbers that add up.
 *
 * @module
 */
import type { Answer } from "../runs/answer.ts";

/** Sums over answers. */
export interface Totals {
  /** Tokens of the answers. */
  readonly tokens: number;
  /** Milliseconds of rounds. */
  readonly decodeMs: number;
  /** Milliseconds in which prompts were read, by the drafter, too. */
  readonly prefillMs: number;
  /** Rounds of the target. */
  readonly rounds: number;
  /** Tokens that they committed: also what stood behind the end of an answer. */
  readonly committed: number;
}

/** No answers. */
export const NONE: Totals = { tokens: 0, decodeMs: 0, prefillMs: 0, rounds: 0, committed: 0 };

/** Both. */
export function plus(a: Totals, b: Totals): Totals {
  return {
    tokens: a.tokens + b.tokens,
    decodeMs: a.decodeMs + b.decodeMs,
    prefillMs: a.prefillMs + b.prefillMs,
    rounds: a.rounds + b.rounds,
    committed: a.committed + b.committed,
  };
}

/** The totals of one answer. */
export function totalsOf({ turns }: Answer): Totals {
  return turns.reduce((sum, { prefillMs, decodeMs, tokens, levels: [{ lengths }] }) =>
    plus(sum, {
      tokens: tokens.length,
      decodeMs,
      prefillMs,
      rounds: lengths.length,
      committed: lengths.reduce((total, length) => total + length, 0),
    }), NONE);
}
