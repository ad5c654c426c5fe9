/**
 * Which tensors a model or a head of a given shape has, for sources that make them up.
 *
 * @module
 */
import { type DType, DTYPE_BYTES } from "../../base/dtype.ts";
import { elements, type Shape } from "../../base/shape.ts";
import type { ModelConfig } from "../config/config.ts";
import type { HeadConfig } from "../head.ts";
import { sourceOf, type TensorInfo, type TensorSource } from "../containers/source.ts";

/**
 * What a tensor is for. `weight` is f16 [n, k]; `qweight` holds integers of which any bits are valid, `e4m3` 8-bit
 * floats; `scales` differ, each `level` is the same; a `constant` is one number; `zeros` are of any dtype.
 */
export type TensorRole =
  | "embedding"
  | "norm"
  | "weight"
  | "bias"
  | "qweight"
  | "e4m3"
  | "scales"
  | "level"
  | "constant"
  | "zeros";

/** A tensor of a stored linear layer. */
export interface StoredTensor {
  /** Its name behind the layer's. */
  readonly suffix: string;
  /** What it is for. */
  readonly role: TensorRole;
  /** Its dtype. */
  readonly dtype: DType;
  /** Its shape. */
  readonly shape: Shape;
  /**
   * Of `scales` and `level`: how large, in deviations of a weight (1 / sqrt(inputs)); of a `constant` the number.
   */
  readonly size?: number;
}

/** The tensors of a linear layer of `n` outputs and `k` inputs, the bias aside. */
export type StoredTensors = (n: number, k: number) => readonly StoredTensor[];

/** A tensor that a shape asks for. */
export interface LayoutTensor extends TensorInfo {
  /** What it is for. */
  readonly role: TensorRole;
  /** The linear layer or norm that it belongs to, without its layer: `q_proj`, `input_layernorm`, `lm_head`. */
  readonly part: string;
  /** The decoder layer that it belongs to, from 0. */
  readonly layer?: number;
  /** Inputs of the linear layer; the width of a row for others. */
  readonly inputs: number;
  /** `StoredTensor.size`, where it has one. */
  readonly size?: number;
}

/** Fills `into` with bytes of a tensor from byte `offset` on. */
export type FillTensor = (
  tensor: LayoutTensor,
  offset: number,
  into: Uint8Array<ArrayBuffer>,
) => void;

/** Not quantized: `weight` f16 [n, k]. */
export function plainTensors(n: number, k: number): readonly StoredTensor[] {
  return [{ suffix: "weight", role: "weight", dtype: "f16", shape: [n, k] }];
}

/** GPTQ, symmetric, in groups of `group`: `qweight` and `scales`. */
export function gptqTensors(group: number): StoredTensors {
  return (n, k) => [
    { suffix: "qweight", role: "qweight", dtype: "i32", shape: [k / 8, n] },
    {
      suffix: "scales",
      role: "scales",
      dtype: "f16",
      shape: [Math.ceil(k / group), n],
      size: 1 / 7,
    },
  ];
}

/** A linear layer of a decoder layer. */
interface DecoderLinear {
  readonly part: string;
  readonly parent: "self_attn" | "mlp";
  readonly n: number;
  readonly k: number;
  readonly bias: boolean;
}

/** The linear layers of one decoder layer. */
function decoderLinears(config: ModelConfig): DecoderLinear[] {
  const { hiddenSize: hidden, intermediateSize: inter, heads, kvHeads, headDim } = config;
  const { qkvBias, outputBias, mlpBias } = config;
  const [q, kv] = [heads * headDim, kvHeads * headDim];
  return [
    { part: "q_proj", parent: "self_attn", n: q, k: hidden, bias: qkvBias },
    { part: "k_proj", parent: "self_attn", n: kv, k: hidden, bias: qkvBias },
    { part: "v_proj", parent: "self_attn", n: kv, k: hidden, bias: qkvBias },
    { part: "o_proj", parent: "self_attn", n: hidden, k: q, bias: outputBias },
    { part: "gate_proj", parent: "mlp", n: inter, k: hidden, bias: mlpBias },
    { part: "up_proj", parent: "mlp", n: inter, k: hidden, bias: mlpBias },
    { part: "down_proj", parent: "mlp", n: hidden, k: inter, bias: mlpBias },
  ];
}

/** Collects tensors of one file. */
class Layout {
  readonly tensors: LayoutTensor[] = [];
  readonly #file: string;

  constructor(file: string) {
    this.#file = file;
  }

  add(
    name: string,
    role: TensorRole,
    part: string,
    dtype: DType,
    shape: Shape,
    inputs: number,
    layer?: number,
    size?: number,
  ): void {
    const bytes = elements(shape) * DTYPE_BYTES[dtype];
    const { tensors } = this;
    tensors.push({ name, dtype, shape, bytes, file: this.#file, role, part, layer, inputs, size });
  }

  /** A linear layer of `k` inputs. */
  linear(name: string, part: string, stored: readonly StoredTensor[], k: number, layer?: number) {
    for (const { suffix, role, dtype, shape, size } of stored) {
      this.add(`${name}.${suffix}`, role, part, dtype, shape, k, layer, size);
    }
  }

  /** A decoder layer; its linear layers as `stored` says. */
  decoder(
    config: ModelConfig,
    prefix: string,
    layer: number,
    inputNorm: boolean,
    stored: StoredTensors,
  ) {
    const norm = (part: string, name: string, width: number) =>
      this.add(`${prefix}.${name}.weight`, "norm", part, "f16", [width], width, layer);
    if (inputNorm) norm("input_layernorm", "input_layernorm", config.hiddenSize);
    norm("post_attention_layernorm", "post_attention_layernorm", config.hiddenSize);
    if (config.qkNorm) {
      for (const part of ["q_norm", "k_norm"]) norm(part, `self_attn.${part}`, config.headDim);
    }
    for (const { part, parent, n, k, bias } of decoderLinears(config)) {
      const name = `${prefix}.${parent}.${part}`;
      this.linear(name, part, stored(n, k), k, layer);
      if (bias) this.add(`${name}.bias`, "bias", part, "f16", [n], k, layer);
    }
  }
}

/** The tensors of a model whose linear layers, and whose output projection, are stored as these say. */
export function modelLayout(
  file: string,
  config: ModelConfig,
  stored: StoredTensors,
  lmHead: StoredTensors = plainTensors,
): LayoutTensor[] {
  const { vocabSize, hiddenSize, tiedEmbeddings } = config;
  const layout = new Layout(file);
  const table = [vocabSize, hiddenSize];
  const embedding = "model.embed_tokens.weight";
  layout.add(embedding, "embedding", "embed_tokens", "f16", table, hiddenSize);
  for (let i = 0; i < config.layers; i++) {
    layout.decoder(config, `model.layers.${i}`, i, true, stored);
  }
  layout.add("model.norm.weight", "norm", "norm", "f16", [hiddenSize], hiddenSize);
  if (!tiedEmbeddings) {
    layout.linear("lm_head", "lm_head", lmHead(vocabSize, hiddenSize), hiddenSize);
  }
  return layout.tensors;
}

/**
 * The tensors of an EAGLE-2 head, with an embedding table of its own or the verifier's, its linear layers as `stored` says. One
 * that drafts fewer tokens drafts the first ones.
 */
export function headLayout(
  file: string,
  config: HeadConfig,
  ownEmbedding = false,
  stored: StoredTensors = plainTensors,
): LayoutTensor[] {
  const { model, fcBias, draftVocabSize: tokens } = config;
  const { vocabSize, hiddenSize: hidden } = model;
  const layout = new Layout(file);
  if (ownEmbedding) {
    const table = [vocabSize, hidden];
    layout.add("embed_tokens.weight", "embedding", "embed_tokens", "f16", table, hidden);
  }
  layout.linear("fc", "fc", stored(hidden, 2 * hidden), 2 * hidden);
  if (fcBias) layout.add("fc.bias", "bias", "fc", "f16", [hidden], 2 * hidden);
  for (let i = 0; i < model.layers; i++) {
    layout.decoder(model, `layers.${i}`, i, i > 0, stored);
  }
  if ("ownOutput" in config && config.ownOutput) {
    layout.linear("lm_head", "lm_head", stored(tokens, hidden), hidden);
  }
  if (tokens < vocabSize) layout.add("d2t", "zeros", "d2t", "i64", [tokens], tokens);
  return layout.tensors;
}

/** A source of tensors that no file holds: `fill` makes their bytes. */
export function layoutSource(
  file: string,
  tensors: readonly LayoutTensor[],
  fill: FillTensor,
): TensorSource {
  const byName = new Map(tensors.map((tensor) => [tensor.name, tensor]));
  return sourceOf({
    file,
    names: () => [...byName.keys()],
    find: (name) => byName.get(name),
    fill: (info, offset, into) => fill(byName.get(info.name)!, offset, into),
    close: () => {},
  });
}
