/**
 * Directories of EAGLE-2 draft heads.
 *
 * @module
 */
import { CheckpointError, UnsupportedModelError } from "../base/errors.ts";
import { readConfig } from "./checkpoint.ts";
import { type ModelConfig, parseModelConfig } from "./config.ts";
import { Fields } from "./json.ts";
import { findQuantization, type QuantizationConfig } from "./quantization.ts";
import { disposing, type TensorSource } from "./source.ts";
import { openWeights } from "./weights.ts";

/** What a head's code needs to know of it. */
export interface HeadConfig {
  /** The kind of head. */
  readonly kind: "eagle2";
  /** Widths, rope and norms of its decoder layer; `layers` is 1. */
  readonly model: ModelConfig;
  /** Whether `fc` has a bias; true where the configuration does not say. */
  readonly fcBias: boolean;
}

/** An open head. Disposing it closes its files. */
export interface Head extends Disposable {
  /** The directory, as given. */
  readonly dir: string;
  /** Its configuration. */
  readonly config: HeadConfig;
  /** Its weights. */
  readonly tensors: TensorSource;
  /** How they are quantized, where they are. */
  readonly quantization?: QuantizationConfig;
}

/** Keys that only other kinds of head have, with what they mean. */
const OTHER_KEYS: readonly (readonly [string, string])[] = [
  ["speculators_model_type", "a speculators head"],
  ["speculators_config", "a speculators head"],
  ["draft_vocab_size", "an EAGLE-3 head (draft_vocab_size)"],
  ["eagle_config", "an EAGLE-3 head (eagle_config)"],
  ["eagle_aux_hidden_state_layer_ids", "an EAGLE-3 head (eagle_aux_hidden_state_layer_ids)"],
  ["target_hidden_size", "an EAGLE-3 head (target_hidden_size)"],
];

/** Tensors that only other kinds of head have, with what they mean. */
const OTHER_TENSORS: readonly (readonly [string, string])[] = [
  ["d2t", "an EAGLE-3 head (tensor d2t)"],
  ["midlayer.self_attn.q_proj.weight", "an EAGLE-3 head (tensor midlayer)"],
  ["layers.0.hidden_norm.weight", "an EAGLE-3 head (tensor hidden_norm)"],
  ["rms_norm_rotation.weight", "a head of a rotated model"],
];

/** Classes that trainers of heads write instead of the family's. */
const HEAD_CLASSES: readonly unknown[] = ["EagleModel", "EAGLEModel"];

/** Checks the JSON of a head's `config.json`. */
export function parseHeadConfig(file: string, json: unknown): HeadConfig {
  const fields = new Fields(file, json);
  for (const [key, feature] of OTHER_KEYS) {
    if (fields.raw(key) !== undefined) refuse(feature);
  }
  const classes = fields.raw("architectures");
  if (Array.isArray(classes) && classes.some((name) => /eagle3/i.test(`${name}`))) {
    refuse(`an EAGLE-3 head (architecture ${classes[0]})`);
  }
  const model = parseModelConfig(file, withoutHeadClass(fields));
  if (model.layers !== 1) refuse(`a head of ${model.layers} layers`);
  // A head's layer is Llama's; only this key gives it the biases that Qwen2 implies.
  const qkvBias = fields.boolean("qkv_bias", model.architecture === "llama" && model.qkvBias);
  return { kind: "eagle2", model: { ...model, qkvBias }, fcBias: fields.boolean("bias", true) };
}

/** Opens the head in `dir`. Reads configuration and headers, no weights. */
export function openHead(dir: string): Head {
  const rawConfig = readConfig(dir);
  const config = parseHeadConfig(`${dir}/config.json`, rawConfig);
  const tensors = openWeights(dir);
  const quantization = disposing(tensors, () => {
    for (const [name, feature] of OTHER_TENSORS) if (tensors.find(name)) refuse(feature);
    checkBias(dir, config, tensors);
    return findQuantization(dir, rawConfig, tensors);
  });
  return {
    dir,
    config,
    tensors,
    ...(quantization && { quantization }),
    [Symbol.dispose]: () => tensors[Symbol.dispose](),
  };
}

/** The bias of `fc` is there where the configuration says so, and only there. */
function checkBias(dir: string, { fcBias }: HeadConfig, tensors: TensorSource): void {
  // A quantized layer has tensors of other names.
  const first = tensors.names().find((name) => name.startsWith("fc.")) ?? "fc.weight";
  const { file } = tensors.info(first);
  if (fcBias === (tensors.find("fc.bias") !== undefined)) return;
  const key = `as "bias" of ${dir}/config.json is ${fcBias}`;
  throw new CheckpointError(
    file,
    fcBias ? `it is missing, expected one ${key}` : `it is there, expected none ${key}`,
    "fc.bias",
  );
}

function refuse(feature: string): never {
  throw new UnsupportedModelError(feature, "expected an EAGLE-2 head of one layer");
}

/** The JSON without a class that only says "a head": the family is then what `model_type` says. */
function withoutHeadClass({ object }: Fields): Record<string, unknown> {
  const { architectures, ...rest } = object;
  const isHead = Array.isArray(architectures) && architectures.length === 1 &&
    HEAD_CLASSES.includes(architectures[0]);
  return isHead ? rest : object;
}
