/**
 * A model: a directory in Hugging Face layout, or a GGUF file.
 *
 * @module
 */
import { CheckpointError } from "../base/errors.ts";
import { pathOf } from "../base/options.ts";
import { warn } from "../base/warnings.ts";
import { type ModelConfig, readModelConfig } from "./config/config.ts";
import {
  checkTokenIds,
  type GenerationConfig,
  readGenerationConfig,
} from "./config/generation_config.ts";
import { ropeConflict } from "./config/rope_config.ts";
import {
  unusedGenerationKeys,
  type UnusedKey,
  unusedKeys,
  warnOfUnused,
} from "./config/unused_keys.ts";
import { checkDirectory } from "./containers/directory.ts";
import { exists, Fields, isObject, readJson, show } from "./containers/json.ts";
import { disposing } from "./containers/source.ts";
import { openWeights, refuseOthers } from "./containers/weights.ts";
import {
  findDescription,
  type QuantizationConfig,
  quantizationOf,
} from "./formats/quantization.ts";
import { findGguf } from "../gguf/mod.ts";
import { openGgufCheckpoint } from "./gguf_checkpoint.ts";
import { expectKind } from "./kind.ts";
import { modelNames } from "./names.ts";
import type { Checkpoint } from "./opened.ts";
import { isTied } from "./tied.ts";

export type { Checkpoint, GenerationConfig, ModelConfig, QuantizationConfig, UnusedKey };

/**
 * Opens the checkpoint in `from`, a path or a `file:` URL, and warns of what it may mean otherwise than it is taken: a
 * directory in Hugging Face layout, a GGUF file, the first of a split one, or a directory with one GGUF model and no
 * other weights. Reads configurations and headers, and of weights only tied embeddings that are stored twice.
 */
export function openCheckpoint(from: string | URL): Checkpoint {
  const dir = pathOf("open a checkpoint", "from", from);
  const file = findGguf(dir);
  if (file !== undefined) return openGgufCheckpoint(dir, file);
  const config = readConfig(dir);
  const stored = openWeights(dir);
  return disposing(stored, () => {
    expectKind("model", dir, stored);
    const parsed = readModelConfig(config);
    const generation = readGeneration(dir, parsed);
    const { eosTokenIds, bosTokenId, padTokenId } = generation.config;
    const tensors = modelNames(stored, parsed.tiedEmbeddings);
    const description = findDescription(dir, config);
    const quantization = quantizationOf(description, tensors);
    const tiedEmbeddings = parsed.tiedEmbeddings && isTied(dir, tensors);
    const unused = [
      ...unusedKeys(config),
      ...(description && description.fields.file !== config.file
        ? unusedKeys(description.fields)
        : []),
      ...generation.unused,
    ];
    const conflict = ropeConflict(config);
    if (conflict !== undefined) warn(conflict);
    warnOfUnused(dir, unused, ({ file, key }) => `"${key}" (${file.slice(dir.length + 1)})`);
    return {
      dir,
      config: { ...parsed, eosTokenIds, bosTokenId, padTokenId, tiedEmbeddings },
      tensors,
      rawConfig: config.object,
      ...(quantization && { quantization }),
      generation: generation.config,
      unusedKeys: unused,
      [Symbol.dispose]: () => tensors[Symbol.dispose](),
    };
  });
}

function readGeneration(
  dir: string,
  model: ModelConfig,
): { config: GenerationConfig; unused: UnusedKey[] } {
  const file = `${dir}/generation_config.json`;
  const present = exists(file);
  const fields = new Fields(file, present ? readJson(file) : {});
  const config = readGenerationConfig(fields, model);
  checkTokenIds(present ? file : `${dir}/config.json`, config.eosTokenIds, model.vocabSize);
  return { config, unused: unusedGenerationKeys(fields) };
}

/** Reads `config.json` of `dir`, an object. */
export function readConfig(dir: string): Fields {
  checkDirectory(dir);
  const file = `${dir}/config.json`;
  // Other formats do without one.
  if (!exists(file)) refuseOthers(dir);
  const json = readJson(file);
  if (!isObject(json)) throw new CheckpointError(file, `it is ${show(json)}, expected an object`);
  return new Fields(file, json);
}
