/**
 * What rounds cost, as it was measured on one device for some models: forwards by rows and context, drafts by setting.
 *
 * @module
 */
import { type DraftSetting, rowsOf, type Setting, settingName } from "./setting.ts";

/** The costs of one model's rounds, in milliseconds. */
export interface LevelCosts {
  /** Rows of the forwards that were measured, ascending, 1 first. */
  readonly rows: readonly number[];
  /** For each context, what a round of so many rows takes beside its draft: forward, choice, commit, read-back. */
  readonly verifyMs: readonly (readonly number[])[];
  /** For each context, a round of plain decoding for whose end the host does not wait. */
  readonly queuedMs: readonly number[];
  /** For each context, until a proposal of suffixes or of a head stands, by the name of the setting. */
  readonly draftMs: Readonly<Record<string, readonly number[]>>;
  /** For each context, the reading of one of many tokens that another drafter has proposed. */
  readonly catchUpMs: readonly number[];
  /** For each context, the reading by a head of one token that another drafter has proposed; 0 where there is no head. */
  readonly headReadMs: readonly number[];
}

/** The costs of a target and of the draft model under it, where there is one. */
export interface Costs {
  /** Tokens in the caches, ascending, at which all was measured. */
  readonly contexts: readonly number[];
  /** The target first. */
  readonly levels: readonly LevelCosts[];
}

/** Where `x` lies among `xs`, ascending: the index below it and how far it is to the next, 0 to 1 (more beyond the last). */
function placed(xs: readonly number[], x: number): [index: number, part: number] {
  if (xs.length === 1 || x <= xs[0]) return [0, 0];
  let i = 0;
  while (i < xs.length - 2 && xs[i + 1] <= x) i++;
  return [i, (x - xs[i]) / (xs[i + 1] - xs[i])];
}

/** Between the values measured, and along the last two beyond them. */
function between(xs: readonly number[], values: (i: number) => number, x: number): number {
  const [i, part] = placed(xs, x);
  return part === 0 ? values(i) : values(i) + (values(i + 1) - values(i)) * part;
}

/** Looks costs up at one context. */
export class CostTable {
  readonly #costs: Costs;
  readonly #context: number;

  /** The costs at `context` tokens. */
  constructor(costs: Costs, context: number) {
    this.#costs = costs;
    this.#context = context;
  }

  /** A round of `rows` rows of model `level`, 0 for the target, beside its draft. */
  verify(level: number, rows: number): number {
    const { rows: measured, verifyMs } = this.#level(level);
    return this.#at((i) => between(measured, (j) => verifyMs[i][j], rows));
  }

  /** A plain round of model `level` that nobody waits for. */
  queued(level: number): number {
    const { queuedMs } = this.#level(level);
    return this.#at((i) => queuedMs[i]);
  }

  /** The reading of one of many tokens of the text. */
  catchUp(level: number): number {
    const { catchUpMs } = this.#level(level);
    return this.#at((i) => catchUpMs[i]);
  }

  /** The reading of one token by a head of the model. */
  headRead(level: number): number {
    const { headReadMs } = this.#level(level);
    return this.#at((i) => headReadMs[i]);
  }

  /** Until the proposal of a head or of suffixes stands. */
  draft(level: number, setting: Exclude<Setting, DraftSetting>): number {
    if (setting.kind === "plain") return 0;
    const ms = this.#level(level).draftMs[settingName(setting)];
    if (ms === undefined) {
      throw new RangeError(
        `Cannot tell what ${
          settingName(setting)
        } costs: it has not been measured, expected one of ` +
          Object.keys(this.#level(level).draftMs).join(", "),
      );
    }
    return this.#at((i) => ms[i]);
  }

  /** A whole round of a setting that is no draft model's, with as many rows as it may have. */
  round(level: number, setting: Exclude<Setting, DraftSetting>): number {
    return this.draft(level, setting) + this.verify(level, rowsOf(setting));
  }

  #level(level: number): LevelCosts {
    return this.#costs.levels[level];
  }

  #at(values: (i: number) => number): number {
    return between(this.#costs.contexts, values, this.#context);
  }
}
