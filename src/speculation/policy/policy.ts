/**
 * The policy of `auto`: which setting the next rounds use.
 *
 * It counts how often tokens of each drafter are accepted, at each depth and level, and every few rounds takes the setting
 * of which costs and counts promise the most tokens a millisecond. A drafter that has not been used for long is tried, in its
 * cheapest setting, as often as that costs a small share of the time.
 *
 * @module
 */
import { type Costs, CostTable } from "./costs.ts";
import { type Expected, expected } from "./expected.ts";
import { Rates } from "./rates.ts";
import { depthOf, PLAIN, type Setting, settingName } from "./setting.ts";

/** Rounds between two choices. */
const ROUNDS = 4;

/** Tokens by which a text grows before costs are looked up again. */
const TABLE_EVERY = 32;

/** Rounds of a trial in which tokens are accepted; it ends with the first in which none is. */
const TRIAL_ROUNDS = 3;

/** How much better a setting has to look than the one in use, which has its caches filled. */
const BETTER = 1.02;

/** The share of the time that trials of one drafter may cost where all of them are in vain. */
const TRIAL_SHARE = 0.003;

/** The share of its time that a trial is thought to cost at least. */
const LEAST_LOSS = 0.1;

/** Tokens between two trials of one drafter, at least. */
const TRIAL_AFTER = 16;

/** The share of the best speed that another shape of the same drafter has to promise to be tried. */
const NEAR = 0.9;

/** Rounds of a drafter before which it is tried sooner, where that costs less than a plain round, and how much sooner at most. */
const KNOWN = 3;
const LEAST_KNOWN = 1 / 8;

/**
 * What trials in vain may cost in reading, by a head or a draft model, what it did not propose: so many tokens' time, and this share of
 * all. To wait longer does not help: it reads all of the text.
 */
const READING_FIRST = 4;
const READING_SHARE = 0.004;

/** What the wait for another trial is multiplied by where one has found the best drafter, and where it was in vain; the least and the most. */
const FOUND = 0.25;
const IN_VAIN = 1.5;
const LEAST_PATIENCE = 1 / 16;
const MOST_PATIENCE = 4;

/** How much of the tokens and times of late a round leaves, and how much more the best in the long run must promise. */
const LATELY = 0.99;
const STEADIER = 1;
const LEAST_NOW = 0.75;

/** The weight of a new time in those of a setting. */
const NEW_TIME = 0.1;

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

/** A setting, and what is known of it. */
interface Candidate {
  readonly setting: Setting;
  readonly name: string;
  /** What was last found of it, by which rates. */
  readonly found: Map<Rates, Expected & { readonly table: CostTable; readonly version: number }>;
  /** Measured times over those that costs say, and of how many rounds; where there are none, those of all. */
  scale?: number;
  timed: number;
  /** Mean milliseconds of rounds of suffixes, which may have any number of rows. */
  meanMs?: number;
}

/** The policy of `auto`. */
export class AutoPolicy implements Policy {
  readonly #costs: Costs;
  readonly #candidates: readonly Candidate[];
  readonly #plain: Candidate;
  readonly #rates = new Rates();
  /** In the long run: the defence against what changes as soon as it is known. */
  readonly #longRates = new Rates(true);
  /** Tokens and milliseconds of late, which fade. */
  #lately = { tokens: 0, ms: 0 };
  /** Tokens made when each drafter was last used, by what it is tried for. */
  readonly #used = new Map<string, number>();
  /** Rounds of each. */
  readonly #seen = new Map<string, number>();
  /** The share of the usual wait after which each is tried. */
  readonly #patience = new Map<string, number>();
  #decisions: Decision[] = [];
  /** Costs at a text of about this length. */
  #table: CostTable;
  #tableAt = 0;
  #current: Candidate;
  /** The best when it was last looked for. */
  #best: Candidate;
  #left = 0;
  #length = 0;
  #trying = false;
  /** Measured times over those that costs say, of all settings: a longer text is slower in all of them. */
  #scale = 1;
  /** Tokens made, and the time that they took, of all texts. */
  #tokens = 0;
  #ms = 0;
  /** Of these, how many when this text began: all drafters read its prompt. */
  #begun = 0;
  /** Time that heads and draft models took to read, for trials in vain; and for the one under way. */
  #readMs = 0;
  #trialReading = 0;

  /** Chooses among `settings`, plain decoding among them, by `costs`. */
  constructor(settings: readonly Setting[], costs: Costs) {
    this.#costs = costs;
    this.#table = new CostTable(costs, 0);
    this.#candidates = settings.map((setting) => ({
      setting,
      name: settingName(setting),
      found: new Map(),
      timed: 0,
    }));
    this.#plain = this.#candidates.find(({ setting }) => setting.kind === "plain") ??
      { setting: PLAIN, name: "plain", found: new Map(), timed: 0 };
    this.#current = this.#best = this.#plain;
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
    if (Math.abs(this.#length - this.#tableAt) >= TABLE_EVERY) {
      this.#table = new CostTable(this.#costs, this.#length);
      this.#tableAt = this.#length;
    }
    const speedOf = (one: Candidate) => this.#speed(one);
    const wasTrying = this.#trying;
    let best = wasTrying ? this.#best : this.#current;
    for (const one of this.#candidates) {
      // Another drafter has to catch up; plain decoding has not.
      const better = one.setting.kind === best.setting.kind || one === this.#plain ? 1 : BETTER;
      if (speedOf(one) > better * speedOf(best)) best = one;
    }
    best = this.#steady(best);
    this.#best = best;
    if (wasTrying) this.#learnOfTrial(best);
    const tried = wasTrying ? undefined : this.#due(best, speedOf);
    this.#trying = tried !== undefined;
    this.#take(tried ?? best, this.#trying ? "trial" : "best", speedOf);
    this.#left = this.#trying ? TRIAL_ROUNDS : ROUNDS;
    if (tried) {
      if (tried.setting.kind !== best.setting.kind) this.#loosen(tried.setting);
      const used = this.#used.get(triedFor(tried.setting, best.setting)) ?? 0;
      this.#trialReading = this.#reading(tried, this.#tokens - used);
    }
  }

  #take(one: Candidate, why: Decision["why"], speedOf: (one: Candidate) => number): void {
    if (one !== this.#current || this.#decisions.length === 0) {
      this.#decisions.push({
        at: this.#length,
        setting: one.name,
        why,
        promised: speedOf(one),
        plain: speedOf(this.#plain),
      });
    }
    this.#current = one;
  }

  /** What is to be tried now: of a drafter that has waited long enough for what its cheapest setting costs, that setting. */
  #due(best: Candidate, speedOf: (one: Candidate) => number): Candidate | undefined {
    const tokenMs = 1 / speedOf(best);
    let found: { one: Candidate; late: number } | undefined;
    const cheapest = new Map<string, { one: Candidate; loss: number }>();
    for (const one of this.#candidates) {
      const key = triedFor(one.setting, best.setting);
      const { tokens, ms } = this.#expected(one);
      const loss = Math.max(LEAST_LOSS * ms, ms - tokens * tokenMs);
      if (loss < (cheapest.get(key)?.loss ?? Infinity)) cheapest.set(key, { one, loss });
    }
    for (const [key, { one, loss }] of cheapest) {
      if (key === triedFor(best.setting, best.setting) || key === "plain") continue;
      // What is known of its drafter is lately known.
      if (one.setting.kind === best.setting.kind && speedOf(one) < NEAR * speedOf(best)) continue;
      const waited = this.#tokens - (this.#used.get(key) ?? 0);
      const known = loss > this.#table.verify(0, 1)
        ? 1
        : Math.max(LEAST_KNOWN, Math.min(1, (this.#seen.get(key) ?? 0) / KNOWN));
      const wait = loss / (TRIAL_SHARE * tokenMs) * known * (this.#patience.get(key) ?? 1);
      const late = waited - Math.max(TRIAL_AFTER, wait);
      if (late < (found?.late ?? 0)) continue;
      if (
        this.#readMs + this.#reading(one, waited) >
          READING_FIRST * tokenMs + READING_SHARE * this.#ms
      ) {
        continue;
      }
      found = { one, late };
    }
    return found?.one;
  }

  /**
   * The setting that is the best in the long run, where that promises more than what changing settings has come to; else
   * `best`.
   */
  #steady(best: Candidate): Candidate {
    const { tokens, ms } = this.#lately;
    if (ms === 0) return best;
    let [found, most] = [
      best,
      Math.max(STEADIER * tokens / ms, this.#speed(best, this.#longRates)),
    ];
    for (const one of this.#candidates) {
      if (this.#speed(one) < LEAST_NOW * this.#speed(best)) continue;
      const speed = this.#speed(one, this.#longRates);
      if (speed > most) [found, most] = [one, speed];
    }
    return found;
  }

  /** What a head or a draft model takes to read what others have proposed in this text since it was last used. */
  #reading({ setting }: Candidate, waited: number): number {
    const tokens = Math.min(waited, this.#tokens - this.#begun);
    if (setting.kind === "draft") return tokens * this.#table.catchUp(1);
    return setting.kind === "tree" ? tokens * this.#table.headRead(0) : 0;
  }

  /** Where trials of a drafter have found it the best of late, it is tried sooner. */
  #learnOfTrial(best: Candidate): void {
    const key = triedFor(this.#current.setting, this.#plain.setting);
    const before = this.#patience.get(key) ?? 1;
    const found = triedFor(best.setting, this.#plain.setting) === key;
    if (!found) this.#readMs += this.#trialReading;
    this.#patience.set(
      key,
      found ? Math.max(LEAST_PATIENCE, before * FOUND) : Math.min(MOST_PATIENCE, before * IN_VAIN),
    );
  }

  #loosen(setting: Setting): void {
    this.#rates.loosen(0, setting);
    if (setting.kind === "draft") this.#rates.loosen(1, setting.inner);
  }

  #expected(one: Candidate, rates = this.#rates): Expected {
    const table = this.#table;
    const { version } = rates;
    let found = one.found.get(rates);
    if (found === undefined || found.table !== table || found.version !== version) {
      const survival = (level: number, of: Setting) => rates.survival(level, of);
      found = { table, version, ...expected(one.setting, survival, table) };
      one.found.set(rates, found);
    }
    return { tokens: found.tokens, ms: (one.meanMs ?? found.ms) * (one.scale ?? this.#scale) };
  }

  #speed(one: Candidate, rates = this.#rates): number {
    const { tokens, ms } = this.#expected(one, rates);
    return tokens / ms;
  }

  observe(outcome: Outcome): void {
    const { tokens, rows, inner, ms } = outcome;
    const one = this.#current;
    const { setting } = one;
    const predicted = this.#predicted(setting, rows, inner);
    if (setting.kind === "suffix") {
      one.meanMs = (one.meanMs ?? predicted) + NEW_TIME * (predicted - (one.meanMs ?? predicted));
    }
    if (ms !== undefined) {
      // Half and double: one round that something else held up says little.
      const scale = Math.min(2, Math.max(0.5, ms / predicted));
      const before = one.scale ?? this.#scale;
      one.timed++;
      one.scale = before + Math.max(NEW_TIME, 1 / (1 + one.timed)) * (scale - before);
      this.#scale += NEW_TIME * (scale - this.#scale);
    }
    this.#tokens += tokens;
    this.#ms += ms ?? predicted;
    const { tokens: before, ms: beforeMs } = this.#lately;
    this.#lately = { tokens: tokens + LATELY * before, ms: (ms ?? predicted) + LATELY * beforeMs };
    for (const key of [triedFor(setting, PLAIN), triedFor(setting, setting)]) {
      this.#used.set(key, this.#tokens);
      this.#seen.set(key, (this.#seen.get(key) ?? 0) + 1);
    }
    // Nobody waits for the end of what is in vain.
    if (tokens === 1 && setting.kind !== "plain") this.#left = 0;
    this.#learn(setting, outcome);
  }

  #learn(setting: Setting, { tokens, rows, reach, inner }: Outcome): void {
    const count = (level: number, of: Setting, proposed: number, accepted: number): void => {
      for (const rates of [this.#rates, this.#longRates]) {
        rates.observe(level, of, proposed, accepted);
      }
    };
    if (setting.kind === "plain") return;
    const nothing = setting.kind === "suffix" && rows === 1;
    count(0, setting, nothing ? 1 : reach, tokens - 1);
    if (setting.kind !== "draft" || setting.inner.kind === "plain") return;
    inner.forEach((rounds, length) => {
      for (let i = 0; i < rounds; i++) {
        count(1, setting.inner, depthOf(setting.inner), length - 1);
      }
    });
  }

  /** What costs say of a round that has been. */
  #predicted(setting: Setting, rows: number, inner: readonly number[]): number {
    const table = this.#table;
    const verify = table.verify(0, rows);
    if (setting.kind !== "draft") return table.draft(0, setting) + verify;
    const { minDraft, inner: of } = setting;
    if (of.kind === "plain") return minDraft * table.queued(1) + verify;
    const rounds = inner.reduce((total, count) => total + count, 0);
    return rounds * table.round(1, of) + verify;
  }
}

/**
 * What a setting is tried for, while `beside` is in use: its drafter; where that is in use already, its shape, or what
 * proposes to the draft model.
 */
function triedFor(setting: Setting, beside: Setting): string {
  if (setting.kind !== beside.kind) return setting.kind;
  return setting.kind === "draft" ? `draft of ${settingName(setting.inner)}` : settingName(setting);
}
