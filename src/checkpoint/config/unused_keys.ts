/**
 * Keys of a checkpoint's JSON files that nothing here reads, and whether that may change what a model says.
 *
 * @module
 */
import { warn } from "../../base/warnings.ts";
import type { Fields } from "../containers/json.ts";

/** A key that is not used. */
export interface UnusedKey {
  /** The file. */
  readonly file: string;
  /** Its path in the file, e.g. `rope_scaling.finetuned`. */
  readonly key: string;
  /** Whether the output may be another one for it: unknown, and not switched off. */
  readonly matters: boolean;
}

/** Warns of those of the keys of the model in `dir` that matter, each as `show` has it. */
export function warnOfUnused(
  dir: string,
  unused: readonly UnusedKey[],
  show: (key: UnusedKey) => string,
): void {
  const named = unused.filter(({ matters }) => matters).map(show);
  if (named.length === 0) return;
  warn(
    `${dir}: what it says may not be what it should, as these keys are not used: ${
      named.join(", ")
    }`,
  );
}

const words = (text: string): ReadonlySet<string> => new Set(text.trim().split(/\s+/));

/** Keys, wherever they are, that say nothing about what a model computes for a text. */
const HARMLESS = words(`
  _name_or_path name_or_path _commit_hash transformers_version auto_map architectures model_type dtype torch_dtype
  custom_pipelines tokenizer_class processor_class model_max_length max_sequence_length max_position_embedding
  use_cache use_return_dict return_dict output_attentions output_hidden_states output_scores torchscript
  return_dict_in_generate cache_implementation _attn_implementation attn_implementation
  _attn_implementation_autoset _attn_implementation_internal _experts_implementation _flash_attn_2_enabled
  use_flash_attn use_flash_attention use_flash_attention_2 use_bfloat16 bf16 fp16 fp32 torch_dtype_str
  initializer_range initializer_std init_std init_method attention_dropout hidden_dropout residual_dropout
  attention_probs_dropout_prob hidden_dropout_prob embd_pdrop attn_pdrop resid_pdrop embedding_dropout
  attn_dropout_prob emb_dropout_prob classifier_dropout dropout pretraining_tp gradient_checkpointing
  router_aux_loss_coef output_router_logits norm_topk_prob decoder_sparse_step mlp_only_layers
  num_experts_per_tok num_experts_per_token moe_intermediate_size shared_expert_intermediate_size
  id2label label2id num_labels problem_type finetuning_task task_specific_params pruned_heads
  chunk_size_feed_forward prefix tf_legacy_loss tie_encoder_decoder is_decoder is_encoder_decoder
  add_cross_attention cross_attention_hidden_size decoder_start_token_id sep_token_id unk_token_id
  bos_token_id eos_token_id pad_token_id is_llama_config js_config
  bos_token eos_token pad_token unk_token keys_to_ignore_at_inference rms_norm_epsilon layer_norm_eps
  num_nextn_predict_layers num_mtp_modules mtp_num_hidden_layers model_name base_model base_model_name_or_path
  unsloth_fixed unsloth_version unsloth_processed quantization_bits quantization original_max_position_embeddings
  finetuned type bias qkv_bias use_bias no_bias use_qkv_bias add_qkv_bias use_sliding_window max_window_layers


  max_length min_length max_new_tokens do_sample early_stopping num_beams num_beam_groups temperature top_k top_p
  typical_p epsilon_cutoff eta_cutoff diversity_penalty length_penalty num_return_sequences
  remove_invalid_values _from_model_config trust_remote_code max_time assistant_confidence_threshold
  num_assistant_tokens num_assistant_tokens_schedule chat_format max_window_size penalty_alpha
  encoder_no_repeat_ngram_size target_lookbehind assistant_lookbehind disable_compile renormalize_logits
  low_memory use_mtp is_assistant token_healing

  damp_percent damp_auto_increment damp true_sequential model_name_or_path model_file_base_name meta quantizer
  block_name_to_quantize module_name_preceding_first_block batch_size disable_exllama use_exllama exllama_config
  use_cuda_fp16 max_input_length cache_block_outputs model_seqlen dataset tokenizer modules_in_block_to_quantize
  inside_layer_modules static_groups desc_act lm_head mse act_group_aware parallel_packing offload_to_disk gptaq
  v2 v2_alpha iters nsamples seqlen lr minmax_lr enable_minmax_tuning enable_quanted_input low_gpu_mem_usage
  gradient_accumulate_steps scale_dtype zp_dtype backend do_fuse fuse_max_seq_len modules_to_fuse
  modules_to_not_convert quant_method version quantization_status global_compression_ratio registry_requires_subclass
  observer observer_kwargs block_structure actorder sparsity_structure global_sparsity targets ignore
  memoryless is_marlin_format checkpoint_format format pack_dtype
  autoround_version amp data_type to_quant_block_names train_bs
`);

/** Keys of `generation_config.json` that change what greedy decoding gives, with the value that changes nothing. */
const GENERATION: ReadonlyMap<string, unknown> = new Map<string, unknown>([
  ["encoder_repetition_penalty", 1],
  ["guidance_scale", 1],
]);

/** The keys of `config` that nothing has asked for; nulls say nothing and are left out. */
export function unusedKeys(config: Fields): UnusedKey[] {
  return config.unasked().map(({ key, value }) => {
    const known = HARMLESS.has(key.slice(key.lastIndexOf(".") + 1));
    return { file: config.file, key, matters: !known && !isOff(value) };
  });
}

/** The keys of a `generation_config.json` whose wish is never fulfilled. */
export function unusedGenerationKeys(generation: Fields): UnusedKey[] {
  const { file, object } = generation;
  const ignored = [...GENERATION].filter(([key]) => (object[key] ?? null) !== null);
  return [
    ...ignored.map(([key, neutral]) => ({ file, key, matters: object[key] !== neutral })),
    ...unusedKeys(generation).filter(({ key }) => !GENERATION.has(key)),
  ];
}

/** What an unknown option is where it is not used. */
function isOff(value: unknown): boolean {
  if (typeof value === "object" && value !== null) return Object.keys(value).length === 0;
  return value === false || value === 0 || value === -1 || value === "" || value === null;
}
