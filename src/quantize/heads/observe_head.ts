/**
 * Runs a head over calibration text and gathers what its linear layers read.
 *
 * @module
 */
import { asRows } from "../../quant/activation.ts";
import type { Linear } from "../../quant/mod.ts";
import { HeadModel, type Model, withLinears } from "../../model/mod.ts";
import type { Head } from "../../checkpoint/head.ts";
import { sizesOf } from "../jobs/observe_layer.ts";
import { InputObserver, type InputStatistics } from "../jobs/statistics.ts";
import type { WorkDirectory } from "../jobs/work_directory.ts";
import { headRunner } from "./head_runner.ts";
import { type HeadPart, OUTPUT_READER } from "./head_plan.ts";
import type { HeadStates } from "./head_states.ts";

/**
 * Yields the tokens done; returns the statistics of each input of `part`, by the name of its reader. `head` drafts for `target`,
 * and its layers of that part are not quantized.
 */
export function* observeHead(
  target: Model,
  head: Head,
  part: HeadPart,
  states: HeadStates,
  work: WorkDirectory,
): Generator<number, Map<string, InputStatistics>> {
  const { device, dtype } = target;
  using loaded = HeadModel.load(device, head, target);
  using observers = new DisposableStack();
  const known = new Map<string, InputObserver>();
  const watched = new Set(part.inputs.map(({ reader }) => reader));
  const [, markov] = [loaded.lmHead, loaded.markov?.after];
  const seen = withLinears(loaded, (name, linear): Linear => {
    const isLast = name === OUTPUT_READER || linear === markov;
    if (!watched.has(name)) return isLast ? { ...linear, queue: () => {} } : linear;
    const observer = observers.use(new InputObserver(device, dtype, linear.k, states.tokens));
    known.set(name, observer);
    return {
      ...linear,
      queue(y, x, epilogue, scratch) {
        // Nobody reads logits here.
        if (isLast) return observer.add(asRows(x));
        linear.queue(y, x, epilogue, scratch);
        observer.add(asRows(x), epilogue === "residual" ? sizesOf(device, y) : undefined);
      },
    };
  });
  using runner = headRunner(seen, states.longest, states.tokens);
  let done = 0;
  for (const text of states.seen(work)) {
    runner.run(text);
    yield done += text.ids.length;
  }
  device.synchronize();
  return new Map([...known].map(([name, observer]) => [name, observer.finish()]));
}
