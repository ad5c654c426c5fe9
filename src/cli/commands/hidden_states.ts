/**
 * `hidden-states`: writes what a model makes of texts, for the training of draft heads.
 *
 * @module
 */
import { snakeCase } from "../../base/key_case.ts";
import { Device } from "../../device/mod.ts";
import { writeStates } from "../../quantize/mod.ts";
import { type Command, command } from "../options/command.ts";
import { commandLine } from "../options/command_line.ts";
import { BACKEND_OPTION, JSON_OPTION, TARGET_OPTION, THREADS_OPTION } from "../options/shared.ts";
import { interruptible } from "../terminal/interrupt.ts";
import { tableColumns } from "../terminal/io.ts";
import { writeJson } from "../terminal/json.ts";
import { Progress } from "../terminal/progress.ts";
import { paragraph } from "../terminal/wrap.ts";

/** The `hidden-states` command. */
export const hiddenStates: Command = command({
  name: "hidden-states",
  summary: "Write the hidden states of a model for texts, which draft heads are trained on.",
  notes: [
    "They are those of the model as it is quantized. What is finished lies in OUT.partial: run the",
    "same command again after Ctrl-C, a crash or a full disk and it goes on; the bytes are those of",
    "one run. docs/training-heads.md says what to do with them.",
  ],
  options: [
    TARGET_OPTION,
    {
      name: "texts",
      type: "string",
      value: "FILE",
      required: true,
      summary: "The texts, a JSON object a line",
      notes: [
        '"text"; or "question" and "answer", a conversation where the model has a template;',
        'or "tokens", ids as they are, and how many of them are the "prompt".',
      ],
    },
    {
      name: "out",
      type: "string",
      value: "DIR",
      required: true,
      summary: "Directory to write, absent or empty",
    },
    {
      name: "taps",
      type: "integers",
      value: "2,15,27",
      summary: "Residual streams to write too, by how many layers have run before them",
    },
    {
      name: "text-tokens",
      type: "integer",
      value: "N",
      min: 2,
      default: 2048,
      summary: "Most tokens of a text",
    },
    {
      name: "shard-tokens",
      type: "integer",
      value: "N",
      min: 1,
      default: 16384,
      summary: "Tokens of a shard, at least",
    },
    BACKEND_OPTION,
    THREADS_OPTION,
    JSON_OPTION,
  ],
  example: "hidden-states --target llama-w4 --texts texts.jsonl --out states --taps 2,16,29",

  async run(values, io) {
    const { target, texts, out, taps, backend, threads, json } = values;
    using bar = new Progress(io.stderr, { lines: true });
    const result = await interruptible((signal) =>
      writeStates({
        model: target,
        texts,
        out,
        taps,
        textTokens: values["text-tokens"],
        shardTokens: values["shard-tokens"],
        device: () => Device.open({ backend, threads }),
        signal,
        onProgress: (done, total) => bar.update("reading texts", done, total),
        onKept: (dir, done, total) => {
          bar.clear();
          io.stderr.writeSync(
            `${done} of ${total} shards are finished and kept in ${dir}. To go on, run again:\n` +
              `  ${commandLine(hiddenStates, values)}\n`,
          );
        },
      })
    );
    bar.clear();
    if (json) await writeJson(io.stdout, snakeCase(result));
    else {
      const before = result.resumed > 0 ? `, ${result.resumed} of them by an earlier run` : "";
      const text = `${result.texts} texts of ${result.tokens} tokens are in ${out}, in ` +
        `${result.shards} shards${before}`;
      await io.stdout.write(paragraph(text, tableColumns(io.stdout)));
    }
    return 0;
  },
});
