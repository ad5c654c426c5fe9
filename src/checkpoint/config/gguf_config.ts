/**
 * A model's configuration from the metadata and the tensors of a GGUF file.
 *
 * @module
 */
import { CheckpointError, UnsupportedModelError } from "../../base/errors.ts";
import { elements } from "../../base/shape.ts";
import { toF32 } from "../../base/half.ts";
import { type GgufFile, type GgufTensor, type Metadata, showValue } from "../../gguf/mod.ts";
import type { Architecture, ModelConfig } from "./config.ts";
import { longestContext, type RopeScaling } from "./rope_config.ts";

/** The architectures that are read. Mistral is `llama`, too. */
const ARCHITECTURES: readonly Architecture[] = ["llama", "qwen2", "qwen3"];

/** What `general.type` may say, and what it is instead of a model. */
const OTHER_TYPES: ReadonlyMap<string, string> = new Map([
  ["adapter", "a LoRA adapter, which is no model by itself"],
  ["mmproj", "a projector of images, which goes with a model"],
  ["imatrix", "an importance matrix, which goes into quantizing"],
  ["vocab", "a vocabulary without weights"],
]);

/** The embedding, the output projection and the divisors of rotary frequencies, by their names in files. */
const [EMBEDDING, OUTPUT, ROPE_FACTORS] = [
  "token_embd.weight",
  "output.weight",
  "rope_freqs.weight",
];

/** Divisors of rotary frequencies by the length of the text. */
const LONG_FACTORS = "rope_factors_long.weight";

/** Tokens at which llama.cpp ends a turn where the metadata names none; as it does, only where they are control tokens. */
const TURN_ENDS: ReadonlySet<string> = new Set([
  "<|eot_id|>",
  "<|eom_id|>",
  "<|im_end|>",
  "<|end|>",
  "<end_of_turn>",
]);

/** The type of control tokens. */
const CONTROL = 3;

/**
 * What `metadata`, that of `gguf`, says of the model; of the tensors' data only the rotary factors are read. A
 * CheckpointError names file and key; an UnsupportedModelError the feature that is not supported.
 */
export function readGgufConfig(gguf: GgufFile, metadata: Metadata): ModelConfig {
  const { tensors } = gguf;
  const architecture = architectureOf(gguf, metadata);
  const key = (name: string) => `${architecture}.${name}`;
  if (metadata.integer(key("expert_count"), 0, 0) > 0) {
    unsupported(
      `mixture of experts (${key("expert_count")} ${metadata.raw(key("expert_count"))})`,
      "expected a dense model",
    );
  }
  const embedding = tensors.get(EMBEDDING);
  if (embedding === undefined) {
    if (tensors.size === 0) unsupported(`a vocabulary without weights (${gguf.file})`, EXPECTED);
    throw new CheckpointError(gguf.file, "it is missing", EMBEDDING);
  }
  const vocabSize = embedding.shape[0];
  metadata.has(key("vocab_size")); // The embedding says it.
  const tokens = metadata.strings("tokenizer.ggml.tokens")?.length ?? 0;
  if (tokens > vocabSize) {
    metadata.fail("tokenizer.ggml.tokens", `at most ${vocabSize}, the rows of ${EMBEDDING}`);
  }
  const hiddenSize = metadata.integer(key("embedding_length"));
  const heads = metadata.integer(key("attention.head_count"));
  const kvHeads = metadata.integer(key("attention.head_count_kv"), heads);
  if (heads % kvHeads !== 0) metadata.fail(key("attention.head_count_kv"), `a divisor of ${heads}`);
  const headDim = headDimOf(metadata, key, hiddenSize, heads);
  const trained = metadata.integer(key("context_length"));
  const ropeScaling = scalingOf(gguf, metadata, key, headDim, trained);
  const ropeTheta = metadata.positive(key("rope.freq_base"), 10000);
  const maxPositions = longestContext({ ropeTheta, ropeScaling }, trained);
  const hasBias = (...names: string[]) => names.some((name) => tensors.has(`blk.0.${name}.bias`));
  const [bosTokenId, padTokenId] = ["bos", "padding"].map((role) =>
    metadata.tokenId(`tokenizer.ggml.${role}_token_id`)
  );
  return {
    architecture,
    vocabSize,
    hiddenSize,
    intermediateSize: metadata.integer(key("feed_forward_length")),
    layers: metadata.integer(key("block_count")),
    heads,
    kvHeads,
    headDim,
    rmsNormEps: metadata.positive(key("attention.layer_norm_rms_epsilon")),
    ropeTheta,
    ropeScaling,
    maxPositions,
    tiedEmbeddings: !tensors.has(OUTPUT),
    qkvBias: architecture === "qwen2" || hasBias("attn_q", "attn_k", "attn_v"),
    outputBias: hasBias("attn_output"),
    mlpBias: hasBias("ffn_gate", "ffn_up", "ffn_down"),
    qkNorm: architecture === "qwen3",
    slidingWindow: windowOf(metadata, key, maxPositions),
    bosTokenId,
    eosTokenIds: endsOf(metadata),
    padTokenId,
  };
}

const EXPECTED = `expected a model of an architecture in ${ARCHITECTURES.join(", ")}`;

function architectureOf({ file, tensors }: GgufFile, metadata: Metadata): Architecture {
  const type = metadata.string("general.type") ?? "model";
  const other = OTHER_TYPES.get(type) ??
    (metadata.has("adapter.type") ? OTHER_TYPES.get("adapter") : undefined);
  if (other !== undefined) unsupported(`${other} (${file})`, EXPECTED);
  if (type !== "model") metadata.fail("general.type", '"model"');
  const name = metadata.string("general.architecture") ??
    metadata.fail("general.architecture", `one of ${ARCHITECTURES.join(", ")}`);
  // What projectors were before general.type.
  if (name === "clip") unsupported(`${OTHER_TYPES.get("mmproj")} (${file})`, EXPECTED);
  const found = ARCHITECTURES.find((known) => known === name);
  if (found === undefined) {
    return unsupported(
      `architecture ${showValue(name)} (${file}, ${tensors.size} tensors)`,
      `expected one of ${ARCHITECTURES.join(", ")}`,
    );
  }
  return found;
}

type KeyOf = (name: string) => string;

function headDimOf(metadata: Metadata, key: KeyOf, hiddenSize: number, heads: number): number {
  const length = key("attention.key_length");
  if (!metadata.has(length) && hiddenSize % heads !== 0) {
    metadata.fail(key("attention.head_count"), `a divisor of ${hiddenSize}`);
  }
  const headDim = metadata.integer(length, hiddenSize / heads);
  if (headDim % 2 !== 0) metadata.fail(length, `an even number, not ${headDim}`);
  for (const name of ["attention.value_length", "rope.dimension_count"]) {
    const value = metadata.integer(key(name), headDim);
    if (value === headDim) continue;
    unsupported(`${key(name)} ${value} where heads are ${headDim} wide`, `expected ${headDim}`);
  }
  return headDim;
}

/** How rotary frequencies are stretched: by one number, or by the divisors of a tensor. */
function scalingOf(
  gguf: GgufFile,
  metadata: Metadata,
  key: KeyOf,
  headDim: number,
  trained: number,
): RopeScaling | undefined {
  if (gguf.tensors.has(LONG_FACTORS)) {
    unsupported(`tensor ${LONG_FACTORS}`, `expected none, or ${ROPE_FACTORS}`);
  }
  const scaling = keyedScaling(metadata, (name) => key(`rope.${name}`), trained);
  const tensor = gguf.tensors.get(ROPE_FACTORS);
  if (tensor === undefined) return scaling;
  const factors = readFactors(gguf, tensor, headDim);
  if (factors.every((factor) => factor === 1)) return scaling;
  if (scaling !== undefined) {
    unsupported(`rope scaling ${scaling.type} beside ${ROPE_FACTORS}`, "expected one of them");
  }
  return { type: "factors", factors };
}

function keyedScaling(metadata: Metadata, key: KeyOf, trained: number): RopeScaling | undefined {
  const type = metadata.string(key("scaling.type"));
  metadata.has(key("scaling.finetuned")); // How the model was made.
  const oldKey = key("scale_linear"); // What files had before there were types.
  const name = metadata.has(key("scaling.factor")) ? key("scaling.factor") : oldKey;
  // As in llama.cpp, 0 is none, and a factor alone is linear.
  const factor = metadata.raw(name) === 0 ? 1 : metadata.positive(name, 1);
  const original = metadata.integer(key("scaling.original_context_length"), trained);
  switch (type) {
    case "none":
      return undefined;
    case undefined:
    case "linear":
      return factor === 1 ? undefined : { type: "linear", factor };
    case "yarn":
      return yarn(metadata, key, factor, original);
    default:
      return unsupported(
        `rope scaling type ${showValue(type)} (${key("scaling.type")})`,
        "expected none, linear or yarn",
      );
  }
}

function yarn(metadata: Metadata, key: KeyOf, factor: number, original: number): RopeScaling {
  for (const [name, neutral] of [["yarn_ext_factor", 1], ["yarn_log_multiplier", 0]] as const) {
    const value = metadata.raw(key(`scaling.${name}`)) ?? neutral;
    if (value !== neutral) {
      unsupported(`${key(`scaling.${name}`)} ${showValue(value)}`, `expected ${neutral}`);
    }
  }
  const number = (name: string, fallback: number) =>
    metadata.positive(key(`scaling.${name}`), fallback);
  // llama.cpp multiplies it by what YaRN gives.
  const times = number("attn_factor", 1) * number("yarn_attn_factor", 1);
  return {
    type: "yarn",
    factor,
    originalMaxPositions: original,
    ...(times !== 1 && { attentionFactor: times * (1 + 0.1 * Math.log(factor)) }),
    betaFast: number("yarn_beta_fast", 32),
    betaSlow: number("yarn_beta_slow", 1),
    truncate: true,
  };
}

/** The divisors of the headDim/2 frequencies, as converters of Llama 3.1 compute them. */
function readFactors(gguf: GgufFile, tensor: GgufTensor, headDim: number): number[] {
  const { file, name, type, shape, bytes } = tensor;
  const fail = (found: string, expected: string): never => {
    throw new CheckpointError(file, `${found}, expected ${expected}`, name);
  };
  if (type !== "F32") fail(`its type is ${type}`, "F32");
  if (elements(shape) !== headDim / 2) {
    fail(`it has ${elements(shape)} elements`, `${headDim / 2}, one for each frequency`);
  }
  const data = new Uint8Array(bytes);
  gguf.readInto(tensor, 0, data);
  const factors = [...toF32(data, "f32")];
  const bad = factors.findIndex((factor) => !(factor > 0 && factor < Infinity));
  if (bad >= 0) fail(`element ${bad} is ${factors[bad]}`, "a number above 0");
  return factors;
}

/** The window of all layers, where there is one that cuts something off. */
function windowOf(metadata: Metadata, key: KeyOf, maxPositions: number): number | undefined {
  const window = metadata.integer(key("attention.sliding_window"), 0, 0);
  const pattern = metadata.raw(key("attention.sliding_window_pattern"));
  if (window === 0 || window >= maxPositions) return undefined;
  const sliding = Array.isArray(pattern) && pattern.every((layer) => layer === true);
  if (pattern === undefined || sliding) return window;
  return unsupported(
    `a window in some layers only (${key("attention.sliding_window_pattern")})`,
    "expected all layers or none",
  );
}

/** The tokens that end a text: those named as ends of text, turn and message, and those that llama.cpp takes for one. */
function endsOf(metadata: Metadata): number[] {
  const named = ["eos", "eot", "eom"]
    .map((role) => metadata.tokenId(`tokenizer.ggml.${role}_token_id`))
    .filter((id) => id !== undefined);
  const types = metadata.raw("tokenizer.ggml.token_type");
  const tokens = metadata.strings("tokenizer.ggml.tokens") ?? [];
  const isControl = (id: number) => ArrayBuffer.isView(types) && types[id] === CONTROL;
  const told = tokens.flatMap((token, id) => TURN_ENDS.has(token) && isControl(id) ? [id] : []);
  return [...new Set([...named, ...told])];
}

function unsupported(feature: string, expected: string): never {
  throw new UnsupportedModelError(feature, expected);
}
