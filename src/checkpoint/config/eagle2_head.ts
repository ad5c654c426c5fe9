/**
 * EAGLE-2 heads: their `config.json`, and what tells them from others.
 *
 * @module
 */
import { CheckpointError } from "../../base/errors.ts";
import { Fields, isObject } from "../containers/json.ts";
import type { TensorSource } from "../containers/source.ts";
import { type ModelConfig, readModelConfig } from "./config.ts";
import { DRAFT_TENSORS, draftVocabulary, hasOwnOutput, recentTokens } from "./draft_vocabulary.ts";
import { type Eagle2Config, hasBias, type HeadFamily, refuse, withTensors } from "./head_config.ts";

/** EAGLE-2 heads: all that no other family owns. */
export const EAGLE2: HeadFamily = {
  kind: "eagle2",
  owns: () => true,
  fields: headFields,
  read: readHeadConfig,
};

/** The description of a head as it is trained, without biases, in the shape of a `model`. */
export function plainEagle2(model: ModelConfig): Eagle2Config {
  const { vocabSize: draftVocabSize } = model;
  const one = { ...model, layers: 1 };
  return {
    kind: "eagle2",
    model: one,
    fcBias: false,
    draftVocabSize,
    ownOutput: false,
    recentTokens: 0,
  };
}

/** Keys that only other kinds of head have, with what they mean. */
const OTHER_KEYS: readonly (readonly [string, string])[] = [
  ["speculators_model_type", "a speculators head"],
  ["speculators_config", "a speculators head"],
  ["speculator_type", "a head of its own kind (speculator_type)"],
  ["dflash_config", "a DFlash head (dflash_config)"],
  ["markov_rank", "a DSpark head (markov_rank)"],
  ["block_size", "a head that drafts blocks (block_size)"],
  ["parallel_drafting", "a P-EAGLE head (parallel_drafting)"],
  ["eagle_config", "an EAGLE-3 head (eagle_config)"],
  ["eagle_aux_hidden_state_layer_ids", "an EAGLE-3 head (eagle_aux_hidden_state_layer_ids)"],
  ["target_hidden_size", "an EAGLE-3 head (target_hidden_size)"],
];

/** The embedding of a head that has its own, in which its vocabulary is as long as that. */
const EMBEDDING = "embed_tokens.weight";

/** The tokens that a trimmed head drafts; of a head without a map it says that it is another one. */
const TRIMMED = "draft_vocab_size";

/** What trainers and engines put before or behind the name of the family's class, or of "Model". */
const EAGLE = /^eagle(?!3)|eagle$/i;

/**
 * Reads the keys of a head, as {@linkcode headFields} gives them. Its tensors (by their usual names) are `tensors`:
 * what they say goes before what the configuration says or leaves out.
 */
export function readHeadConfig(fields: Fields, tensors: TensorSource): Eagle2Config {
  for (const [key, feature] of OTHER_KEYS) {
    if (fields.raw(key) !== undefined) refuse(feature);
  }
  if (fields.raw(TRIMMED) !== undefined && tensors.find(DRAFT_TENSORS.toTokens) === undefined) {
    refuse(`an EAGLE-3 head, or a trimmed one without a map (${TRIMMED})`);
  }
  const classes = fields.raw("architectures");
  if (Array.isArray(classes) && classes.some((name) => /eagle3/i.test(`${name}`))) {
    refuse(`an EAGLE-3 head (architecture ${classes[0]})`);
  }
  const model = readModelConfig(fields);
  if (model.layers !== 1) refuse(`a head of ${model.layers} layers`);
  const trimmed = fields.raw("truncated_vocab_size");
  if (trimmed !== undefined && trimmed !== model.vocabSize) {
    refuse(`a head with a trimmed vocabulary (truncated_vocab_size ${trimmed})`);
  }
  const fcBias = hasBias(tensors, "fc");
  if (!fcBias && fields.raw("bias") === true) {
    const reason = `it is missing, expected one as "bias" of ${fields.file} is true`;
    throw new CheckpointError(tensors.file, reason, "fc.bias");
  }
  const draftVocabSize = draftVocabulary(fields, model, tensors);
  return {
    kind: "eagle2",
    model: withTensors(model, tensors),
    fcBias,
    draftVocabSize,
    ownOutput: hasOwnOutput(tensors),
    recentTokens: recentTokens(fields, model, tensors, draftVocabSize),
  };
}

/**
 * The keys of a head as those of a model of its family: without "Eagle" in the name of its class or in place of a
 * `model_type`, and with those that engines keep under `model`. The vocabulary is that of its embedding, where it has
 * one.
 */
export function headFields(file: string, json: unknown, tensors: TensorSource): Fields {
  const { object } = new Fields(file, json);
  const { model, ...own } = object;
  const keys: Record<string, unknown> = isObject(model) ? { ...model, ...own } : { ...object };
  const { architectures, model_type } = keys;
  if (isEagle(architectures)) {
    const family = architectures[0].replace(EAGLE, "");
    delete keys.architectures;
    if (/ForCausalLM$/.test(family)) keys.architectures = [family];
  }
  if (model_type === "eagle") delete keys.model_type;
  // Where nothing is said but that it is a head, its layer is Llama's.
  if (keys.architectures === undefined) keys.model_type ??= "llama";
  keys.vocab_size = tensors.find(EMBEDDING)?.shape[0] ?? keys.vocab_size;
  return new Fields(file, keys);
}

function isEagle(architectures: unknown): architectures is [string] {
  const [name] = Array.isArray(architectures) && architectures.length === 1 ? architectures : [];
  return typeof name === "string" && EAGLE.test(name);
}
