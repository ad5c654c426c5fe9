/**
 * Forwards by the number of rows verified.
 *
 * @module
 */
import type { KvCacheDType } from "../../../base/dtype.ts";
import { kvCacheBytes } from "../../../model/mod.ts";
import {
  type Bench,
  type BenchModel,
  type BenchTable,
  MODEL_OPTIONS,
  readCeiling,
  subjectOf,
} from "./bench.ts";
import { type Figure, readTime, type Section } from "./figure.ts";
import { FilledState } from "./filled_state.ts";
import { timeCaptured } from "./timing.ts";

/** Weights below this may stay in a cache between two forwards; the largest L2 of today has 126 MB. */
const CACHED_BYTES = 500e6;

/** The table `forward`. */
export const forward: BenchTable = {
  name: "forward",
  summary: "a verification forward with lm_head and choice, by rows",
  models: MODEL_OPTIONS,
  uses: ["rows", "context", "kv-cache"],
  *measure(bench) {
    for (const one of bench.models) {
      for (const kvCache of bench.kvCaches) yield measureModel(bench, one, kvCache);
    }
  },
};

function measureModel(bench: Bench, one: BenchModel, kvCache: KvCacheDType): Section {
  const { device, context, rows, runs, progress } = bench;
  const { model } = one;
  const most = Math.max(...rows);
  using filled = new FilledState(model, context, most, context + most, kvCache);
  const figures: Figure[] = [];
  for (const [i, count] of rows.entries()) {
    progress(`forward of ${one.name}`, i, rows.length);
    const samples = timeCaptured(device, runs, () => filled.queueVerification(count));
    const bytes = model.summary.forwardBytes + kvCacheBytes(model.config, context + count, kvCache);
    const relative = samples.median / (figures[0]?.value ?? samples.median);
    figures.push(readTime(`rows=${count}`, samples, bytes, readCeiling(bench), { relative }));
  }
  return {
    table: "forward",
    subject: subjectOf(one, kvCache),
    notes: [
      `context ${context}; bytes: the weights once, and the cache; one captured graph a row`,
      ...(model.summary.forwardBytes < CACHED_BYTES
        ? ["the weights are small enough for a cache, so a share may exceed 1"]
        : []),
    ],
    figures,
  };
}
