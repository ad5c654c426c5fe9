/**
 * `quantize`: writes a quantized copy of a model.
 *
 * @module
 */
import { megabytes } from "../engine/mod.ts";
import { quantizeCheckpoint } from "../quant/quantize_checkpoint.ts";
import { QUANTIZERS } from "../quant/quantizers/registry.ts";
import { type Command, command } from "./command.ts";
import { interruptible } from "./interrupt.ts";
import { snakeCase, writeJson } from "./json.ts";
import { Progress } from "./progress.ts";
import { JSON_OPTION } from "./shared.ts";

/** The `quantize` command. */
export const quantize: Command = command({
  name: "quantize",
  summary: "Write a quantized copy of a model, in GPTQ layout.",
  notes: ["The directory appears when it is complete. Ctrl-C leaves nothing behind."],
  options: [
    {
      name: "model",
      type: "string",
      value: "DIR",
      required: true,
      summary: "Directory of the unquantized model, in Hugging Face layout",
    },
    {
      name: "out",
      type: "string",
      value: "DIR",
      required: true,
      summary: "Directory to write, absent or empty",
    },
    {
      name: "scheme",
      type: "string",
      value: "NAME",
      required: true,
      choices: QUANTIZERS.map(({ scheme }) => scheme),
      summary: "How to quantize",
      notes: QUANTIZERS.map(({ scheme, summary }) => `${scheme}: ${summary}`),
    },
    JSON_OPTION,
  ],
  example: "quantize --model llama-f16 --out llama-w4 --scheme w4a16-g128",

  async run(values, io) {
    const { model, out, scheme, json } = values;
    using bar = new Progress(io.stderr, { lines: true });
    const result = await interruptible((signal) =>
      quantizeCheckpoint({
        model,
        out,
        scheme,
        signal,
        onProgress: ({ done, total }) => bar.update("quantizing", done, total),
      })
    );
    bar.clear();
    if (json) await writeJson(io.stdout, snakeCase(result));
    else {
      const { quantized, bytesBefore, bytesAfter } = result;
      await io.stdout.write(
        `${quantized} linear layers quantized to ${scheme}: ${megabytes(bytesBefore)} became ` +
          `${megabytes(bytesAfter)} in ${out}\n`,
      );
    }
    return 0;
  },
});
