/**
 * Keys with which a model computes something else than Llama's layers do: other families have them, and files that
 * only call themselves one of ours. Taking no notice of them would give other text without a word.
 *
 * @module
 */
import { UnsupportedModelError } from "../../base/errors.ts";
import { type Fields, show } from "../containers/json.ts";

/** The values with which each of these keys changes nothing; null and an empty list change nothing either. */
const NEUTRAL: Readonly<Record<string, readonly unknown[]>> = {
  attention_multiplier: [],
  query_pre_attn_scalar: [],
  dim_model_base: [],
  scale_depth: [],
  scale_emb: [1],
  embedding_multiplier: [1],
  residual_multiplier: [1],
  logits_scaling: [1],
  logit_scale: [1],
  lm_head_multiplier: [1],
  attn_logit_softcapping: [0, false],
  final_logit_softcapping: [0, false],
  clip_qkv: [0, false],
  qk_norm: [false],
  use_qk_norm: [false],
  qk_layernorm: [false],
  use_qk_layernorm: [false],
  parallel_attn: [false],
  parallel_residual: [false],
  use_parallel_residual: [false],
  alibi: [false],
  use_alibi: [false],
  is_causal: [true],
  use_bidirectional_attention: [false],
  attn_temperature_tuning: [false, 0],
  no_rope_layers: [],
  no_rope_layer_interval: [0],
  rope_interleave: [false],
  rope_interleaved: [false],
  rotary_pct: [1],
  rotary_percentage: [1],
  swiglu_limit: [],
  hidden_activation: ["silu", "swish"],
  activation_function: ["silu", "swish"],
};

/** Refuses a configuration with one of these keys set, by its name. `normed`: queries and keys are normalised anyway. */
export function refuseOtherFunctions(config: Fields, normed: boolean): void {
  for (const [key, neutral] of Object.entries(NEUTRAL)) {
    const value = config.raw(key);
    if (value === undefined || neutral.includes(value)) continue;
    if (Array.isArray(value) && value.length === 0) continue;
    if (normed && value === true && /qk_(layer)?norm$/.test(key)) continue;
    const expected = neutral.map(show);
    throw new UnsupportedModelError(
      `${key} ${show(value)}`,
      `expected ${[...expected, "none"].join(" or ")}`,
    );
  }
}
