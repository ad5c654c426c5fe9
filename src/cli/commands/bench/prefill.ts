/**
 * Reading a prompt.
 *
 * @module
 */
import type { ModelConfig } from "../../../checkpoint/config/config.ts";
import { Arena } from "../../../device/mod.ts";
import type { Model } from "../../../model/mod.ts";
import { PREFILL_ROWS, Round, sequenceMemory } from "../../../speculation/mod.ts";
import { type BenchTable, MODEL_OPTIONS, subjectOf } from "./bench.ts";
import { type Figure, rate, time } from "./figure.ts";
import { FilledState, someTokens } from "./filled_state.ts";
import type { Samples } from "./samples.ts";
import { timeQueued } from "./timing.ts";

/** Tokens of the prompts. */
const LENGTHS = [512, 1024];

/** Operations to read `tokens` tokens: the layers' products, and attention's half of a square. */
export function prefillOperations(config: ModelConfig, tokens: number): number {
  const { hiddenSize: hidden, intermediateSize: inter, heads, kvHeads, headDim, layers } = config;
  const weights = hidden * headDim * (2 * heads + 2 * kvHeads) + 3 * hidden * inter;
  return layers * (2 * tokens * weights + 2 * tokens * tokens * heads * headDim);
}

/** As engines read a prompt: in chunks. */
function timeChunks(model: Model, tokens: number, runs: number): Samples {
  const { device } = model;
  using arena = new Arena(device, "prefill");
  const memory = sequenceMemory(device, arena, tokens + 1);
  using round = new Round(model, memory);
  // The last token of a prompt is not read with it.
  const prompt = [...someTokens(tokens + 1, model.config.vocabSize)];
  return timeQueued(device, runs, () => {
    for (const _ of round.read(prompt));
  });
}

/** In one forward. */
function timeWhole(model: Model, tokens: number, runs: number): Samples {
  using filled = new FilledState(model, 0, tokens);
  return timeQueued(model.device, runs, () => filled.queueForward(tokens));
}

/** The table `prefill`. */
export const prefill: BenchTable = {
  name: "prefill",
  summary: `prompts of ${LENGTHS.join(" and ")} tokens`,
  models: MODEL_OPTIONS,
  *measure({ models, runs, progress }) {
    const samples = Math.max(3, Math.ceil(runs / 5));
    for (const one of models) {
      const { model } = one;
      const figures: Figure[] = [];
      const add = (name: string, tokens: number, measured: Samples): void => {
        figures.push(
          time(name, measured),
          rate(
            `${name} rate`,
            measured,
            prefillOperations(model.config, tokens),
            "TFLOP/s",
            1e12,
          ),
        );
      };
      for (const [i, tokens] of LENGTHS.entries()) {
        if (tokens > model.config.maxPositions - 1) continue;
        progress(`prefill of ${one.name}`, i, LENGTHS.length);
        add(`tokens=${tokens}`, tokens, timeChunks(model, tokens, samples));
        if (tokens > PREFILL_ROWS[model.device.backend]) {
          add(`tokens=${tokens} at once`, tokens, timeWhole(model, tokens, samples));
        }
      }
      if (figures.length === 0) continue;
      yield {
        table: "prefill",
        subject: subjectOf(one),
        notes: [
          `in chunks of ${
            PREFILL_ROWS[model.device.backend]
          } tokens, as engines read, and in one forward; ` +
          "operations: the products of all layers, and attention",
        ],
        figures,
      };
    }
  },
};
