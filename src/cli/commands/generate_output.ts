/**
 * How a generation is shown: text as it comes, a line of statistics, or JSON.
 *
 * @module
 */
import { snakeCase } from "../../base/key_case.ts";
import type {
  ChoiceOptions,
  FinishReason,
  Generation,
  GenerationResult,
  GenerationStats,
} from "../../engine/mod.ts";
import type { GrammarOption } from "../../grammar/mod.ts";
import { CHOICE_DEFAULTS } from "../../speculation/mod.ts";
import { grammarJson } from "./grammar.ts";
import { legend, paint, proposerColor } from "../terminal/color.ts";
import { type Io, tableColumns } from "../terminal/io.ts";
import { writeJson } from "../terminal/json.ts";
import { table } from "../terminal/table.ts";
import type { Progress } from "../terminal/progress.ts";

/** How to show a generation. */
export interface ShowOptions {
  /** One line of JSON, at the end. */
  readonly json: boolean;
  /** Whether what was chosen, and what rounds took, follows the line of statistics. */
  readonly stats?: boolean;
  /** Whether text is coloured by who proposed it. */
  readonly color: boolean;
  /** What ends the generation early; what there is by then is shown. */
  readonly signal: AbortSignal;
  /** Who can propose tokens, for the legend. */
  readonly by: readonly string[];
  /** How its tokens are chosen. */
  readonly choice: ChoiceOptions;
  /** What the text follows. */
  readonly grammar?: GrammarOption;
  /** The text of a token. */
  textOf(id: number): string;
  /** What shows how far the prompt is read; cleared before statistics are written. */
  readonly bar?: Progress;
}

/** Runs a generation and shows it. */
export async function showGeneration(
  generation: Generation,
  options: ShowOptions,
  io: Io,
): Promise<void> {
  const { json, color, signal, bar } = options;
  if (color && !json) await io.stderr.write(`proposed by: ${legend(options.by)}\n`);
  let newline = true;
  try {
    for await (const { text, by } of generation) {
      if (json || text === "") continue;
      newline = text.endsWith("\n");
      await io.stdout.write(color ? paint(proposerColor(by), text) : text);
    }
  } catch (error) {
    if (!signal.aborted || error !== signal.reason) throw error;
  } finally {
    bar?.clear();
  }
  if (json) return await writeJson(io.stdout, jsonOf(generation.result, options));
  // Files and pipes get the text as it is; on a terminal what follows starts its own line.
  if (!newline && io.stdout.isTerminal) await io.stdout.write("\n");
  await io.stderr.write(`${statisticsLine(generation.result)}\n`);
  if (options.stats) {
    await io.stderr.write(statisticsTables(generation.result.stats, tableColumns(io.stderr)));
  }
}

/** The rounds of each model, and what was chosen, as tables. */
export function statisticsTables(
  { levels, choices = [] }: GenerationStats,
  columns: number,
): string {
  const each = (ms: number, rounds: number) => (ms / Math.max(rounds, 1)).toFixed(2);
  const models = table(
    levels.map(({ name, rounds, drafted, tau, catchUps, draftMs, verifyMs, commitMs }) => [
      name,
      String(rounds),
      (drafted / Math.max(rounds, 1)).toFixed(2),
      tau.toFixed(2),
      String(catchUps),
      each(draftMs, rounds),
      each(verifyMs, rounds),
      each(commitMs, rounds),
    ]),
    ["left", "right", "right", "right", "right", "right", "right", "right"],
    ["model", "rounds", "drafted", "tau", "catch-ups", "draft, ms", "verify, ms", "commit, ms"],
    columns,
  );
  if (choices.length === 0) return `\n${models}\n`;
  const chosen = table(
    choices.map(({ at, setting, why, promised, plain }) => [
      String(at),
      setting,
      why === "trial" ? "tried: not used for long" : "promises the most",
      (1000 * promised).toFixed(1),
      (1000 * plain).toFixed(1),
    ]),
    ["right", "left", "left", "right", "right"],
    ["behind tokens", "chosen", "why", "tokens/s promised", "by plain"],
    columns,
  );
  return `\n${models}\n\n${chosen}\n`;
}

const ENDS: Readonly<Record<FinishReason, string>> = {
  stop: "stopped by itself",
  length: "reached the length",
  context: "filled the context",
  aborted: "interrupted",
};

/** A result in one line for people. */
export function statisticsLine({ finishReason, seed, stats }: GenerationResult): string {
  const { method, generatedTokens, targetForwards, tau, timings } = stats;
  const count = (n: number, what: string) => `${n} ${what}${n === 1 ? "" : "s"}`;
  return [
    `${count(generatedTokens, "token")} in ${(timings.decodeMs / 1000).toFixed(2)} s`,
    `${timings.tokensPerSecond.toFixed(1)} tokens/s`,
    `method ${method}`,
    `tau ${tau.toFixed(2)}`,
    count(targetForwards, "target forward"),
    `prompt read in ${timings.prefillMs.toFixed(0)} ms`,
    ...(seed === undefined ? [] : [`seed ${seed}`]),
    ENDS[finishReason],
  ].join(", ");
}

/** A result as `generate --json` prints it. */
export function jsonOf(
  result: GenerationResult,
  { choice, grammar, textOf }: Pick<ShowOptions, "choice" | "grammar" | "textOf">,
): unknown {
  const { text, tokens, logprobs, top, promptTokens, finishReason, seed, stats } = result;
  const { logitBias = {}, ...given } = choice;
  return {
    text,
    tokens,
    ...(logprobs && {
      logprobs,
      top: top!.map((likeliest) => likeliest.map((one) => ({ ...one, text: textOf(one.id) }))),
    }),
    prompt_tokens: promptTokens,
    finish_reason: finishReason,
    sampling: {
      ...snakeCase({ ...CHOICE_DEFAULTS, ...given }) as object,
      logit_bias: logitBias,
      seed: seed ?? null,
    },
    grammar: grammarJson(grammar),
    stats: {
      method: stats.method,
      generated_tokens: stats.generatedTokens,
      target_forwards: stats.targetForwards,
      tau: stats.tau,
      accept_lengths: stats.acceptLengths,
      levels: snakeCase(stats.levels),
      ...(stats.choices && { choices: snakeCase(stats.choices) }),
      timings: snakeCase(stats.timings),
    },
  };
}
