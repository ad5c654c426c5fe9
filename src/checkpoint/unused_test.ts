import { assertEquals, assertStringIncludes } from "@std/assert";
import { openCheckpoint } from "./checkpoint.ts";
import { CONFIG, MODEL, warnings, withDir } from "./fixtures_test.ts";

Deno.test("checkpoint: keys that are not used are listed, and warned of where they may matter", () => {
  const files = {
    "config.json": {
      ...CONFIG,
      transformers_version: "5.1.0",
      attention_dropout: 0,
      sliding_window: 16, // Llama has none
      some_gate: { scale: 2 },
      other_gate: false,
      nothing: null,
      rope_scaling: { type: "linear", factor: 2, finetuned: true, ramp: 3 },
    },
    "generation_config.json": {
      repetition_penalty: 1.05,
      temperature: 0.7,
      min_p: 0.1,
      typical_p: 0.9,
      guidance_scale: 2,
    },
    "quantize_config.json": { bits: 4, group_size: 32, damp_percent: 0.01, twist: "left" },
  };
  let dir = "";
  const heard = warnings(() =>
    withDir(files, MODEL, (one) => {
      dir = one;
      using checkpoint = openCheckpoint(dir);
      const found = checkpoint.unusedKeys.map(({ file, key, matters }) => [
        file.slice(dir.length + 1).replace("_config.json", ""),
        key,
        matters,
      ]);
      assertEquals(found, [
        ["config.json", "transformers_version", false],
        ["config.json", "attention_dropout", false],
        ["config.json", "sliding_window", true],
        ["config.json", "some_gate", true],
        ["config.json", "other_gate", false],
        ["config.json", "rope_scaling.finetuned", false],
        ["config.json", "rope_scaling.ramp", true],
        ["quantize", "damp_percent", false],
        ["quantize", "twist", true],
        ["generation", "guidance_scale", true],
        ["generation", "typical_p", false],
      ]);
    })
  );
  assertEquals(heard, [
    `${dir}: what it says may not be what it should, as these keys are not used: ` +
    `"sliding_window" (config.json), "some_gate" (config.json), "rope_scaling.ramp" (config.json), ` +
    `"twist" (quantize_config.json), "guidance_scale" (generation_config.json)`,
  ]);
  withDir({ "config.json": CONFIG }, MODEL, (plain) => {
    assertEquals(warnings(() => openCheckpoint(plain)[Symbol.dispose]()), []);
  });
});

Deno.test("checkpoint: configurations as they are published give no warning", () => {
  const shape = {
    vocab_size: 16,
    hidden_size: 8,
    intermediate_size: 16,
    num_hidden_layers: 1,
    num_attention_heads: 2,
    num_key_value_heads: 1,
    rms_norm_eps: 1e-6,
    eos_token_id: 2,
    bos_token_id: 1,
    torch_dtype: "bfloat16",
    transformers_version: "4.43.1",
    use_cache: true,
    initializer_range: 0.02,
    attention_dropout: 0.0,
    hidden_act: "silu",
  };
  const llama3 = { factor: 8, low_freq_factor: 1, high_freq_factor: 4 };
  const published: Record<string, object> = {
    "Llama 3.1": {
      ...shape,
      architectures: ["LlamaForCausalLM"],
      attention_bias: false,
      mlp_bias: false,
      max_position_embeddings: 131072,
      pretraining_tp: 1,
      rope_scaling: { ...llama3, original_max_position_embeddings: 8192, rope_type: "llama3" },
      rope_theta: 500000,
      tie_word_embeddings: false,
    },
    "Qwen2.5": {
      ...shape,
      architectures: ["Qwen2ForCausalLM"],
      max_position_embeddings: 32768,
      max_window_layers: 28,
      rope_theta: 1e6,
      sliding_window: 4096,
      use_sliding_window: false,
    },
    "Mistral": {
      ...shape,
      architectures: ["MistralForCausalLM"],
      max_position_embeddings: 32768,
      sliding_window: null,
    },
    "SmolLM2": {
      ...shape,
      architectures: ["LlamaForCausalLM"],
      max_position_embeddings: 8192,
      is_llama_config: true,
      rope_interleaved: false,
      "transformers.js_config": { dtype: "q4", kv_cache_dtype: { q4f16: "float16" } },
    },
    "GPTQ of AutoGPTQ": {
      ...shape,
      architectures: ["LlamaForCausalLM"],
      max_position_embeddings: 4096,
      _name_or_path: "a/b",
      quantization_config: {
        batch_size: 1,
        bits: 4,
        block_name_to_quantize: "model.layers",
        damp_percent: 0.1,
        dataset: "c4",
        desc_act: false,
        group_size: 128,
        max_input_length: null,
        model_seqlen: 4096,
        modules_in_block_to_quantize: [["self_attn.k_proj"]],
        pad_token_id: 0,
        quant_method: "gptq",
        sym: true,
        true_sequential: true,
        use_exllama: true,
        exllama_config: { version: 1 },
      },
    },
    "compressed-tensors of llm-compressor": {
      ...shape,
      architectures: ["LlamaForCausalLM"],
      max_position_embeddings: 4096,
      quantization_config: {
        config_groups: {
          group_0: {
            input_activations: {
              actorder: null,
              block_structure: null,
              dynamic: true,
              group_size: null,
              num_bits: 8,
              observer: "memoryless",
              observer_kwargs: {},
              strategy: "token",
              symmetric: true,
              type: "int",
            },
            output_activations: null,
            targets: ["Linear"],
            weights: {
              actorder: null,
              dynamic: false,
              group_size: -1,
              num_bits: 8,
              observer: "mse",
              strategy: "channel",
              symmetric: true,
              type: "int",
            },
          },
        },
        format: "int-quantized",
        global_compression_ratio: 1.23,
        ignore: ["lm_head"],
        kv_cache_scheme: null,
        quant_method: "compressed-tensors",
        quantization_status: "compressed",
      },
    },
  };
  const generation = { do_sample: true, temperature: 0.6, top_p: 0.9, transformers_version: "4" };
  for (const [name, config] of Object.entries(published)) {
    const files = { "config.json": config, "generation_config.json": generation };
    withDir(files, MODEL, (dir) => {
      assertEquals(warnings(() => openCheckpoint(dir)[Symbol.dispose]()), [], name);
    });
  }
});

Deno.test("checkpoint: two descriptions of positions are warned of", () => {
  const rope_scaling = { rope_type: "linear", factor: 2 };
  const config = {
    ...CONFIG,
    rope_scaling,
    rope_parameters: { rope_theta: 5e5, rope_type: "default" },
  };
  withDir({ "config.json": config }, MODEL, (dir) => {
    const heard = warnings(() => {
      using checkpoint = openCheckpoint(dir);
      assertEquals(checkpoint.config.ropeScaling, { type: "linear", factor: 2 });
      assertEquals(checkpoint.unusedKeys, []);
    });
    assertEquals(heard.length, 1);
    assertStringIncludes(
      heard[0],
      "has both rope_parameters and rope_scaling: rope_scaling is used",
    );
  });
});
