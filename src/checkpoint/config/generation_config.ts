/**
 * `generation_config.json`: special tokens and how to sample.
 *
 * @module
 */
import { CheckpointError } from "../../base/errors.ts";
import type { ModelConfig } from "./config.ts";
import { Fields } from "../containers/json.ts";
import { type OtherChoice, otherChoices } from "./other_choices.ts";

/** How a checkpoint asks to be sampled. Absent values were not given. */
export interface GenerationConfig {
  /** Tokens that end a text. */
  readonly eosTokenIds: readonly number[];
  /** The token that starts a text. */
  readonly bosTokenId?: number;
  /** The token that fills batches. */
  readonly padTokenId?: number;
  /** Whether to sample rather than to take the best token. */
  readonly doSample?: boolean;
  /** Temperature of the softmax. */
  readonly temperature?: number;
  /** Candidates kept by rank. */
  readonly topK?: number;
  /** Candidates kept by cumulative probability. */
  readonly topP?: number;
  /** Candidates kept by their share of the best one's probability. */
  readonly minP?: number;
  /** Penalty on tokens already used. */
  readonly repetitionPenalty?: number;
  /** What it asks for beside, that nothing here does. */
  readonly others: readonly OtherChoice[];
}

/** Checks a `generation_config.json`; what it does not give is taken from the model's configuration. */
export function parseGenerationConfig(
  file: string,
  json: unknown,
  model: ModelConfig,
): GenerationConfig {
  return readGenerationConfig(new Fields(file, json), model);
}

/** The same for JSON that is asked for its other keys, too. */
export function readGenerationConfig(config: Fields, model: ModelConfig): GenerationConfig {
  const number = (key: string, min: number) => {
    const value = config.raw(key);
    if (value === undefined) return undefined;
    if (typeof value === "number" && Number.isFinite(value) && value >= min) return value;
    return config.fail(key, `a number of at least ${min}`);
  };
  return {
    eosTokenIds: config.tokenIds("eos_token_id") ?? model.eosTokenIds,
    bosTokenId: (config.tokenIds("bos_token_id") ?? [model.bosTokenId])[0],
    padTokenId: (config.tokenIds("pad_token_id") ?? [model.padTokenId])[0],
    doSample: config.raw("do_sample") === undefined
      ? undefined
      : config.boolean("do_sample", false),
    temperature: number("temperature", 0),
    topK: config.raw("top_k") === undefined ? undefined : config.integer("top_k", undefined, 0),
    topP: number("top_p", 0),
    minP: number("min_p", 0),
    repetitionPenalty: number("repetition_penalty", 0),
    others: otherChoices(config),
  };
}

/** Throws where a token id lies outside the vocabulary. */
export function checkTokenIds(file: string, ids: readonly number[], vocabSize: number): void {
  const bad = ids.find((id) => id >= vocabSize);
  if (bad !== undefined) {
    throw new CheckpointError(file, `eos_token_id holds ${bad}, expected less than ${vocabSize}`);
  }
}
