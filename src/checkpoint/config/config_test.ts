import { assertEquals, assertThrows } from "@std/assert";
import { CheckpointError, UnsupportedModelError } from "../../base/errors.ts";
import { parseModelConfig } from "./config.ts";
import { parseGenerationConfig } from "./generation_config.ts";
import { headFields, readHeadConfig } from "./eagle2_head.ts";
import { Fields } from "../containers/json.ts";
import { sourceOf, type TensorSource } from "../containers/source.ts";
import { ropeConflict } from "./rope_config.ts";

const LLAMA = {
  architectures: ["LlamaForCausalLM"],
  model_type: "llama",
  vocab_size: 320,
  hidden_size: 64,
  intermediate_size: 160,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  rms_norm_eps: 1e-5,
  max_position_embeddings: 256,
  hidden_act: "silu",
};
const family = (name: string, more: object = {}) => ({
  ...LLAMA,
  architectures: [`${name}ForCausalLM`],
  model_type: name.toLowerCase(),
  ...more,
});
const parse = (json: unknown) => parseModelConfig("d/config.json", json);

Deno.test("config: a plain Llama with the defaults of its class", () => {
  assertEquals(parse(LLAMA), {
    architecture: "llama",
    vocabSize: 320,
    hiddenSize: 64,
    intermediateSize: 160,
    layers: 2,
    heads: 4,
    kvHeads: 4,
    headDim: 16,
    rmsNormEps: 1e-5,
    ropeTheta: 10000,
    maxPositions: 256,
    tiedEmbeddings: false,
    qkvBias: false,
    outputBias: false,
    mlpBias: false,
    qkNorm: false,
    slidingWindow: undefined,
    torchDtype: undefined,
    bosTokenId: undefined,
    eosTokenIds: [],
    padTokenId: undefined,
  });
});

Deno.test("config: options and families", () => {
  const config = parse({
    ...LLAMA,
    num_key_value_heads: 2,
    head_dim: 32,
    attention_bias: true,
    mlp_bias: true,
    tie_word_embeddings: true,
    bos_token_id: 1,
    eos_token_id: [2, 3],
    pad_token_id: -1,
    dtype: "bfloat16",
  });
  assertEquals([config.kvHeads, config.headDim], [2, 32]);
  assertEquals([config.qkvBias, config.outputBias, config.mlpBias], [true, true, true]);
  assertEquals([config.bosTokenId, config.eosTokenIds, config.padTokenId], [1, [2, 3], undefined]);
  assertEquals([config.tiedEmbeddings, config.torchDtype], [true, "bfloat16"]);
  const qwen2 = parse(family("Qwen2"));
  assertEquals([qwen2.qkvBias, qwen2.outputBias, qwen2.qkNorm], [true, false, false]);
  const qwen3 = parse(family("Qwen3"));
  assertEquals([qwen3.qkvBias, qwen3.qkNorm, qwen3.headDim], [false, true, 128]);
  assertEquals(parse(family("Qwen3", { head_dim: 16 })).headDim, 16);
});

Deno.test("config: sliding windows", () => {
  const window = (json: object) => parse(json).slidingWindow;
  assertEquals(window(family("Mistral", { sliding_window: 32 })), 32);
  assertEquals(window(family("Mistral", { sliding_window: null })), undefined);
  assertEquals(window(family("Mistral", { sliding_window: 256 })), undefined); // the whole context
  assertEquals(window(family("Mistral", { max_position_embeddings: 8192 })), 4096);
  assertEquals(window(family("Qwen2", { sliding_window: 32 })), undefined);
  const used = { sliding_window: 32, use_sliding_window: true };
  assertEquals(window(family("Qwen2", { ...used, max_window_layers: 2 })), undefined);
  assertEquals(window(family("Qwen2", { ...used, max_window_layers: 0 })), 32);
  assertEquals(window(family("Qwen2", used)), undefined);
  const types = (...words: string[]) => ({
    ...used,
    layer_types: words.map((w) => `${w}_attention`),
  });
  assertEquals(window(family("Qwen3", types("sliding", "sliding"))), 32);
  assertEquals(window(family("Qwen3", types("full", "full"))), undefined);
  const mixed = { ...used, max_window_layers: 1 };
  for (const json of [family("Qwen2", mixed), family("Qwen3", types("full", "sliding"))]) {
    assertThrows(() => parse(json), UnsupportedModelError, "sliding_window in 1 of 2 layers");
  }
  assertThrows(
    () => parse(family("Qwen3", types("full", "linear"))),
    UnsupportedModelError,
    "linear",
  );
});

Deno.test("config: rope, old keys and new ones", () => {
  const rope = (more: object) => {
    const { ropeTheta, ropeScaling } = parse({ ...LLAMA, ...more });
    return [ropeTheta, ropeScaling];
  };
  const llama3 = {
    factor: 8,
    low_freq_factor: 1,
    high_freq_factor: 4,
    original_max_position_embeddings: 64,
  };
  const expected = {
    type: "llama3" as const,
    factor: 8,
    lowFreqFactor: 1,
    highFreqFactor: 4,
    originalMaxPositions: 64,
  };
  assertEquals(rope({ rope_theta: 5e5, rope_scaling: { rope_type: "llama3", ...llama3 } }), [
    5e5,
    expected,
  ]);
  assertEquals(rope({ rope_parameters: { rope_theta: 5e5, rope_type: "llama3", ...llama3 } }), [
    5e5,
    expected,
  ]);
  assertEquals(rope({ rope_scaling: { type: "linear", factor: 2 } }), [1e4, {
    type: "linear",
    factor: 2,
  }]);
  assertEquals(rope({ rope_scaling: { type: "dynamic", factor: 2 } })[1], {
    type: "dynamic",
    factor: 2,
    originalMaxPositions: 256,
  });
  assertEquals(rope({ rope_parameters: { rope_type: "default", rope_theta: 7 } }), [7, undefined]);
  assertEquals(
    rope({ rope_scaling: { type: "yarn", factor: 4, original_max_position_embeddings: 64 } })[1],
    {
      type: "yarn",
      factor: 4,
      originalMaxPositions: 64,
      attentionFactor: undefined,
      betaFast: 32,
      betaSlow: 1,
      mscale: undefined,
      mscaleAllDim: undefined,
      truncate: true,
    },
  );
});

Deno.test("config: a user's rope_scaling beside rope_parameters counts, and which is said", () => {
  // LlamaConfig of transformers 5.24 gives the same scalings; of the base it says 10000 where only rope_parameters has
  // one, and the one of rope_parameters is what the weights were trained with.
  const yarn = { rope_type: "yarn", factor: 4, original_max_position_embeddings: 64 };
  const plain = { rope_type: "default", rope_theta: 5e5 };
  const both = (more: object) => {
    const json = { ...LLAMA, rope_parameters: plain, ...more };
    const { ropeTheta, ropeScaling } = parse(json);
    return [ropeTheta, ropeScaling?.type, ropeConflict(new Fields("d/config.json", json))];
  };
  const says = "d/config.json has both rope_parameters and rope_scaling: rope_scaling is used";
  assertEquals(both({ rope_scaling: yarn }), [
    5e5,
    "yarn",
    `${says}, with the rope_theta 500000 of rope_parameters`,
  ]);
  assertEquals(both({ rope_scaling: yarn, rope_theta: 1e6 }), [1e6, "yarn", says]);
  assertEquals(both({ rope_scaling: { ...yarn, rope_theta: 7 } }), [7, "yarn", says]);
  assertEquals(both({ rope_scaling: { type: "default" }, rope_parameters: yarn })[1], undefined);
  assertEquals(both({ rope_scaling: {} }), [5e5, undefined, undefined]);
  assertEquals(both({ rope_scaling: null }), [5e5, undefined, undefined]);
  assertEquals(both({ rope_scaling: plain }), [5e5, undefined, undefined]);
});

Deno.test("config: YaRN beside an unchanged max_position_embeddings reaches further", () => {
  const longest = (key: string, max: number, scaling: object) =>
    parse({ ...LLAMA, max_position_embeddings: max, [key]: scaling }).maxPositions;
  // As the cards of Qwen2.5 and Qwen3 say: 131,072 from 32,768, whatever the key says that they leave alone.
  const yarn = { rope_type: "yarn", factor: 4, original_max_position_embeddings: 32768 };
  assertEquals(longest("rope_scaling", 32768, yarn), 131072);
  assertEquals(longest("rope_scaling", 40960, yarn), 131072);
  assertEquals(longest("rope_parameters", 262144, yarn), 262144);
  assertEquals(longest("rope_scaling", 32768, { type: "yarn", factor: 2 }), 65536);
  assertEquals(longest("rope_scaling", 32768, { type: "linear", factor: 2 }), 32768);
});

const BAD: [object, string][] = [
  [{ hidden_size: undefined }, `key "hidden_size" is missing, expected an integer of at least 1`],
  [{ hidden_size: "64" }, `key "hidden_size" is "64"`],
  [{ hidden_size: 64.5 }, `key "hidden_size" is 64.5`],
  [{ vocab_size: 0 }, `key "vocab_size" is 0`],
  [{ vocab_size: null }, `key "vocab_size" is null`],
  [{ num_attention_heads: 5 }, `key "num_attention_heads" is 5, expected a divisor of 64`],
  [{ num_key_value_heads: 3 }, `key "num_key_value_heads" is 3, expected a divisor of 4`],
  [{ head_dim: 15 }, `key "head_dim" is 15, expected an even number`],
  [{ rms_norm_eps: -1 }, `key "rms_norm_eps" is -1, expected a number above 0`],
  [{ tie_word_embeddings: 1 }, `key "tie_word_embeddings" is 1, expected true or false`],
  [{ eos_token_id: "x" }, `key "eos_token_id" is "x"`],
  [{ eos_token_id: [1, 2.5] }, `key "eos_token_id" is [1,2.5]`],
  [{ rope_scaling: 3 }, `key "rope_scaling" is 3, expected an object`],
  [{ rope_scaling: { type: "linear" } }, `key "rope_scaling.factor" is missing`],
  [{ architectures: [] }, `key "architectures" is []`],
  [{ model_type: "qwen2" }, `key "model_type" is "qwen2", expected "llama"`],
];
for (const [change, message] of BAD) {
  Deno.test(`config: refuses ${JSON.stringify(change)}`, () => {
    const json = JSON.parse(JSON.stringify({ ...LLAMA, ...change }));
    const error = assertThrows(() => parse(json), CheckpointError, message);
    assertEquals(error.file, "d/config.json");
  });
}

const UNSUPPORTED: [object, string][] = [
  [{ architectures: ["GemmaForCausalLM"], model_type: "gemma" }, "architecture GemmaForCausalLM"],
  [{ architectures: undefined, model_type: "phi3" }, `model_type "phi3"`],
  [{ hidden_act: "gelu" }, `hidden_act "gelu"`],
  [{ num_local_experts: 8 }, "mixture of experts"],
  [{ partial_rotary_factor: 0.5 }, "partial_rotary_factor 0.5"],
  [{ rope_scaling: { type: "longrope", factor: 2 } }, `rope type "longrope"`],
  [{ rope_parameters: { full_attention: {} } }, "rope_parameters by layer type"],
  [family("Mistral", { attention_bias: true }), "attention_bias of mistral"],
  // Other functions under one of our names: transformers' classes take no notice of these keys.
  [{ final_logit_softcapping: 30 }, "final_logit_softcapping 30"],
  [{ attention_multiplier: 0.0078125 }, "attention_multiplier 0.0078125"],
  [{ residual_multiplier: 0.22 }, "residual_multiplier 0.22"],
  [{ logit_scale: 0.0625 }, "logit_scale 0.0625"],
  [{ scale_depth: 1.4 }, "scale_depth 1.4"],
  [{ use_qk_norm: true }, "use_qk_norm true"],
  [{ clip_qkv: 8 }, "clip_qkv 8"],
  [{ no_rope_layers: [1, 1, 1, 0] }, "no_rope_layers [1,1,1,0]"],
  [{ hidden_activation: "gelu_pytorch_tanh" }, 'hidden_activation "gelu_pytorch_tanh"'],
  [{ is_causal: false }, "is_causal false"],
];
for (const [change, feature] of UNSUPPORTED) {
  Deno.test(`config: does not support ${feature}`, () => {
    const json = JSON.parse(JSON.stringify({ ...LLAMA, ...change }));
    assertThrows(() => parse(json), UnsupportedModelError, feature);
  });
}

Deno.test("config: the same keys where they change nothing", () => {
  const neutral = {
    final_logit_softcapping: null,
    residual_multiplier: 1,
    logit_scale: 1,
    use_qk_norm: false,
    clip_qkv: null,
    no_rope_layers: [],
    hidden_activation: "silu",
    hidden_act: "swish", // another word for silu
    is_causal: true,
  };
  assertEquals(parse({ ...LLAMA, ...neutral }), parse(LLAMA));
  assertEquals(parse(family("Qwen3", { use_qk_norm: true })).qkNorm, true);
});

Deno.test("config: generation_config.json is preferred", () => {
  const model = parse({ ...LLAMA, eos_token_id: 2, bos_token_id: 1 });
  const generation = parseGenerationConfig("g", { eos_token_id: [5, 6], temperature: 0.5 }, model);
  assertEquals([generation.eosTokenIds, generation.bosTokenId], [[5, 6], 1]);
  assertEquals(generation.temperature, 0.5);
  assertEquals(parseGenerationConfig("g", {}, model).eosTokenIds, [2]);
  assertThrows(() => parseGenerationConfig("g", { top_p: "x" }, model), CheckpointError, "top_p");
});

/** A source of tensors of these names, empty but for the rows of an embedding. */
function withTensors(names: readonly string[], rows = 0): TensorSource {
  const find = (name: string) =>
    names.includes(name)
      ? { name, dtype: "f16", shape: [rows, 1], bytes: 0, file: "h" } as const
      : undefined;
  return sourceOf({ file: "h", names: () => [...names], find, fill: () => {}, close: () => {} });
}

Deno.test("head config: EAGLE-2, and what is not", () => {
  const head = { ...LLAMA, num_hidden_layers: 1 };
  const read = (json: object, tensors: string[] = [], rows?: number) => {
    const source = withTensors(tensors, rows);
    return readHeadConfig(headFields("h/config.json", json, source), source);
  };
  const parseHead = (more: object, tensors?: string[]) => read({ ...head, ...more }, tensors);
  assertEquals(parseHead({}).model.layers, 1);
  const qwen = family("Qwen2", { num_hidden_layers: 1 });
  assertEquals(parseHead(qwen).model.architecture, "qwen2");

  // Which biases and norms there are, tensors say, whatever the family has and the configuration leaves out.
  assertEquals([parseHead({}).fcBias, parseHead({ bias: false }).fcBias], [false, false]);
  assertEquals(parseHead({}, ["fc.bias"]).fcBias, true);
  assertEquals(parseHead(qwen).model.qkvBias, false);
  assertEquals(parseHead(qwen, ["layers.0.self_attn.q_proj.bias"]).model.qkvBias, true);
  assertEquals(parseHead({ ...head, attention_bias: true }).model.outputBias, false);
  assertEquals(parseHead(family("Qwen3", { num_hidden_layers: 1 })).model.qkNorm, false);
  assertThrows(() => parseHead({ bias: true }), CheckpointError, '"fc.bias": it is missing');
  for (
    const [more, feature] of [
      [{ draft_vocab_size: 32 }, "EAGLE-3"],
      [{ architectures: ["LlamaForCausalLMEagle3"] }, "EAGLE-3"],
      [{ architectures: ["Eagle3LlamaForCausalLM"] }, "EAGLE-3"],
      [{ speculators_model_type: "eagle3" }, "speculators"],
      [{ dflash_config: {} }, "DFlash"],
      [{ truncated_vocab_size: 32 }, "trimmed vocabulary"],
      [{ num_hidden_layers: 2 }, "2 layers"],
    ] as const
  ) {
    assertThrows(() => parseHead(more), UnsupportedModelError, feature);
  }
});

Deno.test("head config: the same head by the names that trainers and engines give it", () => {
  const { architectures: _, model_type: __, vocab_size: ___, ...rest } = LLAMA;
  const own = { ...rest, num_hidden_layers: 1 };
  const read = (json: object) => {
    const source = withTensors(["embed_tokens.weight", "fc.weight"], 320);
    return readHeadConfig(headFields("h/config.json", json, source), source).model;
  };
  const plain = read({ ...own, architectures: ["LlamaForCausalLM"], model_type: "llama" });
  assertEquals([plain.architecture, plain.vocabSize], ["llama", 320]);
  for (
    const named of [
      { architectures: ["LlamaForCausalLMEagle"] }, // SGLang
      { architectures: ["EagleLlamaForCausalLM"], model_type: "eagle" }, // vLLM
      { architectures: ["EAGLEModel"], model_type: "eagle" }, // vLLM before
      { architectures: ["EagleModel"], model_type: "llama" },
      { architectures: ["EagleModel"] },
      { model_type: "eagle" },
      { vocab_size: 99 }, // the embedding that is there counts
      {},
    ]
  ) {
    assertEquals(read({ ...own, ...named }), plain, JSON.stringify(named));
  }
  // vLLM may keep what it knows of the model under a key of its own.
  const nested = {
    model: { ...own, model_type: "llama" },
    model_type: "eagle",
    truncated_vocab_size: 320,
  };
  assertEquals(read({ ...nested, architectures: ["EagleLlamaForCausalLM"] }), plain);
  const qwen = { ...own, architectures: ["Qwen2ForCausalLMEagle"], model_type: "qwen2" };
  assertEquals(read(qwen).architecture, "qwen2");
  const other = { ...own, architectures: ["EagleMiniCPMForCausalLM"] };
  assertThrows(() => read(other), UnsupportedModelError, "architecture MiniCPMForCausalLM");
});
