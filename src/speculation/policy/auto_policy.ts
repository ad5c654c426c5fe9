/**
 * The policy of `auto`.
 *
 * It counts how often tokens of each drafter are accepted, at each depth and level, and every few rounds takes the setting
 * of which costs and counts promise the most tokens a millisecond; or another for a few rounds, where what they would tell
 * is worth more than they cost: nothing that could not be faster, however much of it were accepted, is ever tried, and nothing
 * that may lose more than the text may.
 *
 * @module
 */
import { Allowance } from "./allowance.ts";
import type { Costs } from "./costs.ts";
import { Missed } from "./missed.ts";
import type { Decision, Outcome, Policy, SuffixRound } from "./policy.ts";
import { Rates } from "./rates.ts";
import { depthOf, PLAIN, rowsOf, type Setting } from "./setting.ts";
import { type Candidate, Speeds } from "./speeds.ts";
import { TRIAL_ROUNDS, Trials } from "./trials.ts";

/** Rounds between two choices: at first, and at most where one after another is the same. They end where nothing is accepted. */
const ROUNDS = 4;
const MOST_BETWEEN = 16;

/** How much better another drafter has to look than the one in use, which has its caches filled. */
const BETTER = 1.02;

/** How much of the tokens and times of late a round leaves. */
const LATELY = 0.99;

/** What is the best in the long run is not taken where it now looks worse than this share of the best. */
const LEAST_NOW = 0.85;

/** The policy of `auto`. */
export class AutoPolicy implements Policy {
  readonly #speeds: Speeds;
  readonly #plain: Candidate;
  readonly #suffix?: Candidate;
  /** Those that may be faster than plain decoding at all and may not lose too much, and that. */
  #open: readonly Candidate[] = [];
  readonly #rates = new Rates();
  /** In the long run: the defence against what changes as soon as it is known. */
  readonly #longRates = new Rates(true);
  readonly #missed = new Missed();
  readonly #trials: Trials;
  readonly #allowance: Allowance;
  /** Rounds of `#current` that nothing has been learned of yet: all is, when the next choice needs it. */
  readonly #heard: Outcome[] = [];
  /** Milliseconds of all texts; tokens and milliseconds of late, which fade. */
  #ms = 0;
  #lately = { tokens: 0, ms: 0 };
  #decisions: Decision[] = [];
  #current: Candidate;
  /** The best when it was last looked for. */
  #best: Candidate;
  #left = 0;
  /** Rounds in a row of which nothing was accepted. */
  #refused = 0;
  #between = ROUNDS / 2;
  #length = 0;
  /** Tokens that the text has at most. */
  #most = Infinity;

  /** Chooses among `settings` by `costs`. */
  constructor(settings: readonly Setting[], costs: Costs) {
    const all = settings.some(({ kind }) => kind === "plain") ? settings : [PLAIN, ...settings];
    this.#speeds = new Speeds(all, costs);
    const of = (kind: Setting["kind"]) =>
      this.#speeds.candidates.find(({ setting }) => setting.kind === kind);
    this.#plain = this.#current = this.#best = of("plain")!;
    this.#suffix = of("suffix");
    const known = {
      speeds: this.#speeds,
      rates: this.#rates,
      missed: this.#missed,
      plain: this.#plain,
      suffix: this.#suffix,
    };
    this.#trials = new Trials(known);
    this.#allowance = new Allowance(known);
  }

  get decisions(): readonly Decision[] {
    return this.#decisions;
  }

  reset(most = Infinity): void {
    // The text that suffixes were to be looked up in is over.
    this.#learn([]);
    this.#decisions = [];
    this.#left = 0;
    this.#most = most;
    this.#missed.begin();
    this.#allowance.begin();
  }

  next(length: number): Setting {
    this.#length = length;
    if (this.#left <= 0) this.#choose();
    this.#left--;
    return this.#current.setting;
  }

  observe(outcome: Outcome): void {
    this.#heard.push(outcome);
    // Nobody waits for the end of what is in vain: one round of a trial or of what is new, two of the others.
    this.#refused = outcome.tokens === 1 && outcome.rows > 1 ? this.#refused + 1 : 0;
    const isKnown = !this.#trials.tried && this.#isProven(this.#current);
    if (this.#refused > (isKnown ? 1 : 0)) {
      this.#left = 0;
      this.#between = ROUNDS / 2;
    }
  }

  #choose(): void {
    this.#learn();
    this.#speeds.at(this.#length);
    const faster = this.#speeds.above(this.#speed(this.#plain));
    this.#open = [this.#plain, ...faster.filter((one) => this.#allowance.allows(one))];
    const best = this.#steady(this.#fastest());
    this.#trials.end(!this.#adopted(best));
    this.#between = best === this.#current ? Math.min(MOST_BETWEEN, 2 * this.#between) : ROUNDS;
    this.#best = best;
    const left = this.#most - this.#length;
    // What promises the most is seen before other drafters are.
    const { kind } = best.setting;
    const open = this.#isProven(best)
      ? this.#open
      : this.#open.filter(({ setting }) =>
        setting.kind === kind && rowsOf(setting) < rowsOf(best.setting)
      );
    const tried = this.#trials.begin(open, best, { ms: this.#ms, left });
    this.#left = tried ? TRIAL_ROUNDS : this.#between;
    this.#take(tried ?? best, tried ? "trial" : "best");
  }

  #take(one: Candidate, why: Decision["why"]): void {
    if (one !== this.#current || this.#decisions.length === 0) {
      this.#decisions.push({
        at: this.#length,
        setting: one.name,
        why,
        promised: this.#speed(one),
        plain: this.#speed(this.#plain),
      });
    }
    if (one !== this.#current) this.#refused = 0;
    this.#current = one;
  }

  #speed(one: Candidate, rates = this.#rates): number {
    return this.#speeds.speed(one, rates);
  }

  /** Whether anything of it was ever accepted; of plain decoding all is, and suffixes are looked up. */
  #isProven({ setting }: Candidate): boolean {
    if (setting.kind === "plain" || setting.kind === "suffix") return true;
    return this.#rates.isProven(0, setting);
  }

  /** What promises the most, beside what was the best so far. */
  #fastest(): Candidate {
    const before = this.#trials.tried ? this.#best : this.#current;
    let best = this.#open.includes(before) ? before : this.#plain;
    for (const one of this.#open) {
      // Another drafter has to catch up; plain decoding has not.
      const better = one.setting.kind === best.setting.kind || one === this.#plain ? 1 : BETTER;
      if (this.#speed(one) > better * this.#speed(best)) best = one;
    }
    return best;
  }

  /**
   * The setting that is the best in the long run, where that promises more than what changing settings has come to; else
   * `best`.
   */
  #steady(best: Candidate): Candidate {
    const { tokens, ms } = this.#lately;
    if (ms === 0) return best;
    let [found, most] = [best, Math.max(tokens / ms, this.#speed(best, this.#longRates))];
    for (const one of this.#open) {
      if (this.#speed(one) < LEAST_NOW * this.#speed(best)) continue;
      const speed = this.#speed(one, this.#longRates);
      if (speed > most) [found, most] = [one, speed];
    }
    return found;
  }

  /** Whether the trial that has ended has found the best: its drafter, or, of the one in use before, its shape. */
  #adopted(best: Candidate): boolean {
    const { kind } = this.#current.setting;
    return best === this.#current ||
      best.setting.kind === kind && this.#best.setting.kind !== kind;
  }

  /** Learns from the rounds that have been heard of, and from `suffixes`. */
  #learn(suffixes = this.#heard.at(-1)?.suffixes?.()): void {
    const { setting } = this.#current;
    for (const { tokens, rows, reach, inner, ms, wholeMs } of this.#heard) {
      const took = this.#speeds.observe(this.#current, rows, inner, ms);
      if (this.#trials.tried) this.#trials.paid(took - tokens / this.#speed(this.#best));
      const reading = this.#missed.readingMs(setting, this.#speeds.table);
      this.#allowance.add(this.#current, tokens, wholeMs ?? took + reading);
      this.#missed.add(setting.kind, tokens);
      this.#ms += took;
      this.#lately.tokens = tokens + LATELY * this.#lately.tokens;
      this.#lately.ms = took + LATELY * this.#lately.ms;
      for (const rates of [this.#rates, this.#longRates]) rates.pass();
      this.#countRound(setting, tokens, reach, inner);
    }
    if (suffixes) this.#countSuffixes(suffixes);
    else if (setting.kind === "suffix") {
      this.#countSuffixes(this.#heard.map(({ rows, tokens }) => ({ rows, accepted: tokens - 1 })));
    }
    this.#heard.length = 0;
  }

  #countRound(setting: Setting, tokens: number, reach: number, inner: readonly number[]): void {
    if (setting.kind === "plain" || setting.kind === "suffix") return;
    this.#count(0, setting, reach, tokens - 1);
    if (setting.kind !== "draft" || setting.inner.kind === "plain") return;
    for (const [length, rounds] of inner.entries()) {
      for (let i = 0; i < rounds; i++) {
        this.#count(1, setting.inner, depthOf(setting.inner), length - 1);
      }
    }
  }

  #countSuffixes(rounds: readonly SuffixRound[]): void {
    if (this.#suffix === undefined) return;
    const { setting } = this.#suffix;
    for (const { rows, accepted } of rounds) {
      this.#speeds.observeRows(this.#suffix, rows);
      this.#count(0, setting, rows === 1 ? 1 : depthOf(setting), accepted);
    }
  }

  #count(level: number, setting: Setting, proposed: number, accepted: number): void {
    for (const rates of [this.#rates, this.#longRates]) {
      rates.observe(level, setting, proposed, accepted);
    }
  }
}
