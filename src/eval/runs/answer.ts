/**
 * One answer, as the file of answers has it.
 *
 * @module
 */
import type { FinishReason, GenerationResult, LevelReport } from "../../engine/mod.ts";
import type { Job } from "./plan.ts";

/** The rounds of one model: what a replay of them needs. */
export type Trace = Pick<
  LevelReport,
  "name" | "lengths" | "rows" | "catchUps" | "draftMs" | "verifyMs" | "commitMs"
>;

/** What was said to one turn. */
export interface Turn {
  /** Tokens of the prompt, what came before included. */
  readonly promptTokens: number;
  /** How many of them the caches held from the turn before. */
  readonly cachedTokens: number;
  /** The tokens of the answer. */
  readonly tokens: readonly number[];
  /** Its text. */
  readonly text: string;
  /** Why it ended. */
  readonly finishReason: FinishReason;
  /** Milliseconds to read the prompt, the drafter's reading included. */
  readonly prefillMs: number;
  /** Milliseconds of all rounds. */
  readonly decodeMs: number;
  /** Of each model that verifies, the target first. */
  readonly levels: readonly Trace[];
}

/** The answer to a problem: all that was said in it. */
export interface Answer extends Job {
  /** The problem's task. */
  readonly task: string;
  /** What it was made on. */
  readonly device: string;
  /** When it was done, ISO 8601. */
  readonly date: string;
  /** The turns, without those that did not fit into the context. */
  readonly turns: readonly Turn[];
  /** How many turns did not fit. */
  readonly left: number;
}

/** A turn from the result of its generation. */
export function turnOf(result: GenerationResult): Turn {
  const { promptTokens, cachedTokens, tokens, text, finishReason, stats } = result;
  const { prefillMs, decodeMs } = stats.timings;
  const levels = stats.levels.map(
    ({ name, lengths, rows, catchUps, draftMs, verifyMs, commitMs }): Trace => ({
      name,
      lengths,
      rows,
      catchUps,
      draftMs,
      verifyMs,
      commitMs,
    }),
  );
  return { promptTokens, cachedTokens, tokens, text, finishReason, prefillMs, decodeMs, levels };
}
