/**
 * The policy of `auto`: which setting the next rounds use.
 *
 * It counts how often tokens of each drafter are accepted, at each depth and level, and every few rounds takes the setting
 * of which costs and counts promise the most tokens a millisecond; or another for a few rounds, where what they would tell
 * is worth more than they cost: nothing that could not be faster, however much of it were accepted, is ever tried.
 *
 * @module
 */
import type { Costs } from "./costs.ts";
import { Rates } from "./rates.ts";
import { depthOf, PLAIN, type Setting, settingName } from "./setting.ts";
import { type Candidate, Speeds } from "./speeds.ts";

/**
 * Rounds between two choices: at first, and at most where one after another is the same; and of a trial. They end where
 * nothing is accepted.
 */
const ROUNDS = 4;
const MOST_BETWEEN = 16;
const TRIAL_ROUNDS = 3;

/** Rounds of a trial that are thought of when it begins, at most: the first ones alone may be worth nothing. */
const MOST_TRIED = 16;

/** How much better another drafter has to look than the one in use, which has its caches filled. */
const BETTER = 1.02;

/** For how long what a trial tells is of use, in rounds of plain decoding. */
const HORIZON = 200;

/** What is unsure, of what it would be if rounds had nothing to do with one another. */
const DOUBT = 2;

/** How wrong what one shape of a head says of another mostly is: a share of the tokens that miss. */
const OF_SHAPES = 0.4;

/** How unsure the time of what has not been timed here is: a variance over a square; and what it may be less at most. */
const UNTIMED = 0.05;
const LESS_UNTIMED = 0.6;

/** What trials in vain may cost: so many rounds of plain decoding, and this share of the time. */
const VAIN_FIRST = 12;
const VAIN_SHARE = 0.01;

/** How much of the tokens and times of late a round leaves. */
const LATELY = 0.99;

/** What is the best in the long run is not taken where it now looks worse than this share of the best. */
const LEAST_NOW = 0.75;

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
  /**
   * The rounds that suffixes alone would have had over the tokens committed so far and that have not been told of yet, where
   * they are looked up; then no other counts are kept of suffixes.
   */
  readonly suffixes?: readonly SuffixRound[];
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
  /** Another text begins: forgets decisions, and nothing else. */
  reset(): void;
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

/** The policy of `auto`. */
export class AutoPolicy implements Policy {
  readonly #speeds: Speeds;
  readonly #plain: Candidate;
  readonly #suffix?: Candidate;
  /** Those that may be faster than plain decoding at all, and that. */
  #open: readonly Candidate[] = [];
  readonly #rates = new Rates();
  /** In the long run: the defence against what changes as soon as it is known. */
  readonly #longRates = new Rates(true);
  /** Tokens and milliseconds of late, which fade. */
  #lately = { tokens: 0, ms: 0 };
  #decisions: Decision[] = [];
  #current: Candidate;
  /** The best when it was last looked for. */
  #best: Candidate;
  /** Whether `#current` is being tried, and what that has cost, in milliseconds; and all trials in vain. */
  #trying = false;
  #cost = 0;
  #inVain = 0;
  #left = 0;
  /** Rounds in a row of which nothing was accepted. */
  #refused = 0;
  #between = ROUNDS / 2;
  #length = 0;
  /** Tokens made, and the time that they took, of all texts. */
  #tokens = 0;
  #ms = 0;
  /** Of these tokens, how many when this text began: all drafters read its prompt. */
  #begun = 0;
  /** Tokens made when each kind of setting was last used. */
  readonly #used = new Map<Setting["kind"], number>();

  /** Chooses among `settings` by `costs`. */
  constructor(settings: readonly Setting[], costs: Costs) {
    const all = settings.some(({ kind }) => kind === "plain") ? settings : [PLAIN, ...settings];
    this.#speeds = new Speeds(all, costs);
    const of = (kind: Setting["kind"]) =>
      this.#speeds.candidates.find(({ setting }) => setting.kind === kind);
    this.#plain = this.#current = this.#best = of("plain")!;
    this.#suffix = of("suffix");
  }

  get decisions(): readonly Decision[] {
    return this.#decisions;
  }

  reset(): void {
    this.#decisions = [];
    this.#left = 0;
    this.#begun = this.#tokens;
  }

  next(length: number): Setting {
    this.#length = length;
    if (this.#left <= 0) this.#choose();
    this.#left--;
    return this.#current.setting;
  }

  #choose(): void {
    this.#speeds.at(this.#length);
    this.#open = [this.#plain, ...this.#speeds.above(this.#speed(this.#plain))];
    const best = this.#steady(this.#fastest());
    if (this.#trying && !this.#adopted(best)) this.#inVain += Math.max(0, this.#cost);
    this.#between = best === this.#current ? Math.min(MOST_BETWEEN, 2 * this.#between) : ROUNDS;
    this.#best = best;
    const tried = this.#worthTrying();
    this.#trying = tried !== undefined;
    this.#cost = tried ? this.#reading(tried) : 0;
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

  /** What promises the most, beside what was the best so far. */
  #fastest(): Candidate {
    let best = this.#trying ? this.#best : this.#current;
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

  /** What is worth more to know than it costs to try, and may be. */
  #worthTrying(): Candidate | undefined {
    const plainMs = this.#speeds.expected(this.#plain, this.#rates).ms;
    const room = VAIN_FIRST * plainMs + VAIN_SHARE * this.#ms - this.#inVain;
    let [found, most]: [Candidate | undefined, number] = [undefined, 0];
    for (const one of this.#open) {
      const { worth, cost } = this.#trial(one, HORIZON * plainMs);
      if (worth > most && cost <= room) [found, most] = [one, worth];
    }
    return found;
  }

  /** What a trial is worth, more than it costs, in milliseconds, where it is of use for `horizon` of them. */
  #trial(one: Candidate, horizon: number): { worth: number; cost: number } {
    const speed = this.#speed(this.#best);
    const { tokens, ms } = this.#speeds.expected(one, this.#rates);
    const unsure = this.#unsure(one) + (one.timed > 0 ? 0 : UNTIMED);
    const best = { worth: 0, cost: 0 };
    // Where all were accepted it would be no faster.
    const least = one.timed > 0 ? ms : LESS_UNTIMED * ms;
    if (one === this.#best || unsure === 0 || (1 + depthOf(one.setting)) / least <= speed) {
      return best;
    }
    const known = one === this.#plain ? 1 : this.#rates.weight(0, one.setting);
    const each = Math.max(0, ms - tokens / speed);
    const reading = this.#reading(one);
    for (let rounds = 1; rounds <= MOST_TRIED; rounds *= 2) {
      // By so much what is thought of it may change.
      const change = tokens / ms * Math.sqrt(unsure * rounds / (rounds + known));
      const gained = change * above((speed - tokens / ms) / change) / speed;
      const worth = horizon * gained - rounds * each - reading;
      if (worth <= best.worth) continue;
      best.worth = worth;
      best.cost = Math.min(rounds, TRIAL_ROUNDS) * each + reading;
    }
    return best;
  }

  /** The variance over the square of what a setting promises beside the best one, as far as trials would tell. */
  #unsure(one: Candidate): number {
    // Suffixes are looked up anyway, and of plain decoding all is accepted.
    if (one === this.#suffix || one === this.#plain) return 0;
    const { doubt, msDoubt, lent, msLent } = this.#speeds.expected(one, this.#rates);
    const [mine, other] = [one.setting, this.#best.setting];
    if (mine.kind !== other.kind) return DOUBT * (doubt + msDoubt);
    if (mine.kind !== "draft" || other.kind !== "draft") return (OF_SHAPES * lent) ** 2;
    // Of one draft model, what the target accepts is the same.
    if (settingName(mine.inner) === settingName(other.inner)) return 0;
    return mine.inner.kind === other.inner.kind ? (OF_SHAPES * msLent) ** 2 : DOUBT * msDoubt;
  }

  /** What a head or a draft model takes to read what others have proposed in this text since it was last used. */
  #reading({ setting: { kind } }: Candidate): number {
    const tokens = this.#tokens - Math.max(this.#begun, this.#used.get(kind) ?? 0);
    const { table } = this.#speeds;
    if (kind === "draft") return tokens * table.catchUp(1);
    return kind === "tree" ? tokens * table.headRead(0) : 0;
  }

  observe(outcome: Outcome): void {
    const { tokens, rows, inner, ms, suffixes } = outcome;
    const { setting } = this.#current;
    const took = this.#speeds.observe(this.#current, rows, inner, ms);
    if (this.#trying) this.#cost += took - tokens / this.#speed(this.#best);
    this.#tokens += tokens;
    this.#ms += took;
    const { tokens: before, ms: beforeMs } = this.#lately;
    this.#lately = { tokens: tokens + LATELY * before, ms: took + LATELY * beforeMs };
    this.#used.set(setting.kind, this.#tokens);
    // Nobody waits for the end of what is in vain: one round of a trial, two of the others.
    this.#refused = tokens === 1 && rows > 1 ? this.#refused + 1 : 0;
    if (this.#refused > (this.#trying ? 0 : 1)) {
      this.#left = 0;
      this.#between = ROUNDS / 2;
    }
    for (const rates of [this.#rates, this.#longRates]) rates.pass();
    if (setting.kind === "suffix") {
      this.#learnSuffixes(suffixes ?? [{ rows, accepted: tokens - 1 }]);
    } else {
      this.#learn(setting, outcome);
      this.#learnSuffixes(suffixes ?? []);
    }
  }

  #learn(setting: Setting, { tokens, reach, inner }: Outcome): void {
    if (setting.kind === "plain") return;
    this.#count(0, setting, reach, tokens - 1);
    if (setting.kind !== "draft" || setting.inner.kind === "plain") return;
    for (const [length, rounds] of inner.entries()) {
      for (let i = 0; i < rounds; i++) {
        this.#count(1, setting.inner, depthOf(setting.inner), length - 1);
      }
    }
  }

  #learnSuffixes(rounds: readonly SuffixRound[]): void {
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

/** How much of a standard normal is above `u`, in the mean: what it is more where it is more, and 0 where it is less. */
function above(u: number): number {
  // The distribution as a logistic one, which is within 0.01 of it.
  const more = 1 / (1 + Math.exp(1.702 * u));
  return Math.max(0, Math.exp(-u * u / 2) / Math.sqrt(2 * Math.PI) - u * more);
}
