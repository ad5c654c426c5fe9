/**
 * `convert-head`: writes the head of a rotated model.
 *
 * @module
 */
import { convertHead as convert } from "../../quantize/mod.ts";
import { type Command, command } from "../options/command.ts";
import { interruptible } from "../terminal/interrupt.ts";
import { tableColumns } from "../terminal/io.ts";
import { writeJson } from "../terminal/json.ts";
import { JSON_OPTION } from "../options/shared.ts";
import { paragraph } from "../terminal/wrap.ts";

/** The `convert-head` command. */
export const convertHead: Command = command({
  name: "convert-head",
  summary: "Write an EAGLE-2 head for the rotated copy of the model that it was trained on.",
  notes: [
    "The rotated copy is what quantize --rotate wrote; the head proposes what it did before.",
    "After Ctrl-C nothing is left.",
  ],
  options: [
    {
      name: "head",
      type: "string",
      value: "DIR",
      required: true,
      summary: "Directory of the head",
    },
    {
      name: "model",
      type: "string",
      value: "DIR",
      required: true,
      summary: "Directory of the rotated model",
    },
    {
      name: "out",
      type: "string",
      value: "DIR",
      required: true,
      summary: "Directory to write, absent or empty",
    },
    JSON_OPTION,
  ],
  example: "convert-head --head eagle2 --model llama-rotated-w4a8 --out eagle2-rotated",

  async run({ head, model, out, json }, io) {
    await interruptible((signal) => convert({ head, model, out, signal }));
    if (json) await writeJson(io.stdout, { out });
    else {
      const text = `The head for ${model} is in ${out}`;
      await io.stdout.write(paragraph(text, tableColumns(io.stdout)));
    }
    return 0;
  },
});
