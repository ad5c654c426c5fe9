/**
 * Which tensors a model or a head of a given shape has, for sources that make them up.
 *
 * @module
 */
import { type DType, DTYPE_BYTES } from "../base/dtype.ts";
import { elements, type Shape } from "../base/shape.ts";
import type { ModelConfig } from "./config.ts";
import type { HeadConfig } from "./head_config.ts";
import { sourceOf, type TensorInfo, type TensorSource } from "./source.ts";

/** What a tensor is for. `weight` is f16 [n, k]; `qweight` and `scales` are those of GPTQ. */
export type TensorRole = "embedding" | "norm" | "weight" | "bias" | "qweight" | "scales";

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
}

/** Fills `into` with bytes of a tensor from byte `offset` on. */
export type FillTensor = (
  tensor: LayoutTensor,
  offset: number,
  into: Uint8Array<ArrayBuffer>,
) => void;

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
  ): void {
    const bytes = elements(shape) * DTYPE_BYTES[dtype];
    this.tensors.push({ name, dtype, shape, bytes, file: this.#file, role, part, layer, inputs });
  }

  /** A decoder layer; its linear layers in groups of `group` inputs, or in f16 where that is undefined. */
  decoder(config: ModelConfig, prefix: string, layer: number, inputNorm: boolean, group?: number) {
    const norm = (part: string, name: string, width: number) =>
      this.add(`${prefix}.${name}.weight`, "norm", part, "f16", [width], width, layer);
    if (inputNorm) norm("input_layernorm", "input_layernorm", config.hiddenSize);
    norm("post_attention_layernorm", "post_attention_layernorm", config.hiddenSize);
    if (config.qkNorm) {
      for (const part of ["q_norm", "k_norm"]) norm(part, `self_attn.${part}`, config.headDim);
    }
    for (const { part, parent, n, k, bias } of decoderLinears(config)) {
      const name = `${prefix}.${parent}.${part}`;
      if (group === undefined) {
        this.add(`${name}.weight`, "weight", part, "f16", [n, k], k, layer);
      } else {
        this.add(`${name}.qweight`, "qweight", part, "i32", [k / 8, n], k, layer);
        const groups = Math.ceil(k / group);
        this.add(`${name}.scales`, "scales", part, "f16", [groups, n], k, layer);
      }
      if (bias) this.add(`${name}.bias`, "bias", part, "f16", [n], k, layer);
    }
  }
}

/** The tensors of a model: W4A16 in groups of `group` inputs, or f16 where that is undefined. */
export function modelLayout(file: string, config: ModelConfig, group?: number): LayoutTensor[] {
  const { vocabSize, hiddenSize, tiedEmbeddings } = config;
  const layout = new Layout(file);
  const table = [vocabSize, hiddenSize];
  const embedding = "model.embed_tokens.weight";
  layout.add(embedding, "embedding", "embed_tokens", "f16", table, hiddenSize);
  for (let i = 0; i < config.layers; i++) {
    layout.decoder(config, `model.layers.${i}`, i, true, group);
  }
  layout.add("model.norm.weight", "norm", "norm", "f16", [hiddenSize], hiddenSize);
  if (!tiedEmbeddings) {
    layout.add("lm_head.weight", "weight", "lm_head", "f16", table, hiddenSize);
  }
  return layout.tensors;
}

/** The tensors of an EAGLE-2 head in f16, with an embedding table of its own or the verifier's. */
export function headLayout(
  file: string,
  { model, fcBias }: HeadConfig,
  ownEmbedding = false,
): LayoutTensor[] {
  const { vocabSize, hiddenSize: hidden } = model;
  const layout = new Layout(file);
  if (ownEmbedding) {
    const table = [vocabSize, hidden];
    layout.add("embed_tokens.weight", "embedding", "embed_tokens", "f16", table, hidden);
  }
  layout.add("fc.weight", "weight", "fc", "f16", [hidden, 2 * hidden], 2 * hidden);
  if (fcBias) layout.add("fc.bias", "bias", "fc", "f16", [hidden], 2 * hidden);
  for (let i = 0; i < model.layers; i++) layout.decoder(model, `layers.${i}`, i, i > 0);
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
