/**
 * Which settings are the fastest for some models, from what their rounds cost and how often drafts are accepted.
 *
 * @module
 */
import {
  FUNCTION,
  integer,
  type Kind,
  type Kinds,
  number,
  object,
  required,
} from "../base/options.ts";
import {
  always,
  type Beliefs,
  type Costs,
  CostTable,
  type Decision,
  depthOf,
  expected,
  measureCosts,
  type Outcome,
  type Policy,
  rateName,
  type Round,
  type Setting,
  settingName,
} from "../speculation/mod.ts";
import { Accepted } from "./accepted.ts";

/** How to tune. */
export interface TuneOptions {
  /** Tokens of the prompts. */
  readonly prompts: readonly (readonly number[])[];
  /** Tokens that each is continued by. */
  readonly maxTokens: number;
  /** Tokens in the caches at which costs are measured, ascending. */
  readonly contexts: readonly number[];
  /** How many of the best settings are run, to see what they really come to. */
  readonly realised: number;
  /**
   * The share of tokens that is accepted behind accepted ones, by level and drafter (`0 tree`, `1 tree`, `0 draft`,
   * `0 suffix`, `1 suffix`), where it is not to be measured.
   */
  readonly rates?: Readonly<Record<string, number>>;
  /** Hears how far it is. */
  readonly progress?: (label: string, done: number, total: number) => void;
}

const LIST_OF_COUNTS: Kind = {
  expected: "a list of whole numbers from 1",
  fits: (value) =>
    Array.isArray(value) && value.length > 0 && value.every((one) => integer(1).fits(one)),
};

/** What each option of tuning may be. */
export const TUNE_KINDS: Kinds<TuneOptions> = {
  prompts: required({
    expected: "a list of prompts, each of token ids",
    fits: (value) =>
      Array.isArray(value) && value.length > 0 &&
      value.every((one) => Array.isArray(one) && one.every((id) => integer(0).fits(id))),
  }),
  maxTokens: required(integer(1)),
  contexts: required(LIST_OF_COUNTS),
  realised: required(integer(0)),
  rates: object(
    "shares from 0 to less than 1 by level and drafter",
    (rates) => Object.values(rates).every((one) => number(0, 1).fits(one) && one as number < 1),
  ),
  progress: FUNCTION,
};

/** A setting and its speed. */
export interface TunedSetting {
  /** The setting. */
  readonly setting: Setting;
  /** Its name. */
  readonly name: string;
  /** Tokens that a round commits in the mean, as costs and rates have it. */
  readonly tokens: number;
  /** Milliseconds of such a round. */
  readonly ms: number;
  /** Tokens a second that they make. */
  readonly predicted: number;
  /** How far predictions by single passes over all settings are apart: half of it, over the prediction. */
  readonly spread: number;
  /** Tokens a second that it came to, where it was run: the median of several runs. */
  readonly realised?: number;
  /** How far these are apart: half of it, over the median. */
  readonly realisedSpread?: number;
}

/** What was found. */
export interface Tuned {
  /** What rounds cost. */
  readonly costs: Costs;
  /** The chances that 1, 2, ... tokens are accepted at least, by level and drafter, e.g. `0 tree 5-8-32`. */
  readonly survival: Readonly<Record<string, readonly number[]>>;
  /** Tokens in the caches, in the mean, that speeds are of. */
  readonly context: number;
  /** All settings, the fastest first by what is predicted. */
  readonly settings: readonly TunedSetting[];
}

/** Rows of forwards that are timed, beside those that settings verify. */
const ROWS = [2, 4, 8, 16, 32, 64];

/** Passes over all settings, at most, and milliseconds behind which no other begins; runs of each of the best. */
const PASSES = 3;
const ENOUGH_MS = 20_000;
const RUNS = 3;

/** How often the best are counted by themselves, and looked for again. */
const RECOUNTS = 6;

/** Runs texts with one setting after another. */
class Runner {
  readonly #round: Round;
  readonly #options: TuneOptions;

  constructor(round: Round, options: TuneOptions) {
    this.#round = round;
    this.#options = options;
  }

  /** Continues all prompts with `setting`; gives tokens a second. Where nobody hears of rounds, they are those of a method alone. */
  run(setting: Setting, hear?: (outcome: Outcome) => void): number {
    const { prompts, maxTokens } = this.#options;
    const round = this.#round;
    const { device, context, choice } = round.memory;
    let [tokens, ms] = [0, 0];
    for (const prompt of prompts) {
      round.forget();
      round.drafter!.policy = hear && heard(always(setting), hear);
      round.drafter!.use!(setting);
      choice.set({}, prompt.length, round.state.model.config.vocabSize);
      const most = Math.min(maxTokens, context - prompt.length);
      for (const _ of round.read(prompt, prompt.length + most)) device.synchronize();
      device.synchronize();
      const from = performance.now();
      let made = 0;
      while (made < most) made += round.run();
      ms += performance.now() - from;
      tokens += made;
    }
    round.drafter!.policy = undefined;
    return 1000 * tokens / ms;
  }
}

function heard(policy: Policy, hear: (outcome: Outcome) => void): Policy {
  const decisions: readonly Decision[] = [];
  return {
    decisions,
    next: (length) => policy.next(length),
    observe: hear,
    reset: () => undefined,
  };
}

/** Tunes the settings of a round's drafter, which is of several; leaves caches empty. */
export function tuneRound(
  round: Round,
  settings: readonly Setting[],
  options: TuneOptions,
): Tuned {
  const { prompts, maxTokens, contexts, realised, rates, progress } = options;
  const passes: Costs[] = [];
  const costs = measureCosts(round, settings, {
    contexts,
    rows: ROWS,
    runs: 3,
    passes: PASSES,
    enoughMs: ENOUGH_MS,
    pass: (costs) => passes.push(costs),
    progress: (done, total) => progress?.("timing rounds", done, total),
  });
  const runner = new Runner(round, options);
  const accepted = new Accepted();
  // The rows of suffixes' proposals, which have as many as they are sure of.
  const suffixRows: number[] = [];
  const count = (setting: Setting, key: string): void => {
    runner.run(setting, ({ tokens, reach, rows, inner }) => {
      accepted.add(key, reach, tokens - 1);
      if (setting.kind === "suffix") suffixRows.push(rows);
      if (setting.kind !== "draft" || setting.inner.kind === "plain") return;
      const [innerKey, depth] = [`1 ${rateName(setting.inner)}`, depthOf(setting.inner)];
      inner.forEach((rounds, length) => {
        if (rounds > 0) accepted.add(innerKey, depth, length - 1, rounds);
      });
    });
  };
  const seen = rates ? [] : telling(settings);
  seen.forEach((setting, i) => {
    progress?.("counting what is accepted", i, seen.length);
    count(setting, `0 ${rateName(setting)}`);
  });
  const beliefs: Beliefs = (level, setting) => {
    const given = rates?.[`${level} ${setting.kind}`];
    const depth = depthOf(setting);
    if (rates) {
      return { chances: Array.from({ length: depth }, (_, d) => (given ?? 0) ** (d + 1)) };
    }
    const own = `${level} ${settingName(setting)}`;
    const key = accepted.has(own) ? own : `${level} ${rateName(setting)}`;
    return { chances: accepted.survival(key, depth) };
  };
  const lengths = prompts.map(({ length }) => length);
  const context = lengths.reduce((a, b) => a + b, 0) / lengths.length + maxTokens / 2;
  const roundOf = (setting: Setting, by: Costs): { tokens: number; ms: number } => {
    const table = new CostTable(by, context);
    const { tokens, ms, catchUpMs } = expected(setting, beliefs, table);
    if (setting.kind !== "suffix" || suffixRows.length === 0) return { tokens, ms: ms + catchUpMs };
    const verify = mean(suffixRows.map((rows) => table.verify(0, rows)));
    return { tokens, ms: table.draft(0, setting) + verify };
  };
  const promised = (setting: Setting): TunedSetting => {
    const { tokens, ms } = roundOf(setting, costs);
    const single = passes.map((by) => roundOf(setting, by)).map(({ tokens, ms }) => tokens / ms);
    return {
      setting,
      name: settingName(setting),
      tokens,
      ms,
      predicted: 1000 * tokens / ms,
      spread: spreadOf(single),
    };
  };
  const ranked = () => settings.map(promised).sort((a, b) => b.predicted - a.predicted);
  let found = ranked();
  // Rounds of another length begin elsewhere in a text: of the best, what is accepted is counted by themselves.
  for (let again = 0; again < RECOUNTS && !rates; again++) {
    const foreign = found.slice(0, realised).filter(({ setting, name }) =>
      setting.kind === "draft" && !seen.includes(setting) && !accepted.has(`0 ${name}`)
    );
    if (foreign.length === 0) break;
    for (const { setting, name } of foreign) count(setting, `0 ${name}`);
    found = ranked();
  }
  const run = found.slice(0, realised);
  // By turns, so that what holds up the machine for a while holds up all of them.
  const speeds = run.map((): number[] => []);
  for (let again = 0; again < RUNS; again++) {
    run.forEach(({ setting }, i) => {
      progress?.("running the best", again * run.length + i, RUNS * run.length);
      speeds[i].push(runner.run(setting));
    });
  }
  const settled = found.map((one, i) => {
    if (i >= run.length) return one;
    return { ...one, realised: median(speeds[i]), realisedSpread: spreadOf(speeds[i]) };
  });
  round.resume(0, 1);
  round.forget();
  for (const one of round.levels) one.reset();
  return { costs, survival: accepted.all, context, settings: settled };
}

/** Settings that together tell of every drafter how much of it is accepted: of a draft model, its longest sequences. */
function telling(settings: readonly Setting[]): Setting[] {
  const longest = Math.max(
    0,
    ...settings.map((one) => one.kind === "draft" ? one.minDraft : 0),
  );
  return settings.filter((one) =>
    one.kind !== "plain" && (one.kind !== "draft" || one.minDraft === longest)
  );
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1];
}

/** Half of how far values are apart, over their median. */
function spreadOf(values: readonly number[]): number {
  return (Math.max(...values) - Math.min(...values)) / (2 * median(values));
}

function mean(values: readonly number[]): number {
  return values.reduce((a, b) => a + b, 0) / values.length;
}
