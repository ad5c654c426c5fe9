/**
 * How a model asks to have its tokens chosen, as options of a generation.
 *
 * @module
 */
import { SpecMQuantError } from "../base/errors.ts";
import { warn } from "../base/warnings.ts";
import type { Checkpoint } from "../checkpoint/checkpoint.ts";
import type { ChoiceOptions } from "../speculation/mod.ts";

/** What is needed of a checkpoint to know it. */
export type Sampled = Pick<Checkpoint, "dir" | "generation" | "gguf">;

/** `top_k` of a `generation_config.json` that samples and says nothing of it: transformers has this default. */
const DEFAULT_TOP_K = 50;

/**
 * The options that a checkpoint gives in `generation_config.json`, as transformers takes them (tokens are sampled where
 * `do_sample` is true), or in the metadata of GGUF under `general.sampling`. Throws code `"sampling"` where it says nothing,
 * and where it asks for something that there is none of, which it names.
 */
export function samplingDefaults({ dir, generation, gguf }: Sampled): ChoiceOptions {
  const { doSample, temperature, topK, topP, minP, repetitionPenalty, others } = generation;
  const place = gguf ? "the file" : "generation_config.json";
  const cuts = { temperature, top_k: topK, top_p: topP, min_p: minP };
  const given = Object.entries(cuts).filter(([, value]) => value !== undefined);
  if (
    doSample === undefined && given.length + others.length === 0 && repetitionPenalty === undefined
  ) {
    const expected = gguf ? "keys under general.sampling" : "do_sample, temperature or the like";
    throw new SpecMQuantError(
      "sampling",
      `Cannot choose tokens as ${dir} says: ${place} says nothing of it, expected ${expected}`,
    );
  }
  const other = others.find(({ sampledOnly }) => doSample || !sampledOnly);
  if (other !== undefined) {
    const { key, found, expected } = other;
    throw new SpecMQuantError(
      "sampling",
      `Cannot choose tokens as ${dir} says: ${place} has ${key} ${found}, expected ${expected}`,
    );
  }
  const always = repetitionPenalty === undefined ? {} : { repetitionPenalty };
  if (!doSample) {
    if (doSample === undefined && given.length > 0) {
      const named = given.map(([key]) => key).join(", ");
      warn(`${dir}: ${place} has ${named} but no do_sample, so that its text is greedy`);
    }
    return always;
  }
  return {
    ...always,
    temperature: temperature ?? 1,
    topK: topK ?? (gguf ? 0 : DEFAULT_TOP_K),
    ...(topP !== undefined && { topP }),
    ...(minP !== undefined && { minP }),
  };
}
