/**
 * Reading a prompt.
 *
 * @module
 */
import type { KvCacheDType } from "../../../base/dtype.ts";
import type { ModelConfig } from "../../../checkpoint/config/config.ts";
import { Arena, type Device } from "../../../device/mod.ts";
import type { Model } from "../../../model/mod.ts";
import { advance } from "../../../ops/mod.ts";
import { PREFILL_ROWS, Round, sequenceMemory } from "../../../speculation/mod.ts";
import { type Bench, type BenchModel, type BenchTable, MODEL_OPTIONS, subjectOf } from "./bench.ts";
import { capturePart } from "./captured_part.ts";
import { type Figure, rate, type Section, time } from "./figure.ts";
import { FilledState, someTokens } from "./filled_state.ts";
import type { Samples } from "./samples.ts";
import { timeQueued } from "./timing.ts";

/** Tokens of the prompts that are read where no others are asked for: of a chat, and where it is fast of a document. */
export const PROMPT_TOKENS: Readonly<Record<Device["backend"], readonly number[]>> = {
  cpu: [512, 1024],
  cuda: [512, 1024, 4096, 16384, 32768],
};

/** The longest prompt that is also read in one forward. */
const AT_ONCE = 1024;

/** Operations of attention over `tokens` tokens in all layers: half of a square, twice. */
function attentionOperations({ heads, headDim, layers }: ModelConfig, tokens: number): number {
  return layers * 2 * tokens * tokens * heads * headDim;
}

/** Operations to read `tokens` tokens: the layers' products, and attention. */
export function prefillOperations(config: ModelConfig, tokens: number): number {
  const { hiddenSize: hidden, intermediateSize: inter, heads, kvHeads, headDim, layers } = config;
  const weights = hidden * headDim * (2 * heads + 2 * kvHeads) + 3 * hidden * inter;
  return layers * 2 * tokens * weights + attentionOperations(config, tokens);
}

/** As engines read a prompt: in chunks. */
function timeChunks(
  model: Model,
  tokens: number,
  runs: number,
  kvCache: KvCacheDType,
): Samples {
  const { device } = model;
  using arena = new Arena(device, "prefill");
  const memory = sequenceMemory(device, arena, tokens + 1, undefined, { kvCache });
  using round = new Round(model, memory);
  // The last token of a prompt is not read with it.
  const prompt = [...someTokens(tokens + 1, model.config.vocabSize)];
  return timeQueued(device, runs, () => {
    for (const _ of round.read(prompt));
  });
}

/** In one forward. */
function timeWhole(
  model: Model,
  tokens: number,
  runs: number,
  kvCache: KvCacheDType,
): Samples {
  using filled = new FilledState(model, 0, tokens, tokens, kvCache);
  return timeQueued(model.device, runs, () => filled.queueForward(tokens));
}

/** Attention alone, of all layers and in the same chunks. */
function timeAttention(
  model: Model,
  tokens: number,
  runs: number,
  kvCache: KvCacheDType,
): Samples {
  const { device } = model;
  // With the prompt in the cache: what is multiplied counts for the power that a device takes, and so for its clock.
  using filled = new FilledState(model, tokens, 1, tokens, kvCache);
  const { state } = filled;
  state.setLength(0);
  using graph = capturePart(
    device,
    (op) => op === "smq_attention" || op === "smq_advance",
    () => {
      for (let at = 0; at < tokens;) {
        const count = Math.min(PREFILL_ROWS[device.backend], tokens - at);
        filled.queueForward(count);
        advance(device, state.cacheLength, count);
        at += count;
      }
      advance(device, state.cacheLength, -tokens);
    },
  );
  return timeQueued(device, runs, () => graph.launch());
}

function measureModel(bench: Bench, one: BenchModel, kvCache: KvCacheDType): Section {
  const { device: { backend }, synthetic, promptTokens, runs, progress } = bench;
  const samples = Math.max(3, Math.ceil(runs / 5));
  const lengths = promptTokens ?? PROMPT_TOKENS[backend];
  const { model } = one;
  const figures: Figure[] = [];
  const add = (name: string, operations: number, measured: Samples): void => {
    figures.push(
      time(name, measured),
      rate(`${name} rate`, measured, operations, "TFLOP/s", 1e12),
    );
  };
  for (const [i, tokens] of lengths.entries()) {
    // Of a synthetic model only the shape counts.
    if (!synthetic && tokens > model.config.maxPositions - 1) continue;
    progress(`prefill of ${one.name}`, i, lengths.length);
    const all = prefillOperations(model.config, tokens);
    add(`tokens=${tokens}`, all, timeChunks(model, tokens, samples, kvCache));
    if (tokens > PREFILL_ROWS[backend] && tokens <= AT_ONCE) {
      add(`tokens=${tokens} at once`, all, timeWhole(model, tokens, samples, kvCache));
    }
    add(
      `tokens=${tokens} attention`,
      attentionOperations(model.config, tokens),
      timeAttention(model, tokens, samples, kvCache),
    );
  }
  return {
    table: "prefill",
    subject: subjectOf(one, kvCache),
    notes: [
      `in chunks of ${PREFILL_ROWS[backend]} tokens, as engines read, and up to ${AT_ONCE} also ` +
      "in one forward; operations: the products of all layers, and attention; attention: of a graph " +
      "that holds the attention of all layers and chunks and nothing else",
    ],
    figures,
  };
}

/** The table `prefill`. */
export const prefill: BenchTable = {
  name: "prefill",
  summary: "reading a prompt, and its attention alone, by tokens",
  models: MODEL_OPTIONS,
  uses: ["prompt-tokens", "kv-cache"],
  *measure(bench) {
    for (const one of bench.models) {
      for (const kvCache of bench.kvCaches) {
        const section = measureModel(bench, one, kvCache);
        if (section.figures.length > 0) yield section;
      }
    }
  },
};
