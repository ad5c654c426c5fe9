/**
 * What an EAGLE-2 draft costs with the head as it is trained, quantized, and trimmed: on a target of two layers of the shape, as the
 * target's other layers have no part in it. Weights are random.
 *
 *     deno run -A bench/smaller_heads.ts [--shape llama-3-8b] [--tokens 32064] [--context 1024] [--runs 50]
 *
 * @module
 */
import { parseArgs } from "@std/cli/parse-args";
import { plainEagle2 } from "../src/checkpoint/config/eagle2_head.ts";
import { modelShape } from "../src/checkpoint/synthetic/shapes.ts";
import { syntheticCheckpoint, syntheticHead } from "../src/checkpoint/synthetic/synthetic.ts";
import { timeRounds } from "../src/cli/commands/bench/rounds.ts";
import { table } from "../src/cli/terminal/table.ts";
import { Device } from "../src/device/mod.ts";
import { HeadModel, Model } from "../src/model/mod.ts";
import { eagle2 } from "../src/speculation/mod.ts";

const args = parseArgs(Deno.args, {
  string: ["shape", "tokens", "context", "runs"],
  default: { shape: "llama-3-8b", tokens: "32064", context: "1024", runs: "50" },
});
const [tokens, context, runs] = [args.tokens, args.context, args.runs].map(Number);
const tree = { depth: 3, topk: 10, treeSize: 24 };
const shape = { ...modelShape(args.shape), layers: 2 };
const whole = plainEagle2(shape);
const trimmed = { ...whole, draftVocabSize: tokens, ownOutput: true };

using device = Device.open();
using verifier = syntheticCheckpoint(shape, { scheme: "w4a16-g128", seed: 1 });
using target = Model.load(device, verifier);
const cases = [
  ["f16, the target's output projection", whole, "f16"],
  [`f16, ${tokens} tokens`, trimmed, "f16"],
  ["w4a16-g128, all tokens", { ...whole, ownOutput: true }, "w4a16-g128"],
  [`w4a16-g128, ${tokens} tokens`, trimmed, "w4a16-g128"],
] as const;
const rows = cases.map(([name, config, scheme]) => {
  using stored = syntheticHead(config, { scheme, seed: 2 });
  using head = HeadModel.load(device, stored, target);
  const projection = config.ownOutput ? 0 : target.lmHead.bytes;
  // Each level reads all of it: the first what the target gave, the others what the head gave itself.
  const step = head.summary.weightBytes + projection;
  const { median } = timeRounds(target, eagle2(head, tree), context, runs).draft;
  return [
    name,
    (step / 1e9).toFixed(3),
    median.toFixed(3),
    (tree.depth * step / 1e6 / median).toFixed(0),
  ];
});
console.log(`EAGLE-2 drafts of depth 3, topk 10 in the shape of ${args.shape}, on ${device.name}`);
console.log(table(
  rows,
  ["left", "right", "right", "right"],
  ["head", "GB a step", "draft, ms", "GB/s"],
));
