/**
 * The weights of one decoder layer: attention and a gated MLP.
 *
 * @module
 */
import type { ModelConfig } from "../checkpoint/config/config.ts";
import type { Tensor } from "../device/mod.ts";
import {
  checkFloat,
  checkLinear,
  type DescribedLinear,
  factsOfRows,
  type Linear,
  type LinearPart,
  loadLinear,
  readingRows,
  type StoredWeights,
  type WeightLoader,
} from "../quant/mod.ts";
import type { LayerLinears } from "./needs.ts";

/**
 * What the attention of a layer reads: the residual stream, normed; the stream as it is (EAGLE-2); pairs of an embedding
 * and the stream, each normed, 2 hidden (EAGLE-3); or the stream, normed, and for tokens of the text what `fc` made of them
 * (block drafters), as rows.
 */
export type LayerInput = "normed" | "plain" | "pairs" | "context";

/** The weights of a layer. */
export interface Layer extends LayerLinears<Linear> {
  /** Weight of the norm before attention, [hidden]; of embeddings, where it reads pairs. */
  readonly inputNorm?: Tensor;
  /** Weight of the stream's norm, [hidden], where it reads pairs. */
  readonly hiddenNorm?: Tensor;
  /** Weight of the norm before the MLP, [hidden]. */
  readonly mlpNorm: Tensor;
  /** Weights of the norms of each query and key head, [headDim] (Qwen3). */
  readonly qNorm?: Tensor;
  /** See `qNorm`. */
  readonly kNorm?: Tensor;
}

/** What is known of a layer before its weights are read. */
export interface LayerSummary extends LayerLinears {
  /** Bytes of all its weights on a device. */
  readonly bytes: number;
  /** Its linear layers as they are stored. */
  readonly layers: readonly DescribedLinear[];
}

/** What a layer of `config` stores under `prefix`. */
interface LayerTensors {
  readonly linears: readonly (readonly LinearPart[])[];
  readonly norms: readonly { readonly name: string; readonly size: number }[];
}

function readsRows(input: LayerInput): boolean {
  return input === "pairs" || input === "context";
}

function widthOf(input: LayerInput, { hiddenSize }: ModelConfig): number {
  return input === "pairs" ? 2 * hiddenSize : hiddenSize;
}

function tensorsOf(config: ModelConfig, prefix: string, input: LayerInput): LayerTensors {
  const { hiddenSize: hidden, intermediateSize: inter, heads, kvHeads, headDim } = config;
  const attn = `${prefix}.self_attn`;
  const read = widthOf(input, config);
  const part = (name: string, n: number, k: number, bias: boolean): LinearPart => ({
    prefix: name,
    n,
    k,
    bias,
  });
  return {
    linears: [
      [
        part(`${attn}.q_proj`, heads * headDim, read, config.qkvBias),
        part(`${attn}.k_proj`, kvHeads * headDim, read, config.qkvBias),
        part(`${attn}.v_proj`, kvHeads * headDim, read, config.qkvBias),
      ],
      [part(`${attn}.o_proj`, hidden, heads * headDim, config.outputBias)],
      [
        part(`${prefix}.mlp.gate_proj`, inter, hidden, config.mlpBias),
        part(`${prefix}.mlp.up_proj`, inter, hidden, config.mlpBias),
      ],
      [part(`${prefix}.mlp.down_proj`, hidden, inter, config.mlpBias)],
    ],
    norms: [
      { name: `${prefix}.post_attention_layernorm.weight`, size: hidden },
      ...(input === "plain" ? [] : [{ name: `${prefix}.input_layernorm.weight`, size: hidden }]),
      ...(input === "pairs" ? [{ name: `${prefix}.hidden_norm.weight`, size: hidden }] : []),
      ...(config.qkNorm
        ? [
          { name: `${attn}.q_norm.weight`, size: headDim },
          { name: `${attn}.k_norm.weight`, size: headDim },
        ]
        : []),
    ],
  };
}

/** The keys, then the values of the layer whose tensors begin with `prefix`. */
export function keyParts(
  config: ModelConfig,
  prefix: string,
  input: LayerInput,
): readonly LinearPart[] {
  const [[, keys, values]] = tensorsOf(config, prefix, input).linears;
  return [keys, values];
}

/** Checks the tensors of a layer. Reads no weights. */
export function checkLayer(
  weights: StoredWeights,
  config: ModelConfig,
  prefix: string,
  input: LayerInput = "normed",
): LayerSummary {
  const { linears, norms } = tensorsOf(config, prefix, input);
  for (const { name, size } of norms) checkFloat(weights, name, [size]);
  const found = linears.map((parts) => checkLinear(weights, parts));
  const [qkv, output, gateUp, down] = found;
  return {
    qkv: readsRows(input) ? factsOfRows(qkv, widthOf(input, config)) : qkv,
    output: factsOfRows(output, config.heads * config.headDim),
    gateUp,
    down,
    bytes: found.reduce((sum, { bytes }) => sum + bytes, 0) +
      norms.reduce((sum, { size }) => sum + size * 2, 0),
    layers: found.flatMap(({ layers }) => layers),
  };
}

/** Loads the layer whose tensors begin with `prefix`. */
export function loadLayer(
  loader: WeightLoader,
  config: ModelConfig,
  prefix: string,
  input: LayerInput = "normed",
): Layer {
  const { linears } = tensorsOf(config, prefix, input);
  const norm = (name: string, size: number): Tensor =>
    loader.float(`${prefix}.${name}.weight`, [size]);
  const [qkv, output, gateUp, down] = linears.map((parts) => loadLinear(loader, parts));
  return {
    inputNorm: input === "plain" ? undefined : norm("input_layernorm", config.hiddenSize),
    hiddenNorm: input === "pairs" ? norm("hidden_norm", config.hiddenSize) : undefined,
    mlpNorm: norm("post_attention_layernorm", config.hiddenSize),
    qNorm: config.qkNorm ? norm("self_attn.q_norm", config.headDim) : undefined,
    kNorm: config.qkNorm ? norm("self_attn.k_norm", config.headDim) : undefined,
    qkv: readsRows(input) ? readingRows(loader.device, qkv) : qkv,
    // Attention writes rows.
    output: readingRows(loader.device, output),
    gateUp,
    down,
  };
}
