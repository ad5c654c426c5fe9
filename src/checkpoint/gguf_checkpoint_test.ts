import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { CheckpointError, SpecMQuantError, UnsupportedModelError } from "../base/errors.ts";
import {
  ggufBytes,
  llamaMetadata,
  llamaTensors,
  type Tensor,
  type Value,
  withFiles,
} from "../../tests/gguf/gguf_writer.ts";
import { type Checkpoint, openCheckpoint } from "./checkpoint.ts";
import { warnings, withDir } from "./fixtures_test.ts";
import { openHead } from "./head.ts";

type Keys = Readonly<Record<string, Value | undefined>>;
type Changes = Readonly<Record<string, Partial<Tensor> | undefined>>;

const made = (keys: Keys = {}, tensors: Changes = {}) =>
  ggufBytes({ metadata: llamaMetadata(keys), tensors: llamaTensors(tensors) });

/** Opens a tiny llama with other keys and tensors. */
function opened<T>(keys: Keys, tensors: Changes, use: (checkpoint: Checkpoint) => T): T {
  let result!: T;
  withFiles({ "m.gguf": made(keys, tensors) }, (dir) => {
    using checkpoint = openCheckpoint(`${dir}/m.gguf`);
    result = use(checkpoint);
  });
  return result;
}

const configOf = (keys: Keys, tensors: Changes = {}) =>
  opened(keys, tensors, ({ config }) => config);

Deno.test("gguf checkpoint: what metadata leaves out", () => {
  const config = configOf({ "llama.attention.head_count_kv": undefined }, {
    "blk.0.attn_k.weight": { sizes: [32, 32], bytes: 4096 },
  });
  assertEquals([config.kvHeads, config.headDim, config.ropeTheta], [2, 16, 10000]);
  assertEquals([config.vocabSize, config.tiedEmbeddings, config.ropeScaling], [8, true, undefined]);
  assertEquals([config.bosTokenId, config.padTokenId, config.eosTokenIds], [undefined, undefined, [
    2,
  ]]);
});

const tokens = (
  ...names: string[]
): Value => ["list", names.map((name): Value => ["string", name])];
const types = (...ids: number[]): Value => ["list", ids.map((id): Value => ["i32", id])];

Deno.test("gguf checkpoint: what ends a text", () => {
  const ends = (keys: Keys) => configOf(keys).eosTokenIds;
  const named = {
    "tokenizer.ggml.eot_token_id": ["u32", 5],
    "tokenizer.ggml.eom_token_id": ["u32", 6],
  } as const;
  assertEquals(ends(named), [2, 5, 6]);
  assertEquals(ends({ ...named, "tokenizer.ggml.eos_token_id": ["u32", 5] }), [5, 6]);
  assertEquals(ends({ "tokenizer.ggml.eos_token_id": undefined }), []);
  assertEquals(ends({ "tokenizer.ggml.eos_token_id": ["u32", 2 ** 32 - 1] }), []);
  const vocabulary = {
    "tokenizer.ggml.tokens": tokens("a", "b", "<|end_of_text|>", "<|eot_id|>", "<|im_end|>"),
    "tokenizer.ggml.token_type": types(1, 1, 3, 3, 1),
  };
  // By its text only a control token; not the end of a document, which a chat may go on behind.
  assertEquals(ends(vocabulary), [2, 3]);
});

Deno.test("gguf checkpoint: how it asks to be sampled", () => {
  const generation = opened(
    {
      "general.sampling.temp": ["f32", 0.5],
      "general.sampling.top_k": ["i32", 20],
      "general.sampling.top_p": ["f32", 0.75],
      "general.sampling.min_p": ["f32", 0.25],
      "general.sampling.penalty_repeat": ["f32", 1.5],
    },
    {},
    ({ generation }) => generation,
  );
  const { doSample, temperature, topK, topP, minP, repetitionPenalty, others } = generation;
  assertEquals([doSample, temperature, topK, topP, minP], [true, 0.5, 20, 0.75, 0.25]);
  assertEquals([repetitionPenalty, others], [1.5, []]);
  const othersOf = (keys: Keys) =>
    opened(keys, {}, ({ generation }) => generation.others.map(({ key, found }) => [key, found]));
  assertEquals(othersOf({ "general.sampling.penalty_last_n": ["i32", 64] }), []);
  assertEquals(
    othersOf({
      "general.sampling.penalty_repeat": ["f32", 1.5],
      "general.sampling.penalty_last_n": ["i32", 64],
      "general.sampling.xtc_probability": ["f32", 0.5],
      "general.sampling.mirostat": ["i32", 0],
      "general.sampling.sequence": ["string", "top_k;temp"],
    }),
    [
      ["general.sampling.sequence", '"top_k;temp"'],
      ["general.sampling.xtc_probability", "0.5"],
      ["general.sampling.penalty_last_n", "64"],
    ],
  );
});

const SCALINGS: [keys: Record<string, Value>, unknown][] = [
  [{ type: ["string", "none"], factor: ["f32", 4] }, undefined],
  [{ type: ["string", "linear"], factor: ["f32", 4] }, { type: "linear", factor: 4 }],
  [{ factor: ["f32", 4] }, { type: "linear", factor: 4 }],
  [{ factor: ["f32", 0] }, undefined],
  [{ factor: ["f32", 1] }, undefined],
  [
    { type: ["string", "yarn"], factor: ["f32", 4], original_context_length: ["u32", 32] },
    {
      type: "yarn",
      factor: 4,
      originalMaxPositions: 32,
      betaFast: 32,
      betaSlow: 1,
      truncate: true,
    },
  ],
  [
    {
      type: ["string", "yarn"],
      factor: ["f32", 4],
      attn_factor: ["f32", 0.5],
      yarn_beta_fast: ["f32", 16],
      yarn_beta_slow: ["f32", 2],
      yarn_ext_factor: ["f32", 1],
    },
    {
      type: "yarn",
      factor: 4,
      originalMaxPositions: 64,
      attentionFactor: 0.5 * (1 + 0.1 * Math.log(4)),
      betaFast: 16,
      betaSlow: 2,
      truncate: true,
    },
  ],
];

Deno.test("gguf checkpoint: how rotary frequencies are stretched", () => {
  for (const [keys, expected] of SCALINGS) {
    const named = Object.entries(keys).map(([key, value]) => [`llama.rope.scaling.${key}`, value]);
    assertEquals(configOf(Object.fromEntries(named)).ropeScaling, expected);
  }
  const old = configOf({ "llama.rope.scale_linear": ["f32", 2] });
  assertEquals(old.ropeScaling, { type: "linear", factor: 2 });
  const longer = configOf({
    "llama.rope.scaling.type": ["string", "yarn"],
    "llama.rope.scaling.factor": ["f32", 4],
  });
  assertEquals(longer.maxPositions, 256);
});

Deno.test("gguf checkpoint: windows", () => {
  const window = (size: number, pattern?: Value) =>
    configOf({
      "llama.attention.sliding_window": ["u32", size],
      "llama.attention.sliding_window_pattern": pattern,
    }).slidingWindow;
  assertEquals([0, 16, 63, 64, 100].map((size) => window(size)), [
    undefined,
    16,
    63,
    undefined,
    undefined,
  ]);
  const flags = (...all: boolean[]): Value => ["list", all.map((one): Value => ["bool", one])];
  assertEquals(window(16, flags(true, true)), 16);
  assertThrows(
    () => window(16, flags(true, false)),
    UnsupportedModelError,
    "a window in some layers",
  );
  assertThrows(() => window(16, ["u32", 4]), UnsupportedModelError, "a window in some layers");
});

Deno.test("gguf checkpoint: biases of a llama are known by their tensors", () => {
  const bias = (name: string, size: number) => ({
    [`blk.0.${name}.bias`]: { sizes: [size], bytes: 4 * size },
  });
  const config = configOf({}, {
    ...bias("attn_q", 32),
    ...bias("attn_k", 16),
    ...bias("attn_v", 16),
  });
  assertEquals([config.qkvBias, config.outputBias, config.mlpBias], [true, false, false]);
});

const REFUSED: [what: string, Keys, Changes, message: string][] = [
  [
    "another architecture",
    { "general.architecture": ["string", "gemma3"] },
    {},
    `architecture "gemma3"`,
  ],
  [
    "an architecture that is no text",
    { "general.architecture": ["u32", 1] },
    {},
    "is 1, expected a string",
  ],
  [
    "no architecture",
    { "general.architecture": undefined },
    {},
    `"general.architecture" is missing`,
  ],
  [
    "an architecture before its keys",
    { "general.architecture": ["string", "qwen2"] },
    {},
    `"qwen2.embedding_length" is missing`,
  ],
  ["a LoRA adapter", { "general.type": ["string", "adapter"] }, {}, "a LoRA adapter"],
  ["an older LoRA adapter", { "adapter.type": ["string", "lora"] }, {}, "a LoRA adapter"],
  ["a projector", { "general.type": ["string", "mmproj"] }, {}, "a projector of images"],
  [
    "an older projector",
    { "general.architecture": ["string", "clip"] },
    {},
    "a projector of images",
  ],
  ["an importance matrix", { "general.type": ["string", "imatrix"] }, {}, "an importance matrix"],
  ["another kind of file", { "general.type": ["string", "song"] }, {}, `"general.type" is "song"`],
  [
    "experts",
    { "llama.expert_count": ["u32", 8] },
    {},
    "mixture of experts (llama.expert_count 8)",
  ],
  [
    "a rope that is not known",
    { "llama.rope.scaling.type": ["string", "longrope"] },
    {},
    `rope scaling type "longrope"`,
  ],
  [
    "part of a head turned",
    { "llama.rope.dimension_count": ["u32", 8] },
    {},
    "llama.rope.dimension_count 8",
  ],
  [
    "values of another width",
    { "llama.attention.value_length": ["u32", 32] },
    {},
    "llama.attention.value_length 32",
  ],
  ["an odd head", { "llama.attention.key_length": ["u32", 15] }, {}, "expected an even number"],
  [
    "heads by layer",
    { "llama.attention.head_count": ["list", [["u32", 2]]] },
    {},
    "is a list of 1, expected an integer",
  ],
  [
    "kv heads that do not divide",
    { "llama.attention.head_count_kv": ["u32", 3] },
    {},
    "expected a divisor of 2",
  ],
  [
    "a head of no whole width",
    { "llama.attention.head_count": ["u32", 3], "llama.attention.head_count_kv": ["u32", 1] },
    {},
    "expected a divisor of 32",
  ],
  [
    "YaRN that does not extrapolate",
    {
      "llama.rope.scaling.type": ["string", "yarn"],
      "llama.rope.scaling.yarn_ext_factor": ["f32", 0],
    },
    {},
    "yarn_ext_factor 0",
  ],
  [
    "YaRN with a multiplier",
    {
      "llama.rope.scaling.type": ["string", "yarn"],
      "llama.rope.scaling.yarn_log_multiplier": ["f32", 0.5],
    },
    {},
    "yarn_log_multiplier 0.5",
  ],
  [
    "factors by length",
    {},
    { "rope_factors_long.weight": { sizes: [8], bytes: 32 } },
    "tensor rope_factors_long.weight",
  ],
  [
    "factors of zero",
    {},
    { "rope_freqs.weight": { sizes: [8], bytes: 32 } },
    "element 0 is 0, expected a number above 0",
  ],
  [
    "too few factors",
    {},
    { "rope_freqs.weight": { sizes: [4], bytes: 16 } },
    "it has 4 elements, expected 8",
  ],
  [
    "factors in f16",
    {},
    { "rope_freqs.weight": { sizes: [8], bytes: 16, type: 1 } },
    "its type is F16, expected F32",
  ],
  [
    "an end beyond the vocabulary",
    { "tokenizer.ggml.eos_token_id": ["u32", 8] },
    {},
    "eos_token_id holds 8, expected less than 8",
  ],
  [
    "more tokens than rows",
    { "tokenizer.ggml.tokens": tokens(..."abcdefghi") },
    {},
    "expected at most 8, the rows of token_embd.weight",
  ],
  [
    "a model without an embedding",
    {},
    { "token_embd.weight": undefined },
    `tensor "token_embd.weight": it is missing`,
  ],
  ["types that are not read", {}, {
    "blk.0.ffn_up.weight": { sizes: [32, 32], bytes: 576, type: 20 },
  }, `GGUF type IQ4_NL (`],
  [
    "integers",
    {},
    { "blk.0.ffn_up.weight": { sizes: [32, 32], bytes: 1024, type: 24 } },
    `GGUF type I8 (`,
  ],
  [
    "blocks in a norm",
    {},
    { "output_norm.weight": { sizes: [32], bytes: 18, type: 2 } },
    "expected two sizes for type Q4_0",
  ],
  [
    "rows of other heads",
    {},
    { "blk.0.attn_q.weight": { sizes: [32, 48], bytes: 6144 } },
    "expected 32 rows, 2 heads of 16",
  ],
  [
    "names that clash",
    {},
    { "model.norm.weight": { bytes: 128 } },
    `it is there twice, once as model.norm.weight`,
  ],
];

for (const [what, keys, tensors, message] of REFUSED) {
  Deno.test(`gguf checkpoint: refuses ${what}`, () => {
    assertThrows(() => opened(keys, tensors, () => {}), SpecMQuantError, message);
  });
}

Deno.test("gguf checkpoint: a vocabulary without weights is called one", () => {
  withFiles({ "v.gguf": ggufBytes({ metadata: llamaMetadata() }) }, (dir) => {
    const open = () => openCheckpoint(`${dir}/v.gguf`);
    assertThrows(open, UnsupportedModelError, "a vocabulary without weights");
  });
});

Deno.test("gguf checkpoint: keys and tensors that nothing uses", () => {
  const unused = opened(
    {
      "llama.attention.scale": ["f32", 0.5],
      "llama.logit_scale": ["f32", 0],
      "llama.expert_used_count": ["u32", 2],
      "quantize.imatrix.file": ["string", "x"],
      "general.url": ["string", "x"],
      "general.sampling.penalty_repeat": ["f32", 1.5],
    },
    { "blk.0.attn_rot_embd.weight": { sizes: [32, 2], bytes: 36, type: 20 } },
    ({ unusedKeys, tensors }) => {
      const odd = tensors.info("blk.0.attn_rot_embd.weight");
      assertEquals([odd.dtype, odd.shape, odd.blocks?.type], ["u8", [36], "IQ4_NL"]);
      return unusedKeys.map(({ key, matters }) => [key, matters]);
    },
  );
  assertEquals(unused, [
    ["llama.attention.scale", true],
    ["llama.logit_scale", false],
    ["llama.expert_used_count", false],
    ["quantize.imatrix.file", false],
  ]);
  const [heard] = warnings(() => configOf({ "llama.attention.scale": ["f32", 0.5] }));
  assertStringIncludes(heard, `these keys are not used: "llama.attention.scale"`);
  assertEquals(warnings(() => configOf({})), []);
});

Deno.test("gguf checkpoint: the directory of one model is that model", () => {
  withFiles({ "m.gguf": made(), "README.md": new Uint8Array(1) }, (dir) => {
    using checkpoint = openCheckpoint(dir);
    assertEquals([checkpoint.dir, checkpoint.gguf?.files], [dir, [`${dir}/m.gguf`]]);
    assertThrows(() => openHead(dir), CheckpointError, "it holds m.gguf, a GGUF model");
    assertThrows(() => openHead(`${dir}/m.gguf`), CheckpointError, "it is a GGUF file, expected");
  });
  withFiles({ "a.gguf": made(), "b.gguf": made() }, (dir) => {
    const message = "it holds 2 GGUF models (a.gguf, b.gguf), expected one; give the path of one";
    assertThrows(() => openCheckpoint(dir), CheckpointError, message);
  });
  withDir({}, { "golden.safetensors": ["w"] }, (dir) => {
    Deno.writeFileSync(`${dir}/m.gguf`, made());
    const message = "it holds m.gguf, a GGUF model, and other weights";
    assertThrows(() => openCheckpoint(dir), CheckpointError, message);
    using checkpoint = openCheckpoint(`${dir}/m.gguf`);
    assert(checkpoint.tensors.find("model.norm.weight"));
  });
});

Deno.test("gguf checkpoint: metadata as people look at it", () => {
  const { raw } = opened(
    {
      "a.flags": ["list", [["bool", true]]],
      "a.wide": ["u64", 2n ** 60n],
      "tokenizer.ggml.scores": ["list", Array.from({ length: 65 }, () => ["f32", 0] as const)],
    },
    { "token_embd.weight": { sizes: [32, 100], bytes: 12800 } },
    ({ rawConfig }) => ({ raw: rawConfig }),
  );
  assertEquals(raw["general.architecture"], "llama");
  assertEquals(raw["a.flags"], [true]);
  assertEquals(raw["a.wide"], `${2n ** 60n}`);
  assertEquals(raw["tokenizer.ggml.scores"], "a list of 65");
  JSON.stringify(raw);
});
