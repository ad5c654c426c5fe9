import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { onWarning } from "../base/warnings.ts";
import { CheckpointError, SpecMQuantError, UnsupportedModelError } from "../base/errors.ts";
import { openCheckpoint } from "./checkpoint.ts";
import { openHead } from "./head.ts";
import { openIndexed } from "./containers/index.ts";
import { writeSafetensors } from "./containers/safetensors_writer.ts";

const CONFIG = {
  architectures: ["LlamaForCausalLM"],
  vocab_size: 16,
  hidden_size: 8,
  intermediate_size: 16,
  num_hidden_layers: 1,
  num_attention_heads: 2,
  rms_norm_eps: 1e-5,
  max_position_embeddings: 32,
  eos_token_id: 2,
};

/** Runs `use` in a directory with these JSON files and safetensors files of one-byte tensors. */
function withDir(
  files: Record<string, unknown>,
  weights: Record<string, string[]>,
  use: (dir: string) => void,
): void {
  const dir = Deno.makeTempDirSync();
  try {
    for (const [name, json] of Object.entries(files)) {
      Deno.writeTextFileSync(`${dir}/${name}`, JSON.stringify(json));
    }
    for (const [name, tensors] of Object.entries(weights)) {
      const one = (tensor: string, i: number) => (
        { name: tensor, dtype: "u8", shape: [1], data: () => Uint8Array.of(i) } as const
      );
      writeSafetensors(`${dir}/${name}`, tensors.map(one));
    }
    use(dir);
  } finally {
    Deno.removeSync(dir, { recursive: true });
  }
}

Deno.test("checkpoint: one file, generation_config preferred", () => {
  const files = {
    "config.json": CONFIG,
    "generation_config.json": { eos_token_id: [3, 4] },
    "quantize_config.json": { bits: 4, group_size: 32, desc_act: true },
  };
  withDir(files, { "model.safetensors": ["w"] }, (dir) => {
    using checkpoint = openCheckpoint(dir);
    assertEquals(checkpoint.config.eosTokenIds, [3, 4]);
    assertEquals(checkpoint.generation.eosTokenIds, [3, 4]);
    assertEquals(checkpoint.tensors.names(), ["w"]);
    assert(checkpoint.quantization?.method === "gptq");
    assertEquals(checkpoint.quantization.config.groupSize, 32);
    assertEquals(checkpoint.rawConfig.vocab_size, 16);
  });
});

const MODEL: Record<string, string[]> = { "model.safetensors": ["model.norm.weight"] };
const SHARDS = { "a.safetensors": ["x", "y"], "b.safetensors": ["z"] };
const INDEX = "model.safetensors.index.json";

Deno.test("checkpoint: shards", () => {
  const map = { x: "a.safetensors", y: "a.safetensors", z: "b.safetensors" };
  withDir({ "config.json": CONFIG, [INDEX]: { weight_map: map } }, SHARDS, (dir) => {
    using checkpoint = openCheckpoint(dir);
    assertEquals(checkpoint.tensors.names(), ["x", "y", "z"]);
    assertEquals([...checkpoint.tensors.read("y")], [1]);
    assertEquals(checkpoint.tensors.info("z").file, `${dir}/b.safetensors`);
    assertEquals(checkpoint.tensors.find("q"), undefined);
    assertThrows(() => checkpoint.tensors.read("q"), CheckpointError, `tensor "q"`);
  });
});

Deno.test("checkpoint: shards in folders, and an index that says too much or too little", () => {
  // As transformers, which reads every tensor of every shard that an index names.
  const map = {
    z: "parts/b.safetensors",
    x: "parts/a.safetensors",
    gone: "parts/a.safetensors",
  };
  withDir({ [INDEX]: { weight_map: map } }, {}, (dir) => {
    Deno.mkdirSync(`${dir}/parts`);
    withDir({}, SHARDS, (shards) => {
      for (const name of Object.keys(SHARDS)) {
        Deno.renameSync(`${shards}/${name}`, `${dir}/parts/${name}`);
      }
    });
    using source = openIndexed(dir, INDEX);
    assertEquals(source.names(), ["z", "x", "y"]);
    assertEquals([...source.read("y")], [1]);
    assertEquals(source.find("gone"), undefined);
    const message = `tensor "gone": shard parts/a.safetensors does not hold it`;
    assertThrows(() => source.info("gone"), CheckpointError, message);
  });
});

const BAD_INDEX: [unknown, string][] = [
  [{}, `key "weight_map" is missing`],
  [{ weight_map: [] }, `key "weight_map" is []`],
  [{ weight_map: { x: "gone.safetensors" } }, `tensor "x": shard gone.safetensors is unusable`],
  ...["../a", "/etc/a", "a/../b", "./a", "a//b", "a\\b"].map((path): [unknown, string] => {
    const name = `${path}.safetensors`;
    return [{ weight_map: { x: name } }, `its shard is ${JSON.stringify(name)}`];
  }),
  [{ weight_map: { x: "a/...safetensors/b.bin" } }, "shard a/...safetensors/b.bin is unusable"],
  [{ weight_map: { x: 3 } }, "its shard is 3"],
];
for (const [index, message] of BAD_INDEX) {
  Deno.test(`index: refuses ${JSON.stringify(index)}`, () => {
    withDir({ [INDEX]: index }, SHARDS, (dir) => {
      const error = assertThrows(() => openIndexed(dir, INDEX), CheckpointError, message);
      assertEquals(error.file, `${dir}/${INDEX}`);
    });
  });
}

Deno.test("checkpoint: what is missing or wrong is named", () => {
  assertThrows(() => openCheckpoint("no/such/dir"), CheckpointError, "does not exist");
  const refused = (
    files: Record<string, unknown>,
    tensors: string[] | undefined,
    message: string,
    code = "checkpoint",
  ) =>
    withDir(files, tensors ? { "model.safetensors": tensors } : {}, (dir) => {
      const error = assertThrows(() => openCheckpoint(dir), SpecMQuantError, message);
      assertEquals(error.code, code);
    });
  refused({}, ["w"], "config.json: it does not exist");
  refused({ "config.json": [] }, ["w"], "expected an object");
  refused({ "config.json": CONFIG }, undefined, "it holds no weights");
  refused({ "config.json": { ...CONFIG, eos_token_id: 16 } }, ["w"], "eos_token_id holds 16");
  const unsupported = "unsupported_model";
  const exl2 = { ...CONFIG, quantization_config: { quant_method: "exl2" } };
  refused({ "config.json": exl2 }, ["w"], `quantization method "exl2"`, unsupported);
  const gemv = { w_bit: 4, q_group_size: 128, version: "GEMV" };
  refused({ "config.json": CONFIG, "quant_config.json": gemv }, ["w"], `"gemv"`, unsupported);
  refused({ "config.json": CONFIG, "quant_config.json": {} }, ["w"], `key "bits" is missing`);
});

const POINTER = "version https://git-lfs.github.com/spec/v1\n" +
  `oid sha256:${"4d7a214614ab2935".repeat(4)}\nsize 4976698672\n`;

Deno.test("checkpoint: a Git LFS pointer is called one, whatever file it stands for", () => {
  const whole = { "config.json": CONFIG, "generation_config.json": {}, [INDEX]: null };
  for (
    const name of [
      "model.safetensors",
      "pytorch_model.bin",
      "quant_model.pt",
      INDEX,
      "shard-1.safetensors",
      "config.json",
      "generation_config.json",
    ]
  ) {
    const files: Record<string, unknown> = { ...whole };
    delete files[INDEX];
    if (name.startsWith("shard")) files[INDEX] = { weight_map: { w: name } };
    withDir(files, name.endsWith("config.json") ? MODEL : {}, (dir) => {
      Deno.writeTextFileSync(`${dir}/${name}`, POINTER);
      const message = `${dir}/${name}: it is a Git LFS pointer`;
      assertThrows(() => openCheckpoint(dir), CheckpointError, message);
    });
  }
});

Deno.test("checkpoint: what looks like the name of a model on the Hub is taken for one", () => {
  for (const open of [openCheckpoint, openHead]) {
    const { message } = assertThrows(() => open("meta-llama/Llama-3.1-8B"), CheckpointError);
    assertStringIncludes(
      message,
      "it does not exist; it looks like the name of a model on Hugging",
    );
    assertStringIncludes(message, '"hf download meta-llama/Llama-3.1-8B --local-dir DIR"');
    for (const path of ["src/checkpoints", "./a/b", "a/b/c", "llama", "/no/where"]) {
      const error = assertThrows(() => open(path), CheckpointError, `${path}: it does not exist`);
      assert(!error.message.includes("Hugging"), error.message);
    }
  }
});

Deno.test("checkpoint: files of other formats are named", () => {
  for (
    const [file, what] of [
      ["llama-3-8b.Q4_K_M.gguf", "GGUF"],
      ["model.onnx", "ONNX"],
      ["adapter_model.safetensors", "LoRA"],
      ["consolidated.00.pth", "publisher's own layout"],
    ]
  ) {
    for (const config of [{}, { "config.json": CONFIG }]) {
      withDir({ ...config, [file]: 0 }, {}, (dir) => {
        const error = assertThrows(() => openCheckpoint(dir), UnsupportedModelError, what);
        assertStringIncludes(error.feature, file);
      });
    }
  }
  const modelopt = { producer: { name: "modelopt" }, quantization: { quant_algo: "FP8" } };
  withDir({ "config.json": CONFIG, "hf_quant_config.json": modelopt }, MODEL, (dir) => {
    assertThrows(() => openCheckpoint(dir), UnsupportedModelError, "NVIDIA ModelOpt (FP8)");
  });
});

Deno.test("checkpoint: compression_config is the older name of quantization_config", () => {
  const weights = { num_bits: 8, strategy: "channel" };
  const input_activations = { num_bits: 8, dynamic: true, strategy: "token" };
  const group = { targets: ["Linear"], weights, input_activations };
  const described = (more: object) => ({
    "config.json": { ...CONFIG, compression_config: { format: "int-quantized", ...more } },
  });
  withDir(described({ config_groups: { group_0: group } }), MODEL, (dir) => {
    using checkpoint = openCheckpoint(dir);
    assertEquals(checkpoint.quantization?.method, "compressed-tensors");
  });
  const sparse = described({ sparsity_config: { format: "sparse-bitmask" } });
  withDir(sparse, MODEL, (dir) => {
    assertThrows(() => openCheckpoint(dir), UnsupportedModelError, 'format "sparse-bitmask"');
  });
  withDir(described({}), MODEL, (dir) => {
    assertThrows(() => openCheckpoint(dir), UnsupportedModelError, 'without "config_groups"');
  });
});

Deno.test("checkpoint: a head is no model, and a model is no head", () => {
  const heads = [["fc.weight"], ["model.fc.weight", "model.layers.0.mlp.up_proj.weight"], ["d2t"]];
  for (const names of [...heads, ["midlayer.hidden_norm.weight"]]) {
    // Whatever its configuration calls it.
    for (const architectures of [["LlamaForCausalLM"], ["LlamaForCausalLMEagle3"]]) {
      const files = { "config.json": { ...CONFIG, architectures } };
      withDir(files, { "model.safetensors": names }, (dir) => {
        const message = `it holds a draft head (tensor "${names[0]}"), expected a complete model`;
        assertThrows(() => openCheckpoint(dir), CheckpointError, message);
      });
    }
  }
  const layers = { "config.json": { ...CONFIG, num_hidden_layers: 32 } };
  withDir(layers, { "model.safetensors": ["model.norm.weight"] }, (dir) => {
    const message = `it holds a complete model (tensor "model.norm.weight"), expected a draft head`;
    assertThrows(() => openHead(dir), CheckpointError, message);
  });
});

/** The warnings that `work` gives. */
function warnings(work: () => void): string[] {
  const heard: string[] = [];
  onWarning((message) => heard.push(message));
  try {
    work();
  } finally {
    onWarning();
  }
  return heard;
}

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
    "generation_config.json": { repetition_penalty: 1.05, temperature: 0.7 },
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
        ["generation", "repetition_penalty", true],
      ]);
    })
  );
  assertEquals(heard, [
    `${dir}: what it says may not be what it should, as these keys are not used: ` +
    `"sliding_window" (config.json), "some_gate" (config.json), "rope_scaling.ramp" (config.json), ` +
    `"twist" (quantize_config.json), "repetition_penalty" (generation_config.json)`,
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

Deno.test("head: fc, its bias, and other kinds", () => {
  const open = (config: object, tensors: string[]) => {
    withDir({ "config.json": config }, { "model.safetensors": tensors }, (dir) => {
      using head = openHead(dir);
      assertEquals(head.tensors.find("fc.weight")?.bytes, 1);
    });
  };
  open(CONFIG, ["fc.weight", "fc.bias"]);
  open({ ...CONFIG, bias: false }, ["fc.weight"]);
  open(CONFIG, ["fc.weight"]);
  open({ ...CONFIG, bias: false }, ["fc.weight", "fc.bias"]);
  open({ ...CONFIG, architectures: ["EagleLlamaForCausalLM"] }, ["model.fc.weight"]);
  const says = { ...CONFIG, bias: true };
  assertThrows(() => open(says, ["fc.weight"]), CheckpointError, `"fc.bias": it is missing`);
  assertThrows(() => open(CONFIG, ["w"]), CheckpointError, `"fc.weight"`);
  assertThrows(() => open(CONFIG, ["fc.weight", "d2t"]), UnsupportedModelError, "EAGLE-3");
});
