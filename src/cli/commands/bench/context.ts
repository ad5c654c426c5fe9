/**
 * Forwards by the number of rows and by the tokens in the cache.
 *
 * @module
 */
import { kvCacheBytes, type Model } from "../../../model/mod.ts";
import {
  type Bench,
  type BenchModel,
  type BenchTable,
  MODEL_OPTIONS,
  readCeiling,
  subjectOf,
} from "./bench.ts";
import { capturePart } from "./captured_part.ts";
import { type Figure, readTime, type Section } from "./figure.ts";
import { FilledState } from "./filled_state.ts";
import type { Samples } from "./samples.ts";
import { timeCaptured, timeQueued } from "./timing.ts";

/** Tokens in the cache: of a chat, of a document. */
const CONTEXTS = [512, 4096, 16384, 65536];

/** Of `CONTEXTS` those that the model was made for; a quarter and the most where that is none but the first. */
export function contextsOf({ config }: Model, rows: number): readonly number[] {
  const most = config.maxPositions - rows;
  const fitting = CONTEXTS.filter((context) => context <= most);
  return fitting.length > 1 ? fitting : [most >> 2, most].filter((context) => context > 0);
}

function* measureModel(bench: Bench, one: BenchModel): Generator<Section> {
  const { device, rows, runs, progress } = bench;
  const { model } = one;
  const { layers } = model.config;
  const contexts = contextsOf(model, Math.max(...rows));
  using filled = new FilledState(model, contexts.at(-1) ?? 0, Math.max(...rows));
  for (const [i, context] of contexts.entries()) {
    // A shorter text in the same cache: what lies behind its end is not read.
    filled.state.setLength(context);
    const whole: Figure[] = [], alone: Figure[] = [];
    const add = (to: Figure[], name: string, samples: Samples, bytes: number): void => {
      const relative = samples.median / (to[0]?.value ?? samples.median);
      to.push(readTime(name, samples, bytes, readCeiling(bench), { relative }));
    };
    for (const [j, count] of rows.entries()) {
      progress(`contexts of ${one.name}`, i * rows.length + j, contexts.length * rows.length);
      const name = `context=${context} rows=${count}`;
      const cache = kvCacheBytes(model.config, context + count);
      const samples = timeCaptured(device, runs, () => filled.queueVerification(count));
      add(whole, name, samples, model.summary.forwardBytes + cache);
      using graph = capturePart(
        device,
        (op) => op === "smq_attention",
        () => filled.queueForward(count),
      );
      const { median, p10, p90, ...rest } = timeQueued(device, runs, () => graph.launch());
      const layer = { median: median / layers, p10: p10 / layers, p90: p90 / layers, ...rest };
      add(alone, `${name} attention`, layer, cache / layers);
    }
    const section = { table: "context", subject: subjectOf(one) };
    yield {
      ...section,
      notes: [
        `context ${context}, in a cache that holds ${
          contexts.at(-1)
        }; bytes: the weights once, and the cache`,
      ],
      figures: whole,
    };
    yield {
      ...section,
      notes: [
        `context ${context}: attention of one layer, of a graph that holds the attention of all layers ` +
        "and nothing else; bytes: the layer's cache",
      ],
      figures: alone,
    };
  }
}

/** The table `context`. */
export const context: BenchTable = {
  name: "context",
  summary: "a verification forward, and a layer's attention alone, by tokens in the cache and rows",
  models: MODEL_OPTIONS,
  uses: ["rows"],
  *measure(bench) {
    for (const one of bench.models) yield* measureModel(bench, one);
  },
};
