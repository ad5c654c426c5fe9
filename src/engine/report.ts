/**
 * The statistics of a generation, as its result holds them.
 *
 * @module
 */
import type { LevelStats } from "../speculation/mod.ts";
import type { GenerationStats, LevelReport } from "./generation.ts";

/** When the parts of a generation began, in milliseconds. */
export interface Times {
  /** The reading of the prompt. */
  readonly started: number;
  /** The first round; undefined where it came to none. */
  readonly decoding?: number;
  /** The end. */
  readonly ended: number;
}

/** Statistics of `method`, which made `tokens` tokens with the rounds of `levels`, the target's first. */
export function statsOf(
  method: string,
  tokens: number,
  levels: readonly LevelStats[],
  { started, decoding, ended }: Times,
): GenerationStats {
  const reports = levels.map(report);
  const [target] = reports;
  const decodeMs = decoding === undefined ? 0 : ended - decoding;
  return {
    method,
    generatedTokens: tokens,
    targetForwards: target.rounds,
    tau: target.tau,
    acceptLengths: target.acceptLengths,
    levels: reports,
    timings: {
      prefillMs: (decoding ?? ended) - started,
      decodeMs,
      tokensPerSecond: decodeMs > 0 ? (tokens / decodeMs) * 1000 : 0,
    },
  };
}

function report(stats: LevelStats): LevelReport {
  const { name, rounds, tokens, catchUps, drafted, tau, draftMs, verifyMs, commitMs, readBackMs } =
    stats;
  return {
    name,
    rounds,
    tokens,
    catchUps,
    drafted,
    tau,
    acceptLengths: [...stats.histogram],
    lengths: [...stats.lengths],
    rows: [...stats.rows],
    draftMs,
    verifyMs,
    commitMs,
    readBackMs,
  };
}
