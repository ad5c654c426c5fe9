/**
 * Block drafters, DFlash (arXiv 2602.06036) and DSpark, in the layouts of z-lab, DeepSpec, SpecForge and speculators: their
 * tensors, their `config.json`, and what tells them from others.
 *
 * @module
 */
import { CheckpointError } from "../../base/errors.ts";
import { Fields, isObject } from "../containers/json.ts";
import type { TensorSource } from "../containers/source.ts";
import { refuseBlock, refuseOthers, refuseWindows } from "./block_others.ts";
import { readModelConfig } from "./config.ts";
import { draftVocabulary, hasOwnOutput, recentTokens } from "./draft_vocabulary.ts";
import { type BlockConfig, hasBias, type HeadFamily, withTensors } from "./head_config.ts";
import { namedTaps } from "./tap_ids.ts";

/** Names of tensors, by role; others are called as an EAGLE-3 head's. */
export const BLOCK_TENSORS = {
  /** The norm behind `fc`. */
  contextNorm: "hidden_norm.weight",
  /** What a token adds to the logits of the next one, [vocabulary, rank] and rank -> vocabulary. */
  markov: ["markov_head.markov_w1", "markov_head.markov_w2"],
  /** How sure a row is. */
  confidence: "confidence_head.proj",
} as const;

/** Drafters whose rows know nothing of one another's tokens. */
export const DFLASH: HeadFamily = family("dflash");

/** Drafters with a Markov head: what a row says depends on the token before. */
export const DSPARK: HeadFamily = family("dspark");

/** The largest block: its rows have one word of a mask. */
const MAX_BLOCK = 64;

function family(kind: BlockConfig["kind"]): HeadFamily {
  const isSpark = (tensors: TensorSource): boolean =>
    tensors.names().some((name) => name.startsWith("markov_head."));
  return {
    kind,
    owns: (tensors) => isBlock(tensors) && isSpark(tensors) === (kind === "dspark"),
    fields,
    read: (config, tensors) => read(kind, config, tensors),
  };
}

/** What EAGLE heads have not; a drafter of one layer without the norm behind `fc` cannot be known. */
function isBlock(tensors: TensorSource): boolean {
  return tensors.find(BLOCK_TENSORS.contextNorm) !== undefined ||
    tensors.names().some((name) => name.startsWith("markov_head.")) ||
    tensors.find("layers.1.self_attn.q_norm.weight") !== undefined &&
      tensors.find("layers.0.hidden_norm.weight") === undefined;
}

/**
 * The keys as those of a model of the layers' family: Qwen3's where nothing else is said. speculators keeps those under
 * `transformer_layer_config`. Classes have other names with every trainer, so none counts.
 */
function fields(file: string, json: unknown): Fields {
  const { object } = new Fields(file, json);
  const { transformer_layer_config: layer, architectures: _, ...own } = object;
  if (layer !== undefined && layer !== null && !isObject(layer)) {
    new Fields(file, object).fail("transformer_layer_config", "an object");
  }
  const keys: Record<string, unknown> = { ...own, ...(isObject(layer) ? layer : {}) };
  delete keys.architectures;
  if (keys.model_type === undefined || /^(speculator|dflash|dspark)/.test(`${keys.model_type}`)) {
    keys.model_type = "qwen3";
  }
  return new Fields(file, keys);
}

function read(kind: BlockConfig["kind"], config: Fields, tensors: TensorSource): BlockConfig {
  const inner = config.fields("dflash_config");
  const type = config.string("speculators_model_type");
  if (type !== undefined && type !== "dflash" && type !== "dspark") {
    refuseBlock(`a speculators head of another kind (speculators_model_type "${type}")`);
  }
  const holder = (key: string): Fields => inner?.raw(key) !== undefined ? inner : config;
  refuseOthers(config, inner, tensors);
  const model = withTensors(readModelConfig(config), tensors);
  if (model.slidingWindow !== undefined || holder("layer_types").raw("layer_types") !== undefined) {
    refuseWindows(config, model.layers);
  }
  const hiddenSize = holder("target_hidden_size").integer("target_hidden_size", model.hiddenSize);
  if (hiddenSize !== model.hiddenSize) {
    refuseBlock(`a block drafter of ${model.hiddenSize} dimensions for a target of ${hiddenSize}`);
  }
  const taps = namedTaps(config, inner) ??
    holder("target_layer_ids").fail("target_layer_ids", "a list of layers, lowest first");
  const blockSize = holder("block_size").integer("block_size", undefined, 2);
  if (blockSize > MAX_BLOCK) {
    holder("block_size").fail("block_size", `2 to ${MAX_BLOCK}`);
  }
  const draftVocabSize = draftVocabulary(holder("draft_vocab_size"), model, tensors);
  return {
    kind,
    model,
    fcBias: hasBias(tensors, "fc"),
    taps: {
      count: taps.length,
      layers: taps,
      hiddenSize,
      verifierLayers: config.raw("num_target_layers") === undefined
        ? undefined
        : config.integer("num_target_layers"),
    },
    blockSize,
    maskToken: holder("mask_token_id").integer("mask_token_id", undefined, 0),
    fromAnchor: fromAnchor(config, inner, type),
    causal: switchOf(holder, ["causal_head", "causal", "dflash_query_causal"]),
    markovRank: markovRank(kind, holder, tensors),
    confidence: confidenceInputs(holder, hiddenSize, tensors),
    draftVocabSize,
    ownOutput: hasOwnOutput(tensors),
    recentTokens: recentTokens(config, model, tensors, draftVocabSize),
  };
}

/** Whether the row of the last token of the text predicts: by what a file says, else by who trains so. */
function fromAnchor(config: Fields, inner: Fields | undefined, speculators?: string): boolean {
  const own = config.raw("target_layer_ids") !== undefined && inner === undefined;
  const projector = inner?.raw("projector_type") ?? config.raw("projector_type");
  const usual = own || (speculators ?? projector) === "dspark";
  for (const fields of inner ? [inner, config] : [config]) {
    for (const key of ["sample_from_anchor", "shift_label"]) {
      if (fields.raw(key) !== undefined) return fields.boolean(key, usual);
    }
    if (fields.raw("dspark_bonus_anchor") !== undefined) {
      return !fields.boolean("dspark_bonus_anchor", false);
    }
  }
  return usual;
}

/** Whether any of the keys is true. */
function switchOf(holder: (key: string) => Fields, keys: readonly string[]): boolean {
  return keys.map((key) => holder(key).boolean(key, false)).some((value) => value);
}

/** The rank of the Markov head; 0 of a DFlash head. */
function markovRank(
  kind: BlockConfig["kind"],
  holder: (key: string) => Fields,
  tensors: TensorSource,
): number {
  const [before] = BLOCK_TENSORS.markov;
  const stored = kind === "dspark" ? tensors.find(`${before}.weight`)?.shape.at(-1) : 0;
  const fields = holder("markov_rank");
  const rank = fields.integer("markov_rank", stored, 0);
  if (kind === "dflash" && rank > 0) {
    const reason = `it is missing, expected one as "markov_rank" of ${fields.file} is ${rank}`;
    throw new CheckpointError(tensors.file, reason, `${before}.weight`);
  }
  if (kind === "dspark" && rank === 0) {
    fields.fail("markov_rank", "1 or more, as it has a Markov head");
  }
  return rank;
}

/** What the confidence head reads: nothing where there is none. */
function confidenceInputs(
  holder: (key: string) => Fields,
  hiddenSize: number,
  tensors: TensorSource,
): BlockConfig["confidence"] {
  const name = `${BLOCK_TENSORS.confidence}.weight`;
  const stored = tensors.find(name);
  for (const key of ["enable_confidence_head", "use_confidence_head"]) {
    if (holder(key).boolean(key, false) && stored === undefined) {
      const reason = `it is missing, expected one as "${key}" of ${holder(key).file} is true`;
      throw new CheckpointError(tensors.file, reason, name);
    }
  }
  const key = "confidence_head_with_markov";
  const withMarkov = holder(key).boolean(key, (stored?.shape.at(-1) ?? 0) > hiddenSize);
  return stored === undefined ? "none" : withMarkov ? "markov" : "hidden";
}
