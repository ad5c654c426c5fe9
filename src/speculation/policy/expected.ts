/**
 * What a round of a setting gives and takes in the mean, from accept rates and costs.
 *
 * @module
 */
import type { CostTable } from "./costs.ts";
import { depthOf, type DraftSetting, type Setting, settingName } from "./setting.ts";

/** A round in the mean. */
export interface Expected {
  /** Tokens that it commits, the verifier's own among them. */
  readonly tokens: number;
  /** Milliseconds that it takes. */
  readonly ms: number;
  /** How unsure the tokens are: their variance over their square. */
  readonly doubt: number;
  /** How unsure the time is, in the same way. */
  readonly msDoubt: number;
  /** By what share of them tokens are fewer or more where what other shapes lend is all wrong. */
  readonly lent: number;
  /** The same of the time. */
  readonly msLent: number;
  /**
   * Milliseconds that come to it in the mean where rounds of a draft model follow one another: behind a sequence that was accepted
   * as a whole it reads the last token, which it has proposed and not read.
   */
  readonly catchUpMs: number;
}

/** What is thought of a drafter. What is unsure is a variance, of shares of the rounds that come to a token and go beyond it. */
export interface Belief {
  /** The chances that 1, 2, ... tokens at least of a proposal are accepted. */
  readonly chances: readonly number[];
  /** For each token, how unsure its share is by itself; where absent, nothing is. */
  readonly doubts?: readonly number[];
  /** For each token, how much of its share is taken from what all of them say together, 0 to 1. */
  readonly borrowed?: readonly number[];
  /** For each token, how much of the rounds that do not go beyond it is taken from other shapes, or guessed. */
  readonly lent?: readonly number[];
  /** How unsure what all of them say together is. */
  readonly common?: number;
}

/**
 * What is thought of a setting's drafter, by the level of its verifier, 0 for the target; at least as many numbers as the
 * setting is deep.
 */
export type Beliefs = (level: number, setting: Setting) => Belief;

/** The name under which accept rates of a setting are kept: those of one draft model's sequences are all the same. */
export function rateName(setting: Setting): string {
  return setting.kind === "draft" ? "draft" : settingName(setting);
}

/** A round of `setting` under the verifier of `level`. */
export function expected(
  setting: Setting,
  beliefs: Beliefs,
  costs: CostTable,
  level = 0,
): Expected {
  if (setting.kind === "draft") return expectedDraft(setting, beliefs, costs, level);
  const ms = costs.round(level, setting);
  const none = { msDoubt: 0, msLent: 0, catchUpMs: 0 };
  if (setting.kind === "plain") return { ...none, tokens: 1, ms, doubt: 0, lent: 0 };
  return {
    ...none,
    ms,
    ...counted(beliefs(level, setting), depthOf(setting), () => 1),
  };
}

function expectedDraft(
  setting: DraftSetting,
  beliefs: Beliefs,
  costs: CostTable,
  level: number,
): Expected {
  const { inner } = setting;
  const depth = depthOf(inner);
  const innerBelief = inner.kind === "plain" ? { chances: [] } : beliefs(level + 1, inner);
  const { rounds, lengths } = sequences(setting, innerBelief.chances);
  const each = inner.kind === "plain" ? costs.queued(level + 1) : costs.round(level + 1, inner);
  // Where there are siblings, one may be accepted behind the whole sequence.
  const behind = setting.rows > 1 + setting.depth ? 1 : 0;
  // The chance that a sequence has so many tokens at least.
  const atLeast: number[] = new Array(lengths.length + 1).fill(0);
  for (let length = lengths.length - 1; length > 0; length--) {
    atLeast[length] = atLeast[length + 1] + lengths[length];
  }
  const draftMs = rounds * each;
  const ms = draftMs + costs.verify(level, setting.rows);
  const inDraft = counted(innerBelief, depth, () => 1);
  const belief = beliefs(level, setting);
  const whole = lengths.reduce((sum, there, d) => sum + there * (belief.chances[d - 1] ?? 0), 0);
  return {
    ms,
    // Plain rounds read it beside their first token.
    catchUpMs: whole *
      (inner.kind === "plain"
        ? costs.verify(level + 1, 2) - costs.verify(level + 1, 1)
        : costs.queued(level + 1)),
    msDoubt: inDraft.doubt * (draftMs / ms) ** 2,
    msLent: inDraft.lent * draftMs / ms,
    ...counted(
      belief,
      setting.depth,
      (d) => atLeast[d + 1] + behind * (lengths[d] ?? 0),
    ),
  };
}

/** Tokens of a round in which the (d + 1)-th of a proposal, where it would be accepted, is there with the chance `there`. */
function counted(
  { chances, doubts, borrowed, lent: taken, common = 0 }: Belief,
  depth: number,
  there: (d: number) => number,
): { tokens: number; doubt: number; lent: number } {
  let [behind, variance, together, lent] = [0, 0, 0, 0];
  for (let d = Math.min(depth, chances.length) - 1; d >= 0; d--) {
    behind += chances[d] * there(d);
    if (doubts === undefined || borrowed === undefined || taken === undefined) continue;
    // Tokens for one more of a share, of which all that comes behind it is a multiple.
    const worth = behind * (chances[d - 1] ?? 1) / chances[d];
    variance += doubts[d] * worth ** 2;
    together += borrowed[d] * worth;
    lent += taken[d] * worth;
  }
  const tokens = 1 + behind;
  return { tokens, doubt: (variance + common * together ** 2) / tokens ** 2, lent: lent / tokens };
}

/** How many rounds of the draft model a sequence takes in the mean, and how likely each of its lengths is. */
function sequences(
  { minDraft, inner }: DraftSetting,
  chances: readonly number[],
): { rounds: number; lengths: readonly number[] } {
  const depth = depthOf(inner);
  const lengths: number[] = new Array(minDraft + depth + 1).fill(0);
  lengths[0] = 1;
  let rounds = 0;
  // A sequence is at `at` with the chance that is in the array by then: what comes to it comes from before.
  for (let at = 0; at < minDraft; at++) {
    rounds += lengths[at];
    for (let accepted = 0; accepted <= depth; accepted++) {
      const least = accepted === 0 ? 1 : chances[accepted - 1];
      const exactly = least - (chances[accepted] ?? 0);
      lengths[at + 1 + accepted] += lengths[at] * exactly;
    }
    lengths[at] = 0;
  }
  return { rounds, lengths };
}
