/**
 * Where the time of a forward goes.
 *
 * @module
 */
import type { Device } from "../../../device/mod.ts";
import { type Bench, type BenchModel, type BenchTable, MODEL_OPTIONS, subjectOf } from "./bench.ts";
import { capturePart } from "./captured_part.ts";
import { type Figure, time } from "./figure.ts";
import { FilledState } from "./filled_state.ts";
import type { Samples } from "./samples.ts";
import { timeCaptured, timeQueued } from "./timing.ts";

/** Families of the ops of a forward's layers, and what their functions are called. */
const FAMILIES: readonly (readonly [name: string, ops: RegExp])[] = [
  ["linears", /^smq_(gemm|gather_columns)/],
  ["attention", /^smq_attention/],
  ["norms", /^smq_(rms_norm|convert)/],
  ["rope", /^smq_rope/],
  ["activation", /^smq_silu/],
];

/** Rows of the forward that is taken apart. */
const ROWS = 1;

function timePart(
  device: Device,
  runs: number,
  queue: () => void,
  keep: (op: string) => boolean,
): Samples | undefined {
  let ops = 0;
  using graph = capturePart(device, keep, queue, (op) => ops += keep(op) ? 1 : 0);
  return ops === 0 ? undefined : timeQueued(device, runs, () => graph.launch());
}

function measureModel({ device, context, runs, progress }: Bench, one: BenchModel): Figure[] {
  using filled = new FilledState(one.model, context, ROWS);
  const layers = () => filled.queueForward(ROWS);
  const total = timeCaptured(device, runs, () => filled.queueVerification(ROWS));
  const parts: [string, Samples][] = [];
  const other = (op: string) => !FAMILIES.some(([, ops]) => ops.test(op));
  const families: [string, (op: string) => boolean][] = [
    ...FAMILIES.map(([name, ops]): [string, (op: string) => boolean] => [
      name,
      (op) => ops.test(op),
    ]),
    ["other ops", other],
  ];
  for (const [i, [name, keep]] of families.entries()) {
    progress(`breakdown of ${one.name}`, i, families.length);
    const samples = timePart(device, runs, layers, keep);
    if (samples) parts.push([name, samples]);
  }
  parts.push(["lm_head", timeCaptured(device, runs, () => filled.state.queueLogits(ROWS))]);
  parts.push(["choose", timeCaptured(device, runs, () => filled.queueChoice(ROWS))]);
  const sum = parts.reduce((all, [, samples]) => all + samples.median, 0);
  const share = (ms: number) => ms / total.median;
  const rest = total.median - sum;
  return [
    time("whole", total, { share: 1 }),
    ...parts.map(([name, samples]) => time(name, samples, { share: share(samples.median) })),
    { name: "rest", value: rest, unit: "ms", better: "lower", share: share(rest) },
  ];
}

/** The table `breakdown`. */
export const breakdown: BenchTable = {
  name: "breakdown",
  summary: "where the time of a forward of one row goes, by op family",
  models: MODEL_OPTIONS,
  uses: ["context"],
  *measure(bench) {
    for (const one of bench.models) {
      yield {
        table: "breakdown",
        subject: subjectOf(one),
        notes: [
          `context ${bench.context}, ${ROWS} row; each part is a graph of its ops in all layers ` +
          "and nothing else; share: of the whole; rest: what the parts do not add up to, below 0 " +
          "where ops overlap in the whole",
        ],
        figures: measureModel(bench, one),
      };
    }
  },
};
