/**
 * `score`: how likely a text is under a model.
 *
 * @module
 */
import { ArgumentError, CheckpointError } from "../../base/errors.ts";
import { openCheckpoint } from "../../checkpoint/checkpoint.ts";
import { Device } from "../../device/mod.ts";
import { checkMemory, type Score, scoreTokens } from "../../engine/mod.ts";
import { Model, summarizeModel } from "../../model/mod.ts";
import { Tokenizer } from "../../text/tokenizer.ts";
import { tokenizerFile } from "../../text/tokenizer/stored.ts";
import { type Command, command } from "../options/command.ts";
import { readTextFile, refuseEmpty } from "./input.ts";
import { tableColumns } from "../terminal/io.ts";
import { writeJson } from "../terminal/json.ts";
import { Progress } from "../terminal/progress.ts";
import {
  BACKEND_OPTION,
  JSON_OPTION,
  KV_CACHE_OPTION,
  TARGET_OPTION,
  THREADS_OPTION,
} from "../options/shared.ts";
import { type Cell, table } from "../terminal/table.ts";

/** The `score` command. */
export const score: Command = command({
  name: "score",
  summary: "Print the log-probability of each token of a text, and the text's perplexity.",
  notes: [
    "A text is encoded with the special tokens that the model expects around it, once where it has them; --tokens are",
    "taken as they are. Logarithms are natural.",
  ],
  options: [
    TARGET_OPTION,
    { name: "text", type: "string", value: "TEXT", summary: "The text" },
    {
      name: "text-file",
      type: "string",
      value: "FILE",
      summary: "A file with the text in UTF-8, taken as it is",
    },
    { name: "tokens", type: "integers", value: "1,2,3", summary: "The text as token ids" },
    {
      name: "top",
      type: "integer",
      value: "K",
      min: 0,
      default: 0,
      summary: "Also give the K likeliest tokens in each place",
    },
    KV_CACHE_OPTION,
    BACKEND_OPTION,
    THREADS_OPTION,
    JSON_OPTION,
  ],
  alternatives: [{ names: ["text", "text-file", "tokens"], needed: "always" }],
  example: 'score --target models/demo/target --text "2 + 3 = 5" --top 3',

  async run(values, io) {
    const { target, backend, threads, top, "kv-cache": kvCache } = values;
    const source = readSource(values.text, values["text-file"], values.tokens);
    // The target alone, with room for this text only: less than an engine takes.
    using checkpoint = openCheckpoint(target);
    const summary = summarizeModel(checkpoint);
    const { config } = checkpoint;
    // Token ids need no tokenizer: a model without one can be scored for machines.
    const tokenizer = typeof source === "string" || !values.json
      ? Tokenizer.load(target)
      : undefined;
    const tokens = typeof source === "string" ? tokenizer!.encodePrompt(source) : source;
    const stray = tokens.find((id) => id >= config.vocabSize);
    if (stray !== undefined && typeof source === "string") {
      throw new CheckpointError(
        tokenizerFile(target) ?? target,
        `it gives token ${stray}, expected less than the model's vocabulary of ${config.vocabSize}`,
      );
    }
    if (tokens.length > config.maxPositions) {
      throw new ArgumentError(
        "text",
        `Cannot score: the text has ${tokens.length} tokens, expected at most ` +
          `${config.maxPositions}, the most that ${target} was made for`,
      );
    }
    using device = Device.open({ backend, threads });
    const planned = {
      role: "target",
      config,
      weightBytes: summary.weightBytes,
      needs: summary.needs,
    };
    checkMemory([planned], tokens.length, device, { kvCache });
    using bar = new Progress(io.stderr);
    using model = Model.load(
      device,
      checkpoint,
      (done, total) => bar.update("loading the target", done, total),
    );
    const progress = (done: number, total: number) => bar.update("scoring", done, total);
    const result = scoreTokens(model, tokens, { top, progress }, kvCache);
    bar.clear();
    if (values.json) await writeJson(io.stdout, result);
    else await io.stdout.write(scoreTable(result, tokenizer!, tableColumns(io.stdout)));
    return 0;
  },
});

function readSource(
  text: string | undefined,
  file: string | undefined,
  tokens: readonly number[] | undefined,
): string | readonly number[] {
  if (tokens !== undefined) return tokens;
  return text ?? refuseEmpty(readTextFile(file!), `--text-file ${file}`);
}

/** A score for people, in at most `columns` columns where it can be. */
export function scoreTable(result: Score, tokenizer: Tokenizer, columns: number): string {
  // Quoted, so that spaces can be seen and control characters do nothing.
  const show = (id: number) => JSON.stringify(tokenizer.decode([id], { skipSpecialTokens: false }));
  const withTop = result.top.some((top) => top.length > 0);
  // A list of one, since the spaces of a token are no place to break a line.
  const rows = result.tokens.map((id, i): Cell[] => [
    `${i}`,
    `${id}`,
    result.logprobs[i]?.toFixed(4) ?? "",
    [show(id)],
    ...(withTop ? [result.top[i].map((top) => `${show(top.id)} ${top.logprob.toFixed(2)}`)] : []),
  ]);
  const header = ["#", "token", "logprob", "text", ...(withTop ? ["likeliest"] : [])];
  const perplexity = result.perplexity?.toFixed(4) ?? "none: a single token has nothing before it";
  return table(
    rows,
    ["right", "right", "right", "left", ...(withTop ? ["left" as const] : [])],
    header,
    columns,
  ) +
    `\nperplexity ${perplexity}\n`;
}
