/**
 * What is nearly a block drafter: its kin, and what trainers can switch on that there is no code for.
 *
 * @module
 */
import type { Fields } from "../containers/json.ts";
import type { TensorSource } from "../containers/source.ts";
import { refuse } from "./head_config.ts";

/** Switches, with the only value that there is code for. */
const SWITCHES: Readonly<Record<string, boolean>> = {
  fc_layernorm: false,
  log_snr_conditioning: false,
  enable_qwen35_gated_q_proj: false,
};

/** Keys that only other kinds have, with what they mean. */
const OTHER_KEYS: readonly (readonly [string, string])[] = [
  ["conv_kernel_size", "a DFlash-2 head (conv_kernel_size)"],
  ["gru_hidden_dim", "a Domino head (gru_hidden_dim)"],
  ["draft_adapter_rank", "a block drafter with an adapter (draft_adapter_rank)"],
  ["mlp_type", "a block drafter with another MLP (mlp_type)"],
];

/** Tensors that only other kinds have. */
const OTHER_TENSORS: readonly (readonly [RegExp, string])[] = [
  [/^mask_embedding/, "a block drafter with an embedding of the mask"],
  [/^markov_head\.gate_proj\./, 'a DSpark head with markov_head_type "gated"'],
  [/^markov_head\.joint_proj\./, 'a DSpark head with markov_head_type "rnn"'],
  [/^(prefix_gru|draft_adapter|fusion_weights|pre_fc_norms|selector)/, "a kin of DFlash"],
];

/** Keys of training and of engines, which say nothing of what a head computes. */
const ASIDE = [
  "speculators_config",
  "speculators_version",
  "has_no_defaults_at_init",
  "num_anchors",
  "max_anchors",
  "confidence_head_alpha",
  "pure_draft_prefix_len",
  "draft_arch",
  // Of windows, which are refused.
  "sliding_window_non_causal",
];

/** Refuses what is no block drafter, by the name of the `feature` that says so. */
export function refuseBlock(feature: string): never {
  refuse(feature, "a DFlash or DSpark head");
}

/** Refuses the kin of block drafters; `inner` holds the keys of `dflash_config`. */
export function refuseOthers(
  config: Fields,
  inner: Fields | undefined,
  tensors: TensorSource,
): void {
  for (const fields of inner ? [config, inner] : [config]) {
    for (const key of ASIDE) fields.has(key);
    for (const [key, feature] of OTHER_KEYS) {
      if ((fields.raw(key) ?? 0) !== 0) refuseBlock(feature);
    }
    const projector = fields.string("projector_type") ?? "dflash";
    if (projector !== "dflash" && projector !== "dspark") {
      refuseBlock(`a block drafter of another kind (projector_type "${projector}")`);
    }
    const markov = fields.string("markov_head_type") ?? "vanilla";
    if (markov !== "vanilla") refuseBlock(`a DSpark head with markov_head_type "${markov}"`);
    const mode = (fields.string("attention_mode") ?? "gqa").toLowerCase();
    if (mode !== "gqa" && mode !== "mha") {
      refuseBlock(`a block drafter with attention_mode "${mode}"`);
    }
    for (const [key, expected] of Object.entries(SWITCHES)) {
      const value = fields.boolean(key, expected);
      if (value !== expected) refuseBlock(`a block drafter with ${key} ${value}`);
    }
  }
  for (const name of tensors.names()) {
    const other = OTHER_TENSORS.find(([pattern]) => pattern.test(name));
    if (other) refuseBlock(`${other[1]} (tensor ${name})`);
  }
}

/** Refuses layers with windows: trainers disagree on which part of the text a window is of. */
export function refuseWindows(config: Fields, layers: number): void {
  config.has("sliding_window");
  const types = config.raw("layer_types");
  if (types === undefined) refuseBlock("a block drafter with sliding_window");
  const sliding = (types as unknown[]).filter((type) => type !== "full_attention").length;
  if (sliding > 0) {
    refuseBlock(`a block drafter with sliding_window in ${sliding} of ${layers} layers`);
  }
}
