/**
 * How long the device waits for the host in a plain decoding loop.
 *
 * @module
 */
import { Arena, DeviceEvent } from "../../../device/mod.ts";
import { Round, sequenceMemory } from "../../../speculation/mod.ts";
import { type Bench, type BenchModel, type BenchTable, MODEL_OPTIONS, subjectOf } from "./bench.ts";
import { type Figure, time } from "./figure.ts";
import { someTokens } from "./filled_state.ts";
import { summarize } from "./samples.ts";

/** Steps timed as one sample. */
const STEPS = 8;

function measureModel({ device, context, runs, progress }: Bench, one: BenchModel): Figure[] {
  const { model } = one;
  using stack = new DisposableStack();
  const arena = stack.use(new Arena(device, "idle"));
  const memory = sequenceMemory(device, arena, context + 4 * STEPS);
  const round = stack.use(new Round(model, memory));
  const [start, stop] = [1, 2].map(() => stack.use(new DeviceEvent(device)));
  const prompt = [...someTokens(context, model.config.vocabSize)];
  const walls: number[] = [];
  const busy: number[] = [];
  const samples = Math.max(3, Math.ceil(runs / STEPS));
  for (let i = 0; i < samples; i++) {
    progress(`idle time of ${one.name}`, i, samples);
    for (const _ of round.read(prompt));
    // Warm: the caches have grown, and the clocks are up.
    for (let step = 0; step < STEPS; step++) round.run();
    const from = performance.now();
    for (let step = 0; step < STEPS; step++) round.run();
    walls.push((performance.now() - from) / STEPS);
    // The same steps without waiting for tokens: the device has nothing to wait for.
    round.queuePlain();
    start.record();
    for (let step = 0; step < STEPS; step++) round.queuePlain();
    stop.record();
    busy.push(DeviceEvent.elapsed(start, stop) / STEPS);
  }
  const [wall, device_] = [summarize(walls), summarize(busy)];
  return [
    time("step", wall),
    time("device", device_),
    {
      name: "idle",
      // Noise can make it less than nothing, which means nothing.
      value: Math.max(0, 1 - device_.median / wall.median),
      unit: "share",
      better: "lower",
    },
  ];
}

/** The table `idle`. */
export const idle: BenchTable = {
  name: "idle",
  summary: "how long the device waits between the forwards of plain decoding",
  models: MODEL_OPTIONS,
  uses: ["context"],
  *measure(bench) {
    for (const one of bench.models) {
      yield {
        table: "idle",
        subject: subjectOf(one),
        notes: [
          `context ${bench.context}; step: wall time of a round that reads its token back; ` +
          "device: the same rounds queued behind one another; idle: 1 - device / step",
        ],
        figures: measureModel(bench, one),
      };
    }
  },
};
