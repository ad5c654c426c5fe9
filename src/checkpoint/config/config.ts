/**
 * `config.json` of the supported model families.
 *
 * @module
 */
import { UnsupportedModelError } from "../../base/errors.ts";
import { Fields, show } from "../containers/json.ts";
import { refuseOtherFunctions } from "./other_functions.ts";
import { longestContext, parseRope, type RopeScaling } from "./rope_config.ts";

export type { RopeScaling };

/** A supported family of models. */
export type Architecture = "llama" | "mistral" | "qwen2" | "qwen3";

/** What a model's code needs to know of it. */
export interface ModelConfig {
  /** The family. */
  readonly architecture: Architecture;
  /** Rows of the embedding table. */
  readonly vocabSize: number;
  /** Width of the residual stream. */
  readonly hiddenSize: number;
  /** Width inside the MLP. */
  readonly intermediateSize: number;
  /** Number of decoder layers. */
  readonly layers: number;
  /** Number of query heads. */
  readonly heads: number;
  /** Number of key and value heads; divides `heads`. */
  readonly kvHeads: number;
  /** Width of one head; even. */
  readonly headDim: number;
  /** Epsilon of the norms. */
  readonly rmsNormEps: number;
  /** Base of the rotary frequencies. */
  readonly ropeTheta: number;
  /** Stretching of the rotary frequencies, where there is one. */
  readonly ropeScaling?: RopeScaling;
  /** Longest context, in tokens. */
  readonly maxPositions: number;
  /** Whether the output projection is the embedding table. */
  readonly tiedEmbeddings: boolean;
  /** Whether the q, k and v projections have biases. */
  readonly qkvBias: boolean;
  /** Whether the attention's output projection has a bias. */
  readonly outputBias: boolean;
  /** Whether the MLP's projections have biases. */
  readonly mlpBias: boolean;
  /** Whether queries and keys are normalised per head. */
  readonly qkNorm: boolean;
  /** Tokens that attention sees, itself included; absent where that is the whole context. */
  readonly slidingWindow?: number;
  /** The dtype that the configuration names, e.g. `"bfloat16"`. */
  readonly torchDtype?: string;
  /** The token that starts a text. */
  readonly bosTokenId?: number;
  /** Tokens that end a text; may be empty. */
  readonly eosTokenIds: readonly number[];
  /** The token that fills batches. */
  readonly padTokenId?: number;
  /**
   * What the rotation was drawn from that `quantize --rotate` folded into the weights (`specmquant_rotation`); a
   * head has the number of the model that `convert-head` made it for. Absent where nothing was rotated.
   */
  readonly rotation?: number;
}

const CLASSES: ReadonlyMap<string, Architecture> = new Map<string, Architecture>([
  ["LlamaForCausalLM", "llama"],
  ["MistralForCausalLM", "mistral"],
  ["Qwen2ForCausalLM", "qwen2"],
  ["Qwen3ForCausalLM", "qwen3"],
  // What a model is called that was saved without its output projection, which is its embedding.
  ["LlamaModel", "llama"],
  ["MistralModel", "mistral"],
  ["Qwen2Model", "qwen2"],
  ["Qwen3Model", "qwen3"],
]);

/** Keys whose presence with a value above 1 means a mixture of experts. */
const EXPERT_KEYS = ["num_experts", "num_local_experts", "n_routed_experts"];

/**
 * Checks the JSON of a `config.json`. A CheckpointError names `file` and key; an UnsupportedModelError names
 * the feature that is not supported.
 */
export function parseModelConfig(file: string, json: unknown): ModelConfig {
  return readModelConfig(new Fields(file, json));
}

/**
 * The same for JSON that is asked for its other keys, too. The layers of a head have the window that `layer_types` says,
 * whatever their family and however far they were trained.
 */
export function readModelConfig(config: Fields, ofHead = false): ModelConfig {
  const architecture = parseArchitecture(config);
  refuseOthers(config);
  refuseOtherFunctions(config, architecture === "qwen3");
  const hiddenSize = config.integer("hidden_size");
  const heads = config.integer("num_attention_heads");
  const kvHeads = config.integer("num_key_value_heads", heads);
  if (heads % kvHeads !== 0) config.fail("num_key_value_heads", `a divisor of ${heads}`);
  const headDim = parseHeadDim(config, architecture, hiddenSize, heads);
  const trained = config.integer("max_position_embeddings");
  const rope = parseRope(config, trained);
  const maxPositions = longestContext(rope, trained);
  const layers = config.integer("num_hidden_layers");
  const isQwen = architecture === "qwen2" || architecture === "qwen3";
  // Qwen2 has q, k and v biases always; Llama and Qwen3 have all four of the attention or none.
  const attentionBias = config.boolean("attention_bias", false);
  const allBias = attentionBias && architecture !== "qwen2";
  const mlpBias = config.boolean("mlp_bias", false);
  if (architecture === "mistral" && attentionBias || architecture !== "llama" && mlpBias) {
    throw new UnsupportedModelError(
      `${mlpBias ? "mlp_bias" : "attention_bias"} of ${architecture}`,
      "expected false",
    );
  }
  const rotated = config.fields("specmquant_rotation");
  const rotation = rotated?.integer("seed", undefined, 0);
  rotated?.has("file"); // for `convert-head`, which knows its name
  return {
    ...(rotation !== undefined && { rotation }),
    architecture,
    vocabSize: config.integer("vocab_size"),
    hiddenSize,
    intermediateSize: config.integer("intermediate_size"),
    layers,
    heads,
    kvHeads,
    headDim,
    rmsNormEps: config.positive("rms_norm_eps"),
    ...rope,
    maxPositions,
    tiedEmbeddings: config.boolean("tie_word_embeddings", false),
    qkvBias: architecture === "qwen2" || allBias,
    outputBias: allBias,
    mlpBias,
    qkNorm: architecture === "qwen3",
    slidingWindow: ofHead && layerTypes(config, layers)
      ? headWindow(config, layers)
      : slidingWindow(config, isQwen, architecture, layers, maxPositions),
    torchDtype: config.string("torch_dtype") ?? config.string("dtype"),
    bosTokenId: config.tokenIds("bos_token_id")?.[0],
    eosTokenIds: config.tokenIds("eos_token_id") ?? [],
    padTokenId: config.tokenIds("pad_token_id")?.[0],
  };
}

function parseArchitecture(config: Fields): Architecture {
  const known = [...CLASSES.keys()].join(", ");
  const modelType = config.string("model_type");
  const classes = config.raw("architectures");
  if (classes === undefined) {
    const found = [...CLASSES.values()].find((name) => name === modelType);
    if (found !== undefined) return found;
    if (modelType === undefined) return config.fail("architectures", `one of ${known}`);
    throw new UnsupportedModelError(`model_type "${modelType}"`, `expected one of ${known}`);
  }
  if (!Array.isArray(classes) || classes.length !== 1 || typeof classes[0] !== "string") {
    return config.fail("architectures", "a list of one class name");
  }
  const found = CLASSES.get(classes[0]);
  if (found === undefined) {
    throw new UnsupportedModelError(`architecture ${classes[0]}`, `expected one of ${known}`);
  }
  if (modelType !== undefined && modelType !== found) {
    config.fail("model_type", `"${found}", as architectures says ${classes[0]}`);
  }
  return found;
}

function refuseOthers(config: Fields): void {
  const act = config.string("hidden_act") ?? "silu";
  if (act !== "silu" && act !== "swish") {
    throw new UnsupportedModelError(`hidden_act "${act}"`, `expected "silu"`);
  }
  for (const key of EXPERT_KEYS) {
    if (config.raw(key) !== undefined && config.integer(key, undefined, 0) > 1) {
      throw new UnsupportedModelError(
        `mixture of experts (${key} ${show(config.raw(key))})`,
        "expected a dense model",
      );
    }
  }
}

function parseHeadDim(
  config: Fields,
  architecture: Architecture,
  hiddenSize: number,
  heads: number,
): number {
  const even = (value: number) =>
    value % 2 === 0 ? value : config.fail("head_dim", "an even number");
  // Qwen3's class has 128 where the key is absent (not where it is null).
  if (architecture === "qwen3" && !config.has("head_dim")) return 128;
  if (config.raw("head_dim") !== undefined) return even(config.integer("head_dim"));
  if (hiddenSize % heads !== 0) config.fail("num_attention_heads", `a divisor of ${hiddenSize}`);
  return even(hiddenSize / heads);
}

/** The window of all layers, or undefined where none has one or it holds the whole context anyway. */
function slidingWindow(
  config: Fields,
  isQwen: boolean,
  architecture: Architecture,
  layers: number,
  maxPositions: number,
): number | undefined {
  const types = layerTypes(config, layers);
  if (architecture === "llama" && types === undefined) {
    // Llama has no windows. One that would cut something off stays among the keys that are not used.
    if (Number(config.object.sliding_window) >= maxPositions) config.has("sliding_window");
    return undefined;
  }
  const absent = !config.has("sliding_window");
  if (isQwen && !config.boolean("use_sliding_window", false)) return undefined;
  // Both classes of transformers have 4096 where the key is absent; null turns the window off.
  if (!absent && config.raw("sliding_window") === undefined) return undefined;
  const window = config.integer("sliding_window", 4096);
  let sliding = layers;
  if (types !== undefined) sliding = types.filter((type) => type === "sliding_attention").length;
  else if (isQwen) sliding = Math.max(0, layers - config.integer("max_window_layers", 28, 0));
  if (window >= maxPositions) return undefined;
  // transformers reads layer_types for Qwen only: where it would matter for others, which rule holds is unclear.
  if (sliding === 0 && architecture !== "mistral") return undefined;
  if (sliding === layers && architecture !== "llama") return window;
  throw new UnsupportedModelError(
    `sliding_window in ${sliding} of ${layers} layers`,
    architecture === "llama" ? "expected none" : "expected all layers or none",
  );
}

/** The window of a head of one layer. */
function headWindow(config: Fields, layers: number): number | undefined {
  for (const key of ["use_sliding_window", "max_window_layers", "sliding_window"]) config.has(key);
  const [type] = layerTypes(config, layers)!;
  return type === "sliding_attention" ? config.integer("sliding_window") : undefined;
}

function layerTypes(config: Fields, layers: number): string[] | undefined {
  const types = config.raw("layer_types");
  if (types === undefined) return undefined;
  if (!Array.isArray(types) || types.length !== layers) {
    return config.fail("layer_types", `a list of ${layers} words`);
  }
  const other = types.find((type) => type !== "full_attention" && type !== "sliding_attention");
  if (other !== undefined) {
    throw new UnsupportedModelError(
      `layer type ${show(other)}`,
      "expected full_attention or sliding_attention",
    );
  }
  return types;
}
