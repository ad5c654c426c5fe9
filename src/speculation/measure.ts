/**
 * What the rounds of one session cost, measured in a moment: enough for a policy to begin with.
 *
 * @module
 */
import { ArgumentError } from "../base/errors.ts";
import type { Device } from "../device/mod.ts";
import type { Costs, LevelCosts } from "./policy/costs.ts";
import { type DraftSetting, PLAIN, rowsOf, type Setting, settingName } from "./policy/setting.ts";
import type { Round } from "./rounds/round.ts";
import { median, Timer } from "./timer.ts";

/** Tokens that are read before rounds are timed, where nothing is said. */
const READ = 48;

/** Tokens behind them that rounds need at least: the longest proposal. */
const LEAST_BEHIND = 40;

/** Rows of forwards beside those of rounds, where nothing is said: suffixes propose a few. */
const ROWS = [2, 4];

/** The shortest context in which rounds can be measured. */
export const MEASURED_CONTEXT = 64;

/** How to measure. */
export interface MeasureOptions {
  /** Tokens in the caches, ascending; 48 where absent. */
  readonly contexts?: readonly number[];
  /** Rows of forwards of the target that are timed beside those of rounds; 2 and 4 where absent. */
  readonly rows?: readonly number[];
  /** Rounds that are timed of each setting, at most; 3 where absent. */
  readonly runs?: number;
  /** Milliseconds after which each setting left is timed once; 700 where absent. */
  readonly enoughMs?: number;
  /**
   * How often all of it is done, one setting behind the other each time, so that what holds up the machine for a while holds up
   * all of them; once where absent. No other pass begins behind `enoughMs`.
   */
  readonly passes?: number;
  /** Hears what each pass came to. */
  readonly pass?: (costs: Costs) => void;
  /** Hears how many of all settings, at all contexts, have been timed. */
  readonly progress?: (done: number, total: number) => void;
}

/** Values by rows. */
type ByRows = Map<number, number[]>;

/**
 * Measures the settings that `round`, whose drafter can be told to use each of `settings`, needs costs of. Leaves caches
 * empty, statistics at zero and the drafter without a policy. Of contexts that are longer than there is room for, as much as fits is read. Throws an
 * `ArgumentError` where the memory of `round` has a context of less than `MEASURED_CONTEXT`.
 */
export function measureCosts(
  round: Round,
  settings: readonly Setting[],
  options: MeasureOptions = {},
): Costs {
  const { context } = round.memory;
  if (context < MEASURED_CONTEXT) {
    throw new ArgumentError(
      "context",
      `Cannot measure rounds: there is a context of ${context}, expected ${MEASURED_CONTEXT} or more`,
    );
  }
  // Nobody else may choose.
  round.drafter!.policy = undefined;
  const given = options.contexts ?? [READ];
  const contexts = [...new Set(given.map((length) => Math.min(length, context - LEAST_BEHIND)))];
  const { rows = ROWS, runs = 3, enoughMs = 700, passes = 1, pass, progress } = options;
  const timer = new Timer(round, runs, enoughMs);
  const all = measured(settings);
  const each: Costs[] = [];
  const total = passes * contexts.length * all.length;
  while (each.length < passes && (each.length === 0 || !timer.isEnough)) {
    const levels = contexts.map((context, i) => {
      timer.read(context);
      return atContext(round.memory.device.backend, timer, all, rows, (done) => {
        progress?.((each.length * contexts.length + i) * all.length + done, total);
      });
    });
    each.push({ contexts, levels: merged(levels) });
    pass?.(ascending(each.at(-1)!));
  }
  round.drafter!.use!(PLAIN);
  round.resume(0, 1);
  round.forget();
  for (const one of round.levels) one.reset();
  return ascending(middle(each));
}

/** The same costs where more rows never take less. */
function ascending(costs: Costs): Costs {
  const levels = costs.levels.map((level) => ({
    ...level,
    verifyMs: level.verifyMs.map(neverLess),
  }));
  return { ...costs, levels };
}

/** The means of those that would descend: what says so is noise, and of the last one as likely as of the first. */
export function neverLess(values: readonly number[]): number[] {
  const runs: { sum: number; count: number }[] = [];
  for (const value of values) {
    let run = { sum: value, count: 1 };
    for (let last = runs.at(-1); last && last.sum / last.count > run.sum / run.count;) {
      run = { sum: last.sum + run.sum, count: last.count + run.count };
      runs.pop();
      last = runs.at(-1);
    }
    runs.push(run);
  }
  return runs.flatMap(({ sum, count }) => new Array<number>(count).fill(sum / count));
}

/** The medians of several measurements of the same. */
function middle(each: readonly Costs[]): Costs {
  const of = (pick: (costs: Costs) => number) => median(each.map(pick));
  const [{ contexts, levels }] = each;
  const byContext = (pick: (costs: LevelCosts) => readonly number[], l: number) =>
    contexts.map((_, i) => of((one) => pick(one.levels[l])[i]));
  return {
    contexts,
    levels: levels.map(({ rows, draftMs }, l) => ({
      rows,
      verifyMs: contexts.map((_, i) => {
        return rows.map((_, j) => of((one) => one.levels[l].verifyMs[i][j]));
      }),
      queuedMs: byContext(({ queuedMs }) => queuedMs, l),
      draftMs: Object.fromEntries(
        Object.keys(draftMs).map((name) => [name, byContext((one) => one.draftMs[name], l)]),
      ),
      catchUpMs: byContext(({ catchUpMs }) => catchUpMs, l),
      headReadMs: byContext(({ headReadMs }) => headReadMs, l),
    })),
  };
}

/** The costs of all levels at one context. */
function atContext(
  backend: Device["backend"],
  timer: Timer,
  settings: readonly Setting[],
  rows: readonly number[],
  progress: (done: number) => void,
): readonly LevelCosts[] {
  const target: ByRows = new Map();
  const draft: ByRows = new Map();
  const targetDrafts: Record<string, number[]> = {};
  const draftDrafts: Record<string, number[]> = {};
  let queued = 0;
  const add = (to: ByRows, rows: number, ms: number) => to.set(rows, [...to.get(rows) ?? [], ms]);
  const first = timer.time(PLAIN).rest;
  const forwards = timer.forwards([1, ...rows]);
  for (const [i, setting] of settings.entries()) {
    const name = settingName(setting);
    progress(i);
    if (setting.kind === "suffix") {
      targetDrafts[name] = [SUFFIX_MS];
      continue;
    }
    const times = timer.time(setting);
    if (setting.kind === "tree") {
      add(target, setting.rows, times.rest);
      targetDrafts[name] = [times.draft];
    } else if (setting.kind === "draft") {
      add(target, setting.rows, times.rest);
      const { inner, minDraft } = setting;
      if (inner.kind === "plain") queued = times.draft / minDraft;
      else if (inner.kind === "tree") {
        draftDrafts[settingName(inner)] = [times.innerDraft];
        add(draft, inner.rows, times.innerRound - times.innerDraft);
      } else draftDrafts[settingName(inner)] = [SUFFIX_MS];
    }
  }
  // All else is measured against it, and what held up the machine for a while at the beginning may be over at the end.
  const plain = Math.min(first, timer.time(PLAIN).rest);
  add(target, 1, plain);
  for (const count of rows) {
    // What a round has beside its forward, it has for any number of rows.
    if (forwards.has(count)) add(target, count, plain + forwards.get(count)! - forwards.get(1)!);
  }
  const costs: LevelCosts[] = [level(target, targetDrafts, 0, backend)];
  if (queued > 0) {
    // A round that is waited for takes what the host needs besides.
    add(draft, 1, queued);
    costs.push(level(draft, draftDrafts, queued, backend));
  }
  return costs;
}

/** The same levels at several contexts as one. */
function merged(all: readonly (readonly LevelCosts[])[]): LevelCosts[] {
  return all[0].map(({ rows, draftMs }, i) => {
    const each = all.map((levels) => levels[i]);
    return {
      rows,
      verifyMs: each.map(({ verifyMs }) => verifyMs[0]),
      queuedMs: each.map(({ queuedMs }) => queuedMs[0]),
      draftMs: Object.fromEntries(
        Object.keys(draftMs).map((name) => [name, each.map((one) => one.draftMs[name][0])]),
      ),
      catchUpMs: each.map(({ catchUpMs }) => catchUpMs[0]),
      headReadMs: each.map(({ headReadMs }) => headReadMs[0]),
    };
  });
}

/**
 * Tokens of a text that a head reads in the time of its smallest tree: a CPU computes about so many rows for it, a GPU as many
 * as it likes in each of a few forwards.
 */
const SMALLEST_TREE: Readonly<Record<Device["backend"], number>> = { cpu: 8, cuda: 40 };

/** A search of suffixes, on one core. */
const SUFFIX_MS = 0.02;

/** Of the settings of one draft model that differ in length alone, the longest. */
function measured(settings: readonly Setting[]): Setting[] {
  const longest = new Map<string, Setting>();
  for (const setting of settings) {
    if (setting.kind === "plain") continue;
    const key = setting.kind === "draft"
      ? `draft of ${settingName(setting.inner)}`
      : settingName(setting);
    const other = longest.get(key) as DraftSetting | undefined;
    if (other && other.minDraft >= (setting as DraftSetting).minDraft) continue;
    longest.set(key, setting);
  }
  // The cheap ones first: what little time there is, is better spent on them.
  return [...longest.values()].sort((a, b) => rowsOf(a) - rowsOf(b));
}

function level(
  byRows: ByRows,
  draftMs: Readonly<Record<string, readonly number[]>>,
  queued: number,
  backend: Device["backend"],
): LevelCosts {
  const trees = Object.entries(draftMs).filter(([name]) => name.startsWith("tree"))
    .map(([, [each]]) => each);
  const rows = [...byRows.keys()].sort((a, b) => a - b);
  const mean = (values: readonly number[]) => values.reduce((a, b) => a + b) / values.length;
  const ms = rows.map((count) => mean(byRows.get(count)!));
  const last = ms.length - 1;
  return {
    rows,
    verifyMs: [ms],
    queuedMs: [queued || ms[0]],
    draftMs,
    catchUpMs: [ms[last] / rows[last]],
    headReadMs: [trees.length === 0 ? 0 : Math.min(...trees) / SMALLEST_TREE[backend]],
  };
}
