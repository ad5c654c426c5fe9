/**
 * `quantize`: writes a quantized copy of a model.
 *
 * @module
 */
import { snakeCase } from "../../base/key_case.ts";
import { Device } from "../../device/mod.ts";
import { megabytes } from "../../engine/mod.ts";
import {
  quantizeCheckpoint,
  quantizeHead,
  type QuantizeHeadResult,
  type QuantizeKept,
  type QuantizeProgress,
  type QuantizeResult,
  UNQUANTIZED,
} from "../../quantize/mod.ts";
import { INPUT_ORDERS } from "../../quantize/methods/gptq.ts";
import { type Method, METHODS } from "../../quantize/methods/method.ts";
import { QUANTIZERS } from "../../quantize/quantizers/registry.ts";
import { type Command, command } from "../options/command.ts";
import { commandLine } from "../options/command_line.ts";
import { tableColumns } from "../terminal/io.ts";
import { interruptible } from "../terminal/interrupt.ts";
import { writeJson } from "../terminal/json.ts";
import { idleBeside, needsOption, needsValue } from "../options/needs.ts";
import type { AnyValues, Need } from "../options/option.ts";
import { Progress } from "../terminal/progress.ts";
import { BACKEND_OPTION, JSON_OPTION, TARGET_OPTION, THREADS_OPTION } from "../options/shared.ts";
import { wordList } from "../options/word_list.ts";
import { paragraph } from "../terminal/wrap.ts";

/** The method that is taken beside these values. */
function methodOf({ scheme, method }: AnyValues): Method | undefined {
  const name = method ?? QUANTIZERS.find((one) => one.scheme === scheme)?.method;
  return METHODS.find((one) => one.name === name);
}

function needsMethod(what: string, fits: (method: Method) => boolean): Need {
  const names = METHODS.filter(fits).map(({ name }) => name);
  return (values) => {
    const method = values.scheme === UNQUANTIZED ? undefined : methodOf(values);
    const words = `needs a method that ${what}, --method ${wordList(names)}`;
    return method !== undefined && fits(method) ? undefined : words;
  };
}

const READS_TEXT = [needsMethod("reads text", ({ calibrated }) => calibrated)];
/** A quantized target may have to be asked for its output projection, whatever the method. */
const RUNS_LAYERS: Need = (values) => values.head === undefined ? READS_TEXT[0](values) : undefined;
const IS_GPTQ = [needsMethod("has GPTQ in it", ({ gptq }) => gptq)];

/** The schemes whose files may hold zero points. */
const W4A16 = QUANTIZERS.map(({ scheme }) => scheme).filter((name) => name.startsWith("w4a16"));

/** The schemes of which a model is rotated unless that is forbidden. */
const ROTATED = QUANTIZERS.filter(({ rotation }) => rotation === "default")
  .map(({ scheme }) => scheme);

/** Needs a rotation, asked for or by default. */
const IS_ROTATED: Need = (values) => {
  const byDefault = ROTATED.some((scheme) => scheme === values.scheme) && !values["no-rotate"];
  return values.rotate || byDefault ? undefined : "needs --rotate";
};

/** Heads are not rotated: convert-head does that. */
const OF_MODELS = idleBeside("head");

/** The target of a head. */
const { required: _, ...OPTIONAL_TARGET } = TARGET_OPTION;

/** Needs a head: an output projection as it is needs no word in a model. */
const AS_IT_IS: Need = (values) =>
  values["lm-head"] === UNQUANTIZED && values.head === undefined
    ? `needs --head, or one of ${wordList(OUTPUTS)}`
    : undefined;

/** Schemes of output projections. */
const OUTPUTS = ["w4a16", "w8a16"] as const;

/** The `quantize` command. */
export const quantize: Command = command({
  name: "quantize",
  summary: "Write a quantized copy of a model or a draft head, in the layout that others publish.",
  notes: [
    "Layers are read, quantized and written one by one. What is finished lies in OUT.partial, or in",
    ".partial inside an OUT that was there: run the same command again after Ctrl-C, a crash or a full",
    "disk and it goes on; the bytes are those of one run. A head is calibrated on what its target, as",
    "it is quantized, gives it; its output projection is quantized too, and a head that takes its",
    "target's gets one of its own.",
  ],
  options: [
    {
      name: "model",
      type: "string",
      value: "DIR",
      summary: "Directory of the unquantized model, in Hugging Face layout",
    },
    {
      name: "head",
      type: "string",
      value: "DIR",
      needs: [needsOption("target")],
      summary: "Directory of an unquantized head, of any family",
    },
    {
      ...OPTIONAL_TARGET,
      needs: [needsOption("head")],
      summary: "The model that the head drafts for, as it will: a directory or a GGUF file",
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
      choices: [...QUANTIZERS.map(({ scheme }) => scheme), UNQUANTIZED],
      summary: "What to store",
      notes: [
        ...QUANTIZERS.map(({ scheme, summary }) => `${scheme}: ${summary}`),
        `${UNQUANTIZED}: weights of a model as they are, for --rotate`,
      ],
    },
    {
      name: "method",
      type: "string",
      value: "NAME",
      choices: METHODS.map(({ name }) => name),
      needs: [idleBeside("scheme", UNQUANTIZED)],
      summary: "How to choose the numbers; the scheme's best where absent",
      notes: METHODS.map(({ name, summary }) => `${name}: ${summary}`),
    },
    {
      name: "zero-points",
      type: "string",
      value: "LAYOUT",
      choices: ["none", "gptq", "awq"],
      needs: [needsValue("scheme", ...W4A16)],
      default: "none",
      summary: "Store zero points of W4A16 in the layout of GPTQ (v1) or AWQ (GEMM)",
    },
    {
      name: "calibration",
      needs: READS_TEXT,
      type: "string",
      value: "FILE",
      summary: "Calibration text; a built-in sample where absent",
      notes: [
        'With .jsonl, an object a line with "text", or with "question" and "answer"; else one text.',
        "At least 128 tokens are needed, and a warning is given below 2048.",
      ],
    },
    {
      name: "calibration-texts",
      needs: READS_TEXT,
      type: "integer",
      value: "N",
      min: 1,
      summary: "Most calibration texts; 128 where absent",
    },
    {
      name: "calibration-tokens",
      needs: READS_TEXT,
      type: "integer",
      value: "N",
      min: 1,
      summary: "Most tokens of each; 512 where absent",
    },
    {
      name: "damping",
      needs: IS_GPTQ,
      type: "number",
      value: "SHARE",
      min: 0,
      max: 1,
      summary:
        "What GPTQ adds to its Hessian's diagonal, as a share of the mean; 0.01 where absent",
    },
    {
      name: "order",
      needs: IS_GPTQ,
      type: "string",
      value: "NAME",
      choices: INPUT_ORDERS,
      summary: `Which inputs GPTQ takes first; ${INPUT_ORDERS[0]} where absent`,
      notes: [
        "static: the most active ones; groups stay as they are, their scales chosen before",
        "natural: as they come, each group's scale chosen when it is reached",
        "activity: the most active ones, and groups follow (desc_act): activations are gathered",
      ],
    },
    {
      name: "rotate",
      type: "boolean",
      needs: [OF_MODELS],
      summary: "Fold a rotation of residual stream and value heads into the weights",
      notes: [
        "By default with schemes of 4-bit weights and 8-bit activations, which lose far more without.",
        "Heads that were trained for the model must then go through convert-head.",
      ],
    },
    {
      name: "no-rotate",
      type: "boolean",
      needs: [OF_MODELS, needsValue("scheme", ...ROTATED)],
      summary: "Do not rotate",
    },
    {
      name: "seed",
      needs: [OF_MODELS, IS_ROTATED],
      type: "integer",
      value: "N",
      min: 0,
      max: 2 ** 30 - 1,
      summary: "What the rotation is drawn from; 0 where absent",
    },
    {
      name: "lm-head",
      type: "string",
      value: "NAME",
      choices: [...OUTPUTS, UNQUANTIZED],
      needs: [idleBeside("scheme", UNQUANTIZED), AS_IT_IS],
      summary: "Quantize the output projection too; that of a head is as all else where absent",
      notes: [`${UNQUANTIZED}: leave a head's as it is, or its target's`],
    },
    { ...BACKEND_OPTION, needs: [RUNS_LAYERS] },
    {
      ...THREADS_OPTION,
      needs: [], // weights are worked on by threads whatever the backend
      summary:
        "Threads of the CPU library, and of what is done to weights on any backend, at most " +
        "one a core; all cores where absent",
    },
    JSON_OPTION,
  ],
  alternatives: [
    { names: ["model", "head"], needed: "always" },
    { names: ["rotate", "no-rotate"] },
  ],
  example: "quantize --model llama-f16 --out llama-w4 --scheme w4a16-g128",

  async run(values, io) {
    const { model, head, target, out, scheme, backend, threads, json } = values;
    const lmHead = values["lm-head"];
    using bar = new Progress(io.stderr, { lines: true });
    const say = (text: string) => {
      bar.clear();
      io.stderr.writeSync(`${text}\n`);
    };
    const result = await interruptible((signal): Promise<QuantizeResult | QuantizeHeadResult> => {
      const how = {
        out,
        scheme,
        method: values.method,
        zeroPoints: values["zero-points"],
        calibration: values.calibration,
        calibrationTexts: values["calibration-texts"],
        calibrationTokens: values["calibration-tokens"],
        damping: values.damping,
        order: values.order,
        threads,
        device: () => Device.open({ backend, threads }),
        signal,
        onProgress: ({ done, total }: QuantizeProgress) => bar.update("quantizing", done, total),
        onKept: ({ dir, done, total }: QuantizeKept) =>
          say(
            `${done} of ${total} parts are finished and kept in ${dir}. To go on, run again:\n` +
              `  ${commandLine(quantize, values)}`,
          ),
      };
      if (head !== undefined) return quantizeHead({ ...how, head, target: target!, lmHead });
      return quantizeCheckpoint({
        ...how,
        model: model!,
        rotate: values["no-rotate"] ? false : values.rotate || undefined,
        seed: values.seed,
        lmHead: lmHead === UNQUANTIZED ? undefined : lmHead,
      });
    });
    bar.clear();
    if (json) await writeJson(io.stdout, snakeCase(result));
    else {
      const { quantized, bytesBefore, bytesAfter, method, resumed } = result;
      const before = resumed > 0 ? `, ${resumed} parts by an earlier run` : "";
      const rotated = "rotated" in result && result.rotated;
      const what = scheme === UNQUANTIZED
        ? "The rotated copy"
        : `${quantized} linear layers quantized to ${scheme} by ${method}${
          rotated ? " of the rotated model" : ""
        }`;
      const [from, to] = [megabytes(bytesBefore), megabytes(bytesAfter)];
      const text = `${what}: ${from} became ${to} in ${out}${before}`;
      await io.stdout.write(paragraph(text, tableColumns(io.stdout)));
    }
    return 0;
  },
});
