/**
 * The policy of `auto`: which setting the next rounds use.
 *
 * It counts how often tokens of each drafter are accepted, at each depth and level, and every few rounds takes the setting
 * of which costs and counts promise the most tokens a millisecond. A setting that has not been used for long is tried now
 * and then, as long as trials have cost little of the time so far; the more often that was in vain, the rarer.
 *
 * @module
 */
import { type Costs, CostTable } from "./costs.ts";
import { type Expected, expected, rateName } from "./expected.ts";
import { Rates } from "./rates.ts";
import { depthOf, type DraftSetting, PLAIN, type Setting, settingName } from "./setting.ts";

/** Rounds between two choices. */
const ROUNDS = 4;

/** Rounds of a trial. */
const TRIAL_ROUNDS = 2;

/** How much better a setting has to look than the one in use, which has its caches filled. */
const BETTER = 1.02;

/** The share of all time that trials may have cost. */
const TRIALS_SHARE = 0.008;

/** Plain rounds that trials may cost before anything is known. */
const FIRST_TRIALS = 3;

/** Tokens between two trials of one drafter, at first and at most. */
const TRIAL_AFTER = 32;
const TRIAL_AFTER_MOST = 1024;

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
  /** Why: it looked best, it was tried, or nothing else may be used. */
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

/** A setting, and what is known of it. */
interface Candidate {
  readonly setting: Setting;
  readonly name: string;
  /** The drafter that it is tried for: settings of one draft model and one inner drafter are tried together. */
  readonly drafter: string;
  /** Measured times over those that costs say. */
  scale?: number;
  /** Mean milliseconds of rounds of suffixes, which may have any number of rows. */
  meanMs?: number;
}

/** Trials of one drafter. */
interface Trials {
  /** Tokens made when it was last used. */
  last: number;
  /** Tokens until the next trial. */
  after: number;
}

/** The policy of `auto`. */
export class AutoPolicy implements Policy {
  readonly #costs: Costs;
  readonly #candidates: readonly Candidate[];
  readonly #plain: Candidate;
  readonly #rates = new Rates();
  readonly #trials = new Map<string, Trials>();
  #decisions: Decision[] = [];
  #table: CostTable;
  #current: Candidate;
  /** The best when it was last looked for. */
  #best: Candidate;
  #left = 0;
  #length = 0;
  #trying = false;
  /** Tokens made, and the time for them, of all texts. */
  #tokens = 0;
  #ms = 0;
  /** What trials have cost beyond what the best setting would have taken. */
  #trialsMs = 0;

  /** Chooses among `settings`, plain decoding among them, by `costs`. */
  constructor(settings: readonly Setting[], costs: Costs) {
    this.#costs = costs;
    this.#table = new CostTable(costs, 0);
    this.#candidates = settings.map((setting) => ({
      setting,
      name: settingName(setting),
      drafter: drafterOf(setting),
    }));
    this.#plain = this.#candidates.find(({ setting }) => setting.kind === "plain") ??
      { setting: PLAIN, name: "plain", drafter: "plain" };
    this.#current = this.#best = this.#plain;
    for (const { drafter } of this.#candidates) {
      this.#trials.set(drafter, { last: 0, after: TRIAL_AFTER });
    }
  }

  get decisions(): readonly Decision[] {
    return this.#decisions;
  }

  reset(): void {
    this.#decisions = [];
    this.#left = 0;
  }

  next(length: number): Setting {
    this.#length = length;
    if (this.#left <= 0) this.#choose();
    this.#left--;
    return this.#current.setting;
  }

  #choose(): void {
    this.#table = new CostTable(this.#costs, this.#length);
    const speeds = new Map(this.#candidates.map((one) => [one, this.#speed(one)]));
    const speedOf = (one: Candidate) => speeds.get(one) ?? this.#speed(one);
    const wasTrying = this.#trying;
    let best = this.#trying ? this.#best : this.#current;
    for (const one of this.#candidates) {
      const better = one.drafter === best.drafter ? 1 : BETTER;
      if (speedOf(one) > better * speedOf(best)) best = one;
    }
    this.#best = best;
    if (wasTrying) {
      // The trial is over: what was tried in vain is tried later next time.
      const trials = this.#trials.get(this.#current.drafter)!;
      trials.after = best.drafter === this.#current.drafter
        ? TRIAL_AFTER
        : Math.min(2 * trials.after, TRIAL_AFTER_MOST);
    }
    const tried = wasTrying ? undefined : this.#due(best, speedOf);
    this.#trying = tried !== undefined;
    this.#take(tried ?? best, this.#trying ? "trial" : "best", speedOf);
    this.#left = this.#trying ? TRIAL_ROUNDS : ROUNDS;
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

  /** What is to be tried now: of the drafters that have waited long enough the one that looks best, by its best setting. */
  #due(best: Candidate, speedOf: (one: Candidate) => number): Candidate | undefined {
    let found: Candidate | undefined;
    for (const one of this.#candidates) {
      const { drafter } = one;
      if (drafter === best.drafter || drafter === "plain") continue;
      const { last, after } = this.#trials.get(drafter)!;
      if (this.#tokens - last < after) continue;
      if (found === undefined || speedOf(one) > speedOf(found)) found = one;
    }
    if (found === undefined) return undefined;
    // At worst none of its tokens is accepted.
    const { ms } = this.#expected(found);
    const behind = this.#tokens - this.#trials.get(found.drafter)!.last;
    const reading = found.setting.kind === "draft" ? behind * this.#table.catchUp(1) : 0;
    const worst = TRIAL_ROUNDS * (ms - 1 / speedOf(best)) + reading;
    const allowed = FIRST_TRIALS * this.#table.verify(0, 1) + TRIALS_SHARE * this.#ms;
    return this.#trialsMs + worst <= allowed ? found : undefined;
  }

  #expected({ setting, meanMs, scale = 1 }: Candidate): Expected {
    const survival = (level: number, of: Setting): number[] =>
      this.#rates.survival(`${level} ${of.kind}`, `${level} ${rateName(of)}`, depthOf(of));
    const { tokens, ms } = expected(setting, survival, this.#table);
    return { tokens, ms: (meanMs ?? ms) * scale };
  }

  #speed(one: Candidate): number {
    const { tokens, ms } = this.#expected(one);
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
      one.scale = (one.scale ?? 1) + NEW_TIME * (scale - (one.scale ?? 1));
    }
    const took = ms ?? predicted;
    this.#ms += took;
    this.#tokens += tokens;
    if (this.#trying) {
      this.#trialsMs += Math.max(0, took - tokens / this.#speed(this.#best));
    }
    this.#trials.get(one.drafter)!.last = this.#tokens;
    this.#learn(setting, outcome);
  }

  #learn(setting: Setting, { tokens, rows, reach, inner }: Outcome): void {
    const count = (level: number, of: Setting, proposed: number, accepted: number) =>
      this.#rates.observe(`${level} ${of.kind}`, `${level} ${rateName(of)}`, proposed, accepted);
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

/** What a setting is tried for. */
function drafterOf(setting: Setting): string {
  if (setting.kind === "draft") return `draft of ${(setting as DraftSetting).inner.kind}`;
  return setting.kind;
}
