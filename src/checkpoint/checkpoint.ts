/**
 * A model directory in Hugging Face layout.
 *
 * @module
 */
import { CheckpointError } from "../base/errors.ts";
import { pathOf } from "../base/options.ts";
import { type ModelConfig, parseModelConfig } from "./config/config.ts";
import {
  checkTokenIds,
  type GenerationConfig,
  parseGenerationConfig,
} from "./config/generation_config.ts";
import { exists, isObject, readJson, show } from "./containers/json.ts";
import { findQuantization, type QuantizationConfig } from "./formats/quantization.ts";
import { attempt } from "./containers/reader.ts";
import { disposing, type TensorSource } from "./containers/source.ts";
import { openWeights } from "./containers/weights.ts";

export type { GenerationConfig, ModelConfig, QuantizationConfig };

/** An open checkpoint. Disposing it closes its files. */
export interface Checkpoint extends Disposable {
  /** The directory, as given. */
  readonly dir: string;
  /** The model's configuration, its special tokens those of {@link Checkpoint.generation}. */
  readonly config: ModelConfig;
  /** The weights. */
  readonly tensors: TensorSource;
  /** `config.json` as parsed. */
  readonly rawConfig: Record<string, unknown>;
  /** How the weights are quantized, where they are. */
  readonly quantization?: QuantizationConfig;
  /** `generation_config.json`, completed from `config.json`. */
  readonly generation: GenerationConfig;
}

/** Opens the checkpoint in `from`, a path or a `file:` URL. Reads configurations and headers, no weights. */
export function openCheckpoint(from: string | URL): Checkpoint {
  const dir = pathOf("open a checkpoint", "from", from);
  const rawConfig = readConfig(dir);
  const parsed = parseModelConfig(`${dir}/config.json`, rawConfig);
  const generationFile = `${dir}/generation_config.json`;
  const present = exists(generationFile);
  const generation = parseGenerationConfig(
    generationFile,
    present ? readJson(generationFile) : {},
    parsed,
  );
  checkTokenIds(
    present ? generationFile : `${dir}/config.json`,
    generation.eosTokenIds,
    parsed.vocabSize,
  );
  const { eosTokenIds, bosTokenId, padTokenId } = generation;
  const config = { ...parsed, eosTokenIds, bosTokenId, padTokenId };
  const tensors = openWeights(dir);
  const quantization = disposing(tensors, () => findQuantization(dir, rawConfig, tensors));
  return {
    dir,
    config,
    tensors,
    rawConfig,
    ...(quantization && { quantization }),
    generation,
    [Symbol.dispose]: () => tensors[Symbol.dispose](),
  };
}

/** Reads `config.json` of `dir` as an object. */
export function readConfig(dir: string): Record<string, unknown> {
  if (!attempt(dir, () => Deno.statSync(dir)).isDirectory) {
    throw new CheckpointError(dir, "it is not a directory");
  }
  const file = `${dir}/config.json`;
  const json = readJson(file);
  if (!isObject(json)) throw new CheckpointError(file, `it is ${show(json)}, expected an object`);
  return json;
}
