/**
 * What the rounds of one session cost, measured in a moment: enough for a policy to begin with.
 *
 * @module
 */
import type { Costs, LevelCosts } from "./policy/costs.ts";
import { type DraftSetting, PLAIN, type Setting, settingName } from "./policy/setting.ts";
import type { Round } from "./round.ts";
import type { LevelStats } from "./stats.ts";

/** Tokens that are read before rounds are timed. */
const READ = 48;

/** Rounds that are timed of each setting, at most. */
const RUNS = 3;

/** Milliseconds after which each setting left is timed once. */
const ENOUGH_MS = 700;

/** What one setting's rounds took in the mean, in milliseconds. */
interface Times {
  /** Wall time beside the draft. */
  readonly rest: number;
  /** Until the proposal stood. */
  readonly draft: number;
  /** Rounds of the draft model. */
  readonly innerRounds: number;
  /** Until proposals stood in those. */
  readonly innerDraft: number;
}

/** Values by rows. */
type ByRows = Map<number, number[]>;

/**
 * Measures the settings that `round`, whose drafter can be told to use each of `settings`, needs costs of. Leaves caches
 * empty and statistics at zero. `round` must have room for 80 tokens.
 */
export function measureCosts(round: Round, settings: readonly Setting[]): Costs {
  const drafter = round.drafter!;
  const from = performance.now();
  const { vocabSize } = round.state.model.config;
  const prompt = Array.from({ length: READ }, (_, i) => (i * 7919 + 13) % vocabSize);
  const begin = (): void => {
    for (const _ of round.read(prompt, round.memory.context)) void 0;
  };
  const time = (setting: Setting): Times => {
    drafter.use!(setting);
    begin();
    // Caches grow, pages are touched.
    round.run();
    const inner = round.levels[1];
    const before = { ...taken(round.stats, inner) };
    const started = performance.now();
    let runs = 0;
    do {
      round.run();
      runs++;
    } while (runs < RUNS && performance.now() - from < ENOUGH_MS);
    const wall = (performance.now() - started) / runs;
    const after = taken(round.stats, inner);
    const draft = (after.draft - before.draft) / runs;
    return {
      rest: wall - draft,
      draft,
      innerRounds: (after.innerRounds - before.innerRounds) / runs,
      innerDraft: (after.innerDraft - before.innerDraft) / runs,
    };
  };

  const target: ByRows = new Map();
  const draft: ByRows = new Map();
  const targetDrafts: Record<string, number[]> = {};
  const draftDrafts: Record<string, number[]> = {};
  let queued = 0;
  const add = (to: ByRows, rows: number, ms: number) => to.set(rows, [...to.get(rows) ?? [], ms]);
  add(target, 1, time(PLAIN).rest);
  for (const setting of measured(settings)) {
    const name = settingName(setting);
    if (setting.kind === "suffix") {
      targetDrafts[name] = [SUFFIX_MS];
      continue;
    }
    const times = time(setting);
    if (setting.kind === "tree") {
      add(target, setting.rows, times.rest);
      targetDrafts[name] = [times.draft];
    } else if (setting.kind === "draft") {
      add(target, setting.rows, times.rest);
      const { inner, minDraft } = setting;
      if (inner.kind === "plain") queued = times.draft / minDraft;
      else if (inner.kind === "tree") {
        const ofDraft = times.innerDraft / times.innerRounds;
        draftDrafts[settingName(inner)] = [ofDraft];
        add(draft, inner.rows, times.draft / times.innerRounds - ofDraft);
      } else draftDrafts[settingName(inner)] = [SUFFIX_MS];
    }
  }
  const costs: LevelCosts[] = [level(target, targetDrafts, 0)];
  if (queued > 0) {
    // A round that is waited for takes what the host needs besides.
    add(draft, 1, queued);
    costs.push(level(draft, draftDrafts, queued));
  }
  drafter.use!(PLAIN);
  round.resume(0, 1);
  round.forget();
  for (const one of round.levels) one.reset();
  return { contexts: [READ], levels: costs };
}

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
  return [...longest.values()];
}

function taken(stats: LevelStats, inner: LevelStats | undefined) {
  return {
    draft: stats.draftMs,
    innerRounds: inner?.rounds ?? 0,
    innerDraft: inner?.draftMs ?? 0,
  };
}

function level(
  byRows: ByRows,
  draftMs: Readonly<Record<string, readonly number[]>>,
  queued: number,
): LevelCosts {
  const rows = [...byRows.keys()].sort((a, b) => a - b);
  const mean = (values: readonly number[]) => values.reduce((a, b) => a + b) / values.length;
  // More rows never take less: what says so is noise.
  let least = 0;
  const ms = rows.map((count) => least = Math.max(least, mean(byRows.get(count)!)));
  const last = ms.length - 1;
  return {
    rows,
    verifyMs: [ms],
    queuedMs: [queued || ms[0]],
    draftMs,
    catchUpMs: [ms[last] / rows[last]],
  };
}
