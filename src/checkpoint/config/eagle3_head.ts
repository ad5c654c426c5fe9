/**
 * EAGLE-3 heads (arXiv 2503.01840) in the layouts of EAGLE, SpecForge, speculators and DeepSpec, with EAGLE-3.1's norms
 * (arXiv 2605.09992): their tensors, their `config.json`, and what tells them from others.
 *
 * @module
 */
import { CheckpointError } from "../../base/errors.ts";
import { Fields, isObject } from "../containers/json.ts";
import type { TensorSource } from "../containers/source.ts";
import { readModelConfig } from "./config.ts";
import { DRAFT_TENSORS, draftVocabulary, RECENT_TOKENS } from "./draft_vocabulary.ts";
import {
  type Eagle3Config,
  hasBias,
  type HeadFamily,
  refuse as refuseHead,
  withTensors,
} from "./head_config.ts";
import { namedTaps } from "./tap_ids.ts";

/** EAGLE-3 heads. */
export const EAGLE3: HeadFamily = { kind: "eagle3", owns, fields, read };

/** Names of tensors, by role. */
export const EAGLE3_TENSORS = {
  ...DRAFT_TENSORS,
  fc: "fc",
  embedding: "embed_tokens",
  finalNorm: "norm.weight",
  /** The norm of all taps together. */
  allNorm: "input_norm.weight",
  /** The norm of the i-th tap. */
  eachNorm: (i: number): string => `fc_norm.${i}.weight`,
} as const;

/** Tensors that EAGLE-2 heads have not. */
const MARKS = [
  "layers.0.hidden_norm.weight",
  EAGLE3_TENSORS.allNorm,
  EAGLE3_TENSORS.eachNorm(0),
];

/** Tensors of a map, which EAGLE-2 heads may have, too. */
const MAP = [EAGLE3_TENSORS.toTokens, EAGLE3_TENSORS.hasToken];

/** Norms that no EAGLE-2 head has, trimmed or not: with a map they tell. */
const NORMS = ["layers.0.input_layernorm.weight", EAGLE3_TENSORS.finalNorm];

/** Taps where a file names none. */
const CLASSIC_TAPS = 3;

/** Keys that only other kinds of head have, with what they mean. */
const OTHER_KEYS: readonly (readonly [string, string])[] = [
  ["dflash_config", "a DFlash head (dflash_config)"],
  ["markov_rank", "a DSpark head (markov_rank)"],
  ["block_size", "a head that drafts blocks (block_size)"],
  [RECENT_TOKENS, "an EAGLE-3 head with recent tokens (recent_tokens)"],
];

/** Switches of the layer, with the only value that there is code for. */
const SWITCHES: Readonly<Record<string, boolean>> = {
  use_aux_hidden_state: true,
  use_last_layernorm: true,
  use_input_layernorm_in_first_layer: true,
  use_mtp_layernorm: false,
  parallel_drafting: false,
};

/** Keys of training and of engines, which say nothing of what a head computes. */
const ASIDE = [
  "speculators_config",
  "speculators_version",
  "embed_requires_grad",
  "has_no_defaults_at_init",
  "ttt_length",
  "step_loss_decay",
  "draft_num_hidden_layers",
  "target_model_name_or_path",
];

function refuse(feature: string): never {
  refuseHead(feature, "an EAGLE-3 head of one layer");
}

function owns(tensors: TensorSource): boolean {
  const any = (names: readonly string[]): boolean =>
    names.some((name) => tensors.find(name) !== undefined);
  if (any(MARKS) || any(MAP) && any(NORMS)) return true;
  // A full vocabulary and no norm that is its own only: `fc` reads more than an embedding and a hidden state.
  const [outputs, inputs] = tensors.find("fc.weight")?.shape ?? [];
  return inputs > 2 * outputs;
}

/**
 * The keys as those of a model of the layer's family. speculators keeps those under `transformer_layer_config`, vLLM
 * under `model`. Classes have other names with every trainer, so none counts; where nothing else is said, the layer is
 * Llama's. The vocabulary is that of its embedding, or of its map, where it has one.
 */
function fields(file: string, json: unknown, tensors: TensorSource): Fields {
  const { object } = new Fields(file, json);
  const { model, transformer_layer_config: layer, architectures: _, ...own } = object;
  if (layer !== undefined && layer !== null && !isObject(layer)) {
    new Fields(file, object).fail("transformer_layer_config", "an object");
  }
  const keys: Record<string, unknown> = {
    ...(isObject(model) ? model : {}),
    ...own,
    ...(isObject(layer) ? layer : {}),
  };
  delete keys.architectures;
  if (
    keys.model_type === undefined ||
    /^(eagle3?|speculators|speculator_model)$/.test(`${keys.model_type}`)
  ) {
    keys.model_type = "llama";
  }
  const rows = (name: string): number | undefined => tensors.find(name)?.shape[0];
  keys.vocab_size = rows(`${EAGLE3_TENSORS.embedding}.weight`) ??
    rows(EAGLE3_TENSORS.hasToken) ?? keys.vocab_size;
  return new Fields(file, keys);
}

function read(config: Fields, tensors: TensorSource): Eagle3Config {
  for (const [key, feature] of OTHER_KEYS) if (config.raw(key) !== undefined) refuse(feature);
  const type = config.string("speculators_model_type");
  if (type !== undefined && type !== "eagle3") {
    refuse(`a speculators head of another kind (speculators_model_type "${type}")`);
  }
  for (const key of ASIDE) config.has(key);
  const inner = config.fields("eagle_config");
  checkSwitches(config, inner);
  const layers = tensors.names().map((name) => /^layers\.(\d+)\./.exec(name)?.[1] ?? 0);
  const count = Math.max(config.integer("num_hidden_layers"), ...layers.map((i) => Number(i) + 1));
  if (count !== 1) refuse(`an EAGLE-3 head of ${count} layers`);
  const model = readModelConfig(config, true);
  const taps = namedTaps(config, inner);
  return {
    kind: "eagle3",
    model: withTensors(model, tensors),
    fcBias: hasBias(tensors, EAGLE3_TENSORS.fc),
    taps: {
      count: taps?.length ?? CLASSIC_TAPS,
      layers: taps,
      hiddenSize: config.integer("target_hidden_size", model.hiddenSize),
      verifierLayers: config.raw("num_target_layers") === undefined
        ? undefined
        : config.integer("num_target_layers"),
    },
    tapNorm: tapNormOf(config, inner, tensors),
    normedResidual: config.boolean("norm_before_residual", false),
    normedOutput: config.boolean("norm_output", false),
    // Its projection is its own, mapped or not.
    draftVocabSize: draftVocabulary(
      config,
      model,
      tensors,
      tensors.find(`${EAGLE3_TENSORS.output}.weight`)?.shape[0],
    ),
  };
}

function checkSwitches(config: Fields, inner?: Fields): void {
  for (const [key, expected] of Object.entries(SWITCHES)) {
    for (const fields of inner ? [config, inner] : [config]) {
      const value = fields.boolean(key, expected);
      if (value !== expected) refuse(`an EAGLE-3 head with ${key} ${value}`);
    }
  }
}

/** A norm is there that has weights; keys may say no less. */
function tapNormOf(
  config: Fields,
  inner: Fields | undefined,
  tensors: TensorSource,
): Eagle3Config["tapNorm"] {
  const found = (key: string, name: string): boolean => {
    const holder = inner?.raw(key) === undefined ? config : inner;
    const there = tensors.find(name) !== undefined;
    const said = holder.boolean(key, there);
    if (said === there) return there;
    const reason = there
      ? `it is there, expected none as "${key}" of ${config.file} is false`
      : `it is missing, expected one as "${key}" of ${config.file} is true`;
    throw new CheckpointError(tensors.file, reason, name);
  };
  const all = found("norm_before_fc", EAGLE3_TENSORS.allNorm);
  const each = found("fc_norm", EAGLE3_TENSORS.eachNorm(0));
  if (all && each) refuse("an EAGLE-3 head with norm_before_fc and fc_norm");
  return all ? "all" : each ? "each" : "none";
}
