/**
 * Forwards by the number of rows and by the tokens in the cache.
 *
 * @module
 */
import type { KvCacheDType } from "../../../base/dtype.ts";
import { rows } from "../../../device/mod.ts";
import { kvCacheBytes, type Model } from "../../../model/mod.ts";
import { copy } from "../../../ops/mod.ts";
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

/** Tokens that are read; longer contexts repeat what these leave in the cache. */
const READ = 4096;

/**
 * Of `CONTEXTS` those that the model was made for, all where only its shape counts; a quarter and the most where that
 * is none but the first.
 */
function contextsOf(bench: Bench, { config }: Model): readonly number[] {
  if (bench.synthetic && bench.device.backend === "cuda") return CONTEXTS;
  const most = config.maxPositions - Math.max(...bench.rows);
  const fitting = CONTEXTS.filter((context) => context <= most);
  return fitting.length > 1 ? fitting : [most >> 2, most].filter((context) => context > 0);
}

/** A state whose cache, kept as `kvCache` says, holds `context` tokens, with room for `rows` behind. */
function filledTo(
  model: Model,
  context: number,
  count: number,
  kvCache: KvCacheDType,
): FilledState {
  const read = Math.min(READ, context);
  const filled = new FilledState(model, read, count, context + count, kvCache);
  for (const pairs of [...filled.state.cache.keys, ...filled.state.cache.values]) {
    for (let at = read; at < context; at += read) {
      const more = Math.min(read, context - at);
      copy(model.device, rows(pairs, at, at + more), rows(pairs, 0, more));
    }
  }
  return filled;
}

function* measureModel(
  bench: Bench,
  one: BenchModel,
  kvCache: KvCacheDType,
): Generator<Section> {
  const { device, progress } = bench;
  const runs = Math.max(3, Math.ceil(bench.runs / 3));
  const { model } = one;
  const { layers } = model.config;
  const contexts = contextsOf(bench, model);
  using filled = filledTo(model, contexts.at(-1) ?? 0, Math.max(...bench.rows), kvCache);
  for (const [i, context] of contexts.entries()) {
    // A shorter text in the same cache: what lies behind its end is not read.
    filled.state.setLength(context);
    const whole: Figure[] = [], alone: Figure[] = [];
    const add = (to: Figure[], name: string, samples: Samples, bytes: number): void => {
      const relative = samples.median / (to[0]?.value ?? samples.median);
      to.push(readTime(name, samples, bytes, readCeiling(bench), { relative }));
    };
    for (const [j, count] of bench.rows.entries()) {
      progress(
        `contexts of ${one.name}`,
        i * bench.rows.length + j,
        contexts.length * bench.rows.length,
      );
      const name = `context=${context} rows=${count}`;
      const cache = kvCacheBytes(model.config, context + count, kvCache);
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
    const section = { table: "context", subject: subjectOf(one, kvCache) };
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
  uses: ["rows", "kv-cache"],
  *measure(bench) {
    for (const one of bench.models) {
      for (const kvCache of bench.kvCaches) yield* measureModel(bench, one, kvCache);
    }
  },
};
