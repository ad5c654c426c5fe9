/**
 * `config.json` of an EAGLE-2 draft head.
 *
 * @module
 */
import { UnsupportedModelError } from "../../base/errors.ts";
import { Fields } from "../containers/json.ts";
import { type ModelConfig, parseModelConfig } from "./config.ts";

/** What a head's code needs to know of it. */
export interface HeadConfig {
  /** The kind of head. */
  readonly kind: "eagle2";
  /** Widths, rope and norms of its decoder layer; `layers` is 1. */
  readonly model: ModelConfig;
  /** Whether `fc` has a bias; true where the configuration does not say. */
  readonly fcBias: boolean;
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

/** Refuses what is no EAGLE-2 head, by the name of the `feature` that says so. */
export function refuse(feature: string): never {
  throw new UnsupportedModelError(feature, "expected an EAGLE-2 head of one layer");
}

/** The JSON without a class that only says "a head": the family is then what `model_type` says. */
function withoutHeadClass({ object }: Fields): Record<string, unknown> {
  const { architectures, ...rest } = object;
  const isHead = Array.isArray(architectures) && architectures.length === 1 &&
    HEAD_CLASSES.includes(architectures[0]);
  return isHead ? rest : object;
}
