/**
 * What quantization costs in quality: the perplexity of a model in every scheme, by every method.
 *
 *     deno run -A bench/quantization.ts --problems FILE.jsonl [--model DIR] [--count 200]
 *         [--calibration FILE.jsonl] [--schemes a,b] [--methods a,best] [--rotations none,0,1]
 *         [--prose FILE.jsonl] [--prose-count 24] [--orders static,natural] [--score DIR,DIR]
 *
 * FILE has one JSON object with `question` and `answer` a line, as the GSM8K test split has. A model in 4-bit
 * GPTQ layout is made into an unquantized one first, see `quantization/unquantized.ts`. The method `best` is each
 * scheme's own; `--rotations` are seeds, `none` for no rotation. The first 256 tokens of each `text` of the prose
 * are read beside the problems, and `--score` reads copies that others made (see `quantization/peers.py`). Prints a
 * table in markdown, with the standard error of what is beyond F16 over the texts.
 *
 * @module
 */
import { parseArgs } from "@std/cli/parse-args";
import { fileURLToPath } from "node:url";
import { openCheckpoint } from "../src/checkpoint/checkpoint.ts";
import { Device } from "../src/device/mod.ts";
import { quantizeCheckpoint } from "../src/quantize/mod.ts";
import type { InputOrder } from "../src/quantize/methods/gptq.ts";
import { findMethod, METHODS } from "../src/quantize/methods/method.ts";
import { findQuantizer, QUANTIZERS } from "../src/quantize/quantizers/registry.ts";
import {
  beyond,
  losses,
  perplexity,
  problemTokens,
  proseTokens,
} from "./quantization/perplexity.ts";
import { writeUnquantized } from "./quantization/unquantized.ts";

const args = parseArgs(Deno.args, {
  string: [
    "model",
    "problems",
    "count",
    "calibration",
    "schemes",
    "methods",
    "rotations",
    "texts",
    "prose",
    "prose-count",
    "orders",
    "score",
  ],
  default: {
    model: fileURLToPath(new URL("../models/demo/target", import.meta.url)),
    count: "200",
    texts: "128",
    schemes: QUANTIZERS.map(({ scheme }) => scheme).join(),
    methods: METHODS.map(({ name }) => name).join(),
    rotations: "none",
    "prose-count": "24",
    orders: "static",
    score: "",
  },
});
if (args.problems === undefined) throw new Error("expected --problems FILE.jsonl");
const list = (text: string) => text.split(",").filter((word) => word !== "");

const work = Deno.makeTempDirSync();
try {
  let model = args.model;
  if (isQuantized(model)) {
    model = `${work}/unquantized`;
    writeUnquantized(args.model, model, 1);
  }
  const texts = [
    ...problemTokens(model, args.problems, Number(args.count)),
    ...(args.prose === undefined
      ? []
      : proseTokens(model, args.prose, Number(args["prose-count"]))),
  ];
  using device = Device.open();
  const reference = losses(device, model, texts);
  const tokens = texts.reduce((sum, ids) => sum + ids.length, 0);
  const f16 = perplexity(reference, texts).toFixed(4);
  console.log(`${texts.length} texts, ${tokens} tokens, F16 perplexity ${f16}`);
  console.log(
    "\n| scheme | method | rotation | perplexity | beyond F16 |\n| --- | --- | --- | --- | --- |",
  );
  const print = (dir: string, ...names: string[]): void => {
    const found = losses(device, dir, texts);
    const { ratio, error } = beyond(found, reference, texts);
    const cells = [
      ...names,
      perplexity(found, texts).toFixed(4),
      `${(ratio * 100).toFixed(2)}% ± ${(error * 100).toFixed(2)}`,
    ];
    console.log(`| ${cells.join(" | ")} |`);
  };
  const measure = async (
    scheme: string,
    method: string,
    order: InputOrder,
    seed?: number,
  ): Promise<void> => {
    const out = `${work}/out`;
    const { calibrated, gptq } = findMethod(method);
    await quantizeCheckpoint({
      model,
      out,
      scheme,
      method,
      ...(gptq && { order }),
      rotate: seed !== undefined,
      ...(seed !== undefined && { seed }),
      ...(calibrated && { calibration: args.calibration, calibrationTexts: Number(args.texts) }),
      device: () => Device.open(),
    });
    const how = gptq ? `${method}, ${order}` : method;
    print(out, scheme, how, seed === undefined ? "none" : `seed ${seed}`);
    Deno.removeSync(out, { recursive: true });
  };
  for (const dir of list(args.score)) print(dir, dir, "", "");
  for (const scheme of list(args.schemes)) {
    for (const method of list(args.methods)) {
      const chosen = method === "best" ? findQuantizer(scheme).method : method;
      // Orders differ for GPTQ alone.
      const orders = findMethod(chosen).gptq ? list(args.orders) : list(args.orders).slice(0, 1);
      for (const order of orders) {
        for (const seed of list(args.rotations)) {
          const number = seed === "none" ? undefined : Number(seed);
          await measure(scheme, chosen, order as InputOrder, number);
        }
      }
    }
  }
} finally {
  Deno.removeSync(work, { recursive: true });
}

function isQuantized(dir: string): boolean {
  using checkpoint = openCheckpoint(dir);
  return checkpoint.quantization !== undefined;
}
