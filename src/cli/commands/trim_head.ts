/**
 * `trim-head`: gives a head a smaller vocabulary.
 *
 * @module
 */
import { snakeCase } from "../../base/key_case.ts";
import { Device } from "../../device/mod.ts";
import { trimHead as trim } from "../../quantize/mod.ts";
import { type Command, command } from "../options/command.ts";
import { commandLine } from "../options/command_line.ts";
import { BACKEND_OPTION, JSON_OPTION, TARGET_OPTION, THREADS_OPTION } from "../options/shared.ts";
import { interruptible } from "../terminal/interrupt.ts";
import { tableColumns } from "../terminal/io.ts";
import { writeJson } from "../terminal/json.ts";
import { Progress } from "../terminal/progress.ts";
import { paragraph } from "../terminal/wrap.ts";

/** The `trim-head` command. */
export const trimHead: Command = command({
  name: "trim-head",
  summary: "Write a head that drafts the frequent tokens of a text only, which costs less.",
  notes: [
    "The output projection is most of what a head reads. Tokens that are not kept are never proposed;",
    "texts stay what they are. A head that takes its target's projection gets one of its own. A",
    "quarter to a half of the vocabulary is usual; quantize --head comes behind this. Run the same",
    "command again after Ctrl-C or a crash and it goes on; what is done lies in OUT.partial.",
  ],
  options: [
    {
      name: "head",
      type: "string",
      value: "DIR",
      required: true,
      summary: "Directory of the head, not quantized, of any family",
    },
    TARGET_OPTION,
    {
      name: "texts",
      type: "string",
      value: "FILE",
      required: true,
      summary: "What the model writes: best are answers of its own",
      notes: [
        'With .jsonl, an object a line: "text"; or "question" and "answer"; or "tokens", ids as they',
        'are, and how many of them are the "prompt". Questions and prompts are not counted. Any other',
        "file is one text.",
      ],
    },
    {
      name: "keep",
      type: "integer",
      value: "N",
      min: 1,
      required: true,
      summary: "Tokens to keep",
      notes: [
        "Special tokens and those at which the model stops are always among them. Schemes for",
        "quantize --head may ask for a multiple of 32 or 64.",
      ],
    },
    {
      name: "recent-tokens",
      type: "integer",
      value: "N",
      min: 0,
      summary: "Further tokens that it drafts: the last ones of each text that are not kept",
      notes: [
        "A text says its own names and things again. 64 where absent and at least 512 are kept,",
        "else none. Only for a head that takes its target's output projection, which is not",
        "EAGLE-3's.",
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
      ...BACKEND_OPTION,
      summary: "Where a quantized output projection of the target is read; nothing else runs",
    },
    THREADS_OPTION,
    JSON_OPTION,
  ],
  example:
    "trim-head --head eagle2 -t llama-w4 --texts answers.jsonl --keep 32000 --out eagle2-32k",

  async run(values, io) {
    const { head, target, texts, keep, out, backend, threads, json } = values;
    const recentTokens = values["recent-tokens"];
    using bar = new Progress(io.stderr, { lines: true });
    const result = await interruptible((signal) =>
      trim({
        head,
        target,
        texts,
        keep,
        recentTokens,
        out,
        device: () => Device.open({ backend, threads }),
        signal,
        onProgress: (stage, done, total) => bar.update(stage, done, total),
        onKept: (dir) => {
          bar.clear();
          io.stderr.writeSync(
            `The tokens are counted, and kept in ${dir}. To go on, run again:\n` +
              `  ${commandLine(trimHead, values)}\n`,
          );
        },
      })
    );
    bar.clear();
    if (json) await writeJson(io.stdout, snakeCase(result));
    else {
      const { kept, before, coverage } = result;
      const recent = result.recentTokens === 0 ? "" : `, and ${result.recentTokens} recent tokens`;
      const share = coverage === undefined
        ? ""
        : `: the ${kept} are ${(100 * coverage).toFixed(2)}% of the text`;
      const text = `The head in ${out} drafts ${kept} of ${before} tokens${recent}${share}`;
      await io.stdout.write(paragraph(text, tableColumns(io.stdout)));
    }
    return 0;
  },
});
