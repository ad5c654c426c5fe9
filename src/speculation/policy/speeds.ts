/**
 * What settings promise: tokens and milliseconds from accept rates, costs, and the times that rounds really took.
 *
 * @module
 */
import { type Costs, CostTable } from "./costs.ts";
import { type Expected, expected } from "./expected.ts";
import type { Rates } from "./rates.ts";
import { depthOf, rowsOf, type Setting, settingName } from "./setting.ts";

/** Tokens by which a text grows before costs are looked up again. */
const TABLE_EVERY = 32;

/** The weight of a new time in those of a setting. */
const NEW_TIME = 0.1;

/** What was found, by which costs and which version of the rates. */
export interface Found extends Expected {
  /** The chance that its drafters fit what is written now. */
  readonly fit: number;
  /** The same round where they do. */
  readonly ifFits: Expected;
  /** Milliseconds, as rounds have been timed. */
  ms: number;
  /** Milliseconds by costs alone. */
  readonly costMs: number;
  /** The costs. */
  readonly table: CostTable;
  /** Of the rates. */
  readonly version: number;
}

/** A setting, and what is known of it. */
export interface Candidate {
  /** The setting. */
  readonly setting: Setting;
  /** Its name. */
  readonly name: string;
  /** What was last found of it, by which rates. */
  readonly found: Map<Rates, Found>;
  /** Tokens a millisecond where all that it proposes is accepted, by which table. */
  most?: { readonly speed: number; readonly table: CostTable };
  /** Measured times over those that costs say, where there are any. */
  scale?: number;
  /** Rounds that were measured. */
  timed: number;
  /** Mean milliseconds of rounds of suffixes, which may have any number of rows. */
  meanMs?: number;
}

/** Keeps what settings promise. */
export class Speeds {
  /** All settings. */
  readonly candidates: readonly Candidate[];
  readonly #costs: Costs;
  /** Costs at a text of about this length. */
  table: CostTable;
  #tableAt = 0;
  /** The same of all settings: a longer text is slower in all of them. */
  #scale = 1;

  /** Of `settings`, by `costs`. */
  constructor(settings: readonly Setting[], costs: Costs) {
    this.#costs = costs;
    this.table = new CostTable(costs, 0);
    this.candidates = settings.map((setting) => ({
      setting,
      name: settingName(setting),
      found: new Map(),
      timed: 0,
      // Half of the rounds have nothing to propose, where nothing is known.
      meanMs: setting.kind === "suffix"
        ? (this.table.verify(0, 1) + this.table.verify(0, rowsOf(setting))) / 2
        : undefined,
    }));
  }

  /** The text has `length` tokens. */
  at(length: number): void {
    // Of one context, costs are those of all.
    if (this.#costs.contexts.length === 1) return;
    if (Math.abs(length - this.#tableAt) < TABLE_EVERY) return;
    this.table = new CostTable(this.#costs, length);
    this.#tableAt = length;
  }

  /** Those that would be faster than `speed` tokens a millisecond if all that they propose were accepted. */
  above(speed: number): Candidate[] {
    return this.candidates.filter((one) => this.#most(one) > speed);
  }

  #most(one: Candidate): number {
    const { table } = this;
    if (one.most?.table !== table) {
      const chances = (setting: Setting) => new Array(depthOf(setting)).fill(1);
      const { tokens, ms } = expected(one.setting, (_, of) => ({ chances: chances(of) }), table);
      // Of suffixes the shortest proposal of all may be right.
      const least = one.setting.kind === "suffix" ? table.verify(0, 2) : ms;
      one.most = { table, speed: tokens / least };
    }
    return one.most.speed / this.#scaleOf(one);
  }

  /** A round in the mean, as `rates` have it; it holds until something is observed. */
  expected(one: Candidate, rates: Rates): Found {
    const { table } = this;
    const { version } = rates;
    let found = one.found.get(rates);
    if (found === undefined || found.table !== table || found.version !== version) {
      const { setting } = one;
      const made = expected(setting, (level, of) => rates.belief(level, of), table);
      const ifFits = expected(setting, (level, of) => rates.belief(level, of, true), table);
      let fit = setting.kind === "plain" ? 1 : rates.fit(0, setting);
      if (setting.kind === "draft" && setting.inner.kind !== "plain") {
        fit *= rates.fit(1, setting.inner);
      }
      found = { ...made, costMs: made.ms, fit, ifFits, table, version };
      one.found.set(rates, found);
    }
    found.ms = (one.meanMs ?? found.costMs) * this.#scaleOf(one);
    return found;
  }

  /** Tokens a millisecond. */
  speed(one: Candidate, rates: Rates): number {
    const { tokens, ms } = this.expected(one, rates);
    return tokens / ms;
  }

  /** Tokens a millisecond where its drafters fit what is written now. */
  speedIfFits(one: Candidate, rates: Rates): number {
    const { ms, costMs, ifFits } = this.expected(one, rates);
    return ifFits.tokens * costMs / (ms * ifFits.ms);
  }

  /** Hears of a round that was, and of its time where that is known; gives what it took. */
  observe(one: Candidate, rows: number, inner: readonly number[], ms?: number): number {
    const predicted = this.#predicted(one.setting, rows, inner);
    if (ms !== undefined) {
      const before = this.#scaleOf(one);
      // Half and double: one round that something else held up says little.
      const scale = Math.min(2 * before, Math.max(before / 2, ms / predicted));
      one.timed++;
      one.scale = before + Math.max(NEW_TIME, 1 / (1 + one.timed)) * (scale - before);
      this.#scale += NEW_TIME * (scale - this.#scale);
    }
    return ms ?? predicted;
  }

  /** Whether those that were measured are slower or all are, nobody knows: half of it is thought of the others. */
  #scaleOf(one: Candidate): number {
    return one.scale ?? Math.sqrt(this.#scale);
  }

  /** Hears of a round of suffixes, of `rows` rows, that was or would have been. */
  observeRows(one: Candidate, rows: number): void {
    one.meanMs! += NEW_TIME * (this.#predicted(one.setting, rows, []) - one.meanMs!);
  }

  /** What costs say of a round that has been. */
  #predicted(setting: Setting, rows: number, inner: readonly number[]): number {
    const { table } = this;
    const verify = table.verify(0, rows);
    if (setting.kind !== "draft") return table.draft(0, setting) + verify;
    const { minDraft, inner: of } = setting;
    if (of.kind === "plain") return minDraft * table.queued(1) + verify;
    const rounds = inner.reduce((total, count) => total + count, 0);
    return rounds * table.round(1, of) + verify;
  }
}
