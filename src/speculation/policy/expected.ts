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
}

/**
 * The chances that 1, 2, ... tokens at least of a proposal are accepted, by the level of its verifier, 0 for the target,
 * and the setting; as many numbers as the setting is deep.
 */
export type Survival = (level: number, setting: Setting) => readonly number[];

/** The name under which accept rates of a setting are kept: those of one draft model's sequences are all the same. */
export function rateName(setting: Setting): string {
  return setting.kind === "draft" ? "draft" : settingName(setting);
}

/** A round of `setting` under the verifier of `level`. */
export function expected(
  setting: Setting,
  survival: Survival,
  costs: CostTable,
  level = 0,
): Expected {
  if (setting.kind === "draft") return expectedDraft(setting, survival, costs, level);
  const tokens = 1 + sum(setting.kind === "plain" ? [] : survival(level, setting));
  return { tokens, ms: costs.round(level, setting) };
}

function expectedDraft(
  setting: DraftSetting,
  survival: Survival,
  costs: CostTable,
  level: number,
): Expected {
  const { rounds, lengths } = sequences(setting, survival, level + 1);
  const { inner } = setting;
  const each = inner.kind === "plain" ? costs.queued(level + 1) : costs.round(level + 1, inner);
  const chances = survival(level, setting);
  // Where there are siblings, one may be accepted behind the whole sequence.
  const behind = setting.rows > 1 + setting.depth ? 1 : 0;
  let [tokens, upTo] = [1, 0];
  for (let length = 1; length < lengths.length; length++) {
    upTo += chances[length - 1];
    tokens += lengths[length] * (upTo + behind * (chances[length] ?? 0));
  }
  return { tokens, ms: rounds * each + costs.verify(level, setting.rows) };
}

/** How many rounds of the draft model a sequence takes in the mean, and how likely each of its lengths is. */
function sequences(
  { minDraft, inner }: DraftSetting,
  survival: Survival,
  level: number,
): { rounds: number; lengths: readonly number[] } {
  const depth = depthOf(inner);
  const lengths: number[] = new Array(minDraft + depth + 1).fill(0);
  const chances = inner.kind === "plain" ? [] : survival(level, inner);
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

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
