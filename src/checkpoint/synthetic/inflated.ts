/**
 * Models of a big shape whose function is a small model's: the small one's weights in one corner, and random
 * weights too small to matter elsewhere. They cost what the big shape costs and say what the small one says.
 *
 * @module
 */
import type { DType } from "../../base/dtype.ts";
import { ArgumentError, CheckpointError, UnsupportedModelError } from "../../base/errors.ts";
import { sameShape, type Shape, showShape } from "../../base/shape.ts";
import type { Checkpoint } from "../checkpoint.ts";
import type { ModelConfig } from "../config/config.ts";
import { describeGptqLinear, type GptqConfig } from "../formats/gptq.ts";
import type { Head } from "../head.ts";
import { headLayout } from "./head_layout.ts";
import {
  gptqTensors,
  layoutSource,
  type LayoutTensor,
  modelLayout,
  plainTensors,
  type TensorRole,
} from "./layout.ts";
import { applyPatches, cutPatches, f16Patch, type Matrix, type Patch } from "./patches.ts";
import { place, type Placement, type Segment } from "./placement.ts";
import { RandomBlocks, repeatInto } from "./random_blocks.ts";
import type { QuantizationConfig } from "../formats/quantization.ts";
import type { TensorSource } from "../containers/source.ts";

/** What else an inflated model is made from. */
export interface InflateOptions {
  /** Where random numbers start; 0 where absent. */
  readonly seed?: number;
}

/** What else an inflated head is made from. */
export interface InflateHeadOptions extends InflateOptions {
  /**
   * The tokens of its vocabulary, the model's first ones, as many as the small model has or more; it has an output
   * projection of its own then, which `small` must have, too. The model's where absent.
   */
  readonly draftVocabSize?: number;
}

/** The constant that embeddings write to its dimension: lost in the rounding of every mean square. */
const CONSTANT = 2 ** -13;

/** The same in the hidden states that a head predicts. */
const HEAD_CONSTANT = 2 ** -8;

/** What the output projection of a padded row multiplies the constant by. */
const REPULSION = -32768;

/** Deviation of f16 weights without meaning: the smallest at which few round to zero. */
const NOISE = 2 ** -20;

/**
 * `small` in the shape of `shape`, of which sizes are taken, and nothing else: rope, norms' epsilon and special
 * tokens are those of `small`, its tokenizer fits, and the output projection is a tensor of its own. Logits of
 * rows beyond the small vocabulary lie far below all others. `small` must stay open, and is not closed by the
 * result. Throws an `ArgumentError` where it does not fit, an `UnsupportedModelError` for biases, norms of
 * heads, a reordered GPTQ or a dtype other than f16.
 */
export function inflate(
  small: Checkpoint,
  shape: ModelConfig,
  options: InflateOptions = {},
): Checkpoint {
  const { config: from, quantization } = small;
  const gptq = quantization && gptqConfig(quantization);
  const group = gptq && gptqGroup(gptq);
  const placement = place(from, shape, group ?? 1);
  const config = { ...bigConfig(from, shape, placement), tiedEmbeddings: false };
  const dir = `${small.dir} inflated to ${config.hiddenSize} x ${config.layers}`;
  const corner = new Corner(small.tensors, from, config, placement, gptq);
  const stored = group === undefined ? plainTensors : gptqTensors(group);
  const source = inflatedSource(corner, dir, modelLayout(dir, config, stored), options);
  return {
    dir,
    config,
    tensors: source,
    rawConfig: {},
    unusedKeys: [],
    ...(quantization && { quantization }),
    generation: small.generation,
    [Symbol.dispose]: () => source[Symbol.dispose](),
  };
}

/**
 * `small`, an EAGLE-2 head of a model of the configuration `verifier`, for that model in the shape of `shape`, as
 * {@link inflate} gives it. Conditions and errors are the same.
 */
export function inflateHead(
  small: Head,
  verifier: ModelConfig,
  shape: ModelConfig,
  options: InflateHeadOptions = {},
): Head {
  if (small.config.kind !== "eagle2") {
    throw new UnsupportedModelError(
      `inflating a head of kind ${small.config.kind}`,
      "expected an EAGLE-2 head",
    );
  }
  const from = small.config.model;
  for (const key of ["hiddenSize", "vocabSize"] as const) {
    if (from[key] === verifier[key]) continue;
    throw new ArgumentError(
      "verifier",
      `Cannot inflate ${small.dir}: its ${key} is ${from[key]}, expected ${verifier[key]}`,
    );
  }
  const { draftVocabSize = shape.vocabSize } = options;
  const ownOutput = options.draftVocabSize !== undefined;
  if (draftVocabSize < from.vocabSize || draftVocabSize > shape.vocabSize) {
    throw new ArgumentError(
      "draftVocabSize",
      `Cannot inflate ${small.dir}: draftVocabSize is ${draftVocabSize}, expected ` +
        `${from.vocabSize} to ${shape.vocabSize}`,
    );
  }
  const { quantization } = small;
  const gptq = quantization && gptqConfig(quantization);
  const group = gptq && gptqGroup(gptq);
  const placement = place(from, shape, group ?? 1);
  const model = { ...bigConfig(from, shape, placement), layers: from.layers };
  const config = { ...small.config, model, draftVocabSize, ownOutput, recentTokens: 0 };
  const dir = `${small.dir} inflated to ${model.hiddenSize}`;
  const ownEmbedding = small.tensors.find("embed_tokens.weight") !== undefined;
  const corner = new Corner(small.tensors, from, model, placement, gptq);
  const linears = group === undefined ? plainTensors : gptqTensors(group);
  const layout = headLayout(dir, config, { linears, ownEmbedding });
  const source = inflatedSource(corner, dir, layout, options);
  return {
    dir,
    config,
    tensors: source,
    unusedKeys: [],
    ...(quantization && { quantization }),
    [Symbol.dispose]: () => source[Symbol.dispose](),
  };
}

function gptqConfig({ method, config }: QuantizationConfig): GptqConfig {
  if (method === "gptq") return config;
  throw new UnsupportedModelError(`inflating ${method}`, "expected GPTQ or no quantization");
}

function gptqGroup({ bits, groupSize, descAct, dynamic }: GptqConfig): number {
  if (bits !== 4 || dynamic !== undefined) {
    throw new UnsupportedModelError("inflating GPTQ of 8 bits", "expected 4 bits in all layers");
  }
  if (groupSize > 0 && !descAct) return groupSize;
  throw new UnsupportedModelError(
    `inflating GPTQ of group_size ${groupSize}, desc_act ${descAct}`,
    "expected groups of 32, 64 or 128 in order",
  );
}

function bigConfig(small: ModelConfig, big: ModelConfig, { gain }: Placement): ModelConfig {
  if (small.qkvBias || small.outputBias || small.mlpBias || small.qkNorm) {
    throw new UnsupportedModelError(
      "inflating a model with biases or norms of its heads",
      "expected a model like Llama's",
    );
  }
  const { vocabSize, hiddenSize, intermediateSize, layers, heads, kvHeads } = big;
  const sizes = { vocabSize, hiddenSize, intermediateSize, layers, heads, kvHeads };
  return { ...small, ...sizes, rmsNormEps: small.rmsNormEps * gain ** 2 };
}

function inflatedSource(
  corner: Corner,
  file: string,
  layout: LayoutTensor[],
  { seed = 0 }: InflateOptions,
): TensorSource {
  const blocks = new RandomBlocks(seed);
  // Loading reads a tensor in pieces, one after another: the patches of the last one are enough.
  let last: { tensor: LayoutTensor; patches: Patch[] } | undefined;
  return layoutSource(file, layout, (tensor, offset, into) => {
    const block = background(tensor, blocks);
    repeatInto(into, block, blocks.position(tensor.name) + offset);
    if (last?.tensor !== tensor) last = { tensor, patches: corner.patches(tensor) };
    const elementBytes = tensor.role === "qweight" ? 4 : 2;
    const columns = tensor.shape[tensor.shape.length - 1];
    applyPatches(into, offset, columns * elementBytes, elementBytes, last.patches);
  });
}

/** What a tensor holds outside the corner: too small to move a logit, and never zeros. */
function background(
  { role, dtype, size = 0 }: LayoutTensor,
  blocks: RandomBlocks,
): Uint8Array<ArrayBuffer> {
  switch (role) {
    case "qweight":
      return blocks.nibbles;
    case "scales":
      return blocks.uniform(2 ** -24, 2 ** -22);
    case "norm":
      return blocks.uniform(2 ** -10, 2 ** -9);
    case "constant":
      return blocks.constant(size, dtype);
    default:
      return blocks.normal(NOISE);
  }
}

/** What a small model puts into the tensors of a big one. */
class Corner {
  readonly #source: TensorSource;
  readonly #small: ModelConfig;
  readonly #big: ModelConfig;
  readonly #placement: Placement;
  readonly #gptq?: GptqConfig;

  constructor(
    source: TensorSource,
    small: ModelConfig,
    big: ModelConfig,
    placement: Placement,
    gptq?: GptqConfig,
  ) {
    this.#source = source;
    this.#small = small;
    this.#big = big;
    this.#placement = placement;
    this.#gptq = gptq;
  }

  /** The patches of `tensor`; later ones lie over earlier ones. */
  patches(tensor: LayoutTensor): Patch[] {
    const added = tensor.layer !== undefined && tensor.layer >= this.#small.layers;
    return [...(added ? [] : this.#weights(tensor)), ...this.#constants(tensor)];
  }

  /** The small model's own. */
  #weights({ name, role, part }: LayoutTensor): Patch[] {
    const { gain, read, written, vocabulary } = this.#placement;
    const { vocabSize, hiddenSize } = this.#small;
    switch (role) {
      case "constant":
        return [];
      case "norm": {
        const scaled = read.map((segment) => ({ ...segment, scale: gain }));
        return cutPatches(this.#f16(name, [hiddenSize]), ONE, scaled);
      }
      case "embedding":
        return cutPatches(this.#f16(name, [vocabSize, hiddenSize]), vocabulary, written);
      case "bias":
        return cutPatches(this.#f16(name, [hiddenSize]), ONE, written);
      default: {
        const [outputs, inputs] = this.#axes(part);
        const [n, k] = [outputs, inputs].map(smallSize);
        if (role === "weight") {
          const tied = part === "lm_head" && this.#small.tiedEmbeddings;
          const stored = tied ? "model.embed_tokens.weight" : name;
          return cutPatches(this.#f16(stored, [n, k]), outputs, inputs);
        }
        const prefix = name.slice(0, name.lastIndexOf("."));
        const { group, groups, order, asymmetric } = describeGptqLinear(
          this.#source,
          prefix,
          this.#gptq!,
        );
        if (asymmetric) {
          throw new UnsupportedModelError("inflating asymmetric GPTQ", "expected symmetric");
        }
        if (order !== undefined) gptqGroup({ ...this.#gptq!, descAct: true });
        if (role === "scales") {
          return cutPatches(this.#f16(name, [groups, n]), inputs, outputs, group);
        }
        const words = this.#read(name, "i32", [k / 8, n]);
        const matrix = { data: new Uint32Array(words.buffer), columns: n };
        return cutPatches(matrix, inputs, outputs, 8);
      }
    }
  }

  /** What carries the constant: written by embeddings, left alone by layers, read for padded rows only. */
  #constants({ role, part, shape }: LayoutTensor): Patch[] {
    const { gain, constant } = this.#placement;
    const zero = () => 0;
    switch (part) {
      case "embed_tokens":
        return [f16Patch(0, constant, shape[0], 1, () => CONSTANT)];
      case "o_proj":
      case "down_proj":
        // Biases were refused, and nibbles do not matter where scales are zero.
        if (role === "qweight") return [];
        if (role === "scales") return [f16Patch(0, constant, shape[0], 1, zero)];
        return [f16Patch(constant, 0, 1, shape[1], zero)];
      case "norm":
        // Behind the final norm the constant is 4 over the root mean square of the small residual stream.
        return [f16Patch(0, constant, 1, 1, () => (4 * gain) / CONSTANT)];
      case "lm_head": {
        const real = this.#small.vocabSize;
        if (role === "weight") {
          return [f16Patch(0, constant, shape[0], 1, (row) => row < real ? 0 : REPULSION)];
        }
        const padded = shape[1] - real;
        return [
          ...this.#readNothing(role, constant, 0, real),
          ...this.#readOne(role, constant, real, padded, REPULSION),
        ];
      }
      case "fc": {
        if (role === "bias") return [f16Patch(0, constant, 1, 1, zero)];
        const hidden = this.#big.hiddenSize;
        if (role !== "weight") {
          return [
            ...this.#readNothing(role, hidden + constant, 0, shape[1]),
            ...(role === "scales" ? [f16Patch(0, constant, shape[0], 1, zero)] : []),
            ...this.#readOne(role, constant, constant, 1, HEAD_CONSTANT / CONSTANT),
          ];
        }
        return [
          f16Patch(0, hidden + constant, shape[0], 1, zero),
          f16Patch(constant, 0, 1, shape[1], zero),
          f16Patch(constant, constant, 1, 1, () => HEAD_CONSTANT / CONSTANT),
        ];
      }
      default:
        return [];
    }
  }

  /** Patches of a quantized layer: `count` outputs from `first` on do not read `input`, nor the seven before it. */
  #readNothing(role: TensorRole, input: number, first: number, count: number): Patch[] {
    return role === "qweight" ? [wordPatch(Math.floor(input / 8), first, 1, count, ZEROS)] : [];
  }

  /**
   * Patches of a quantized layer: of the group of `input`, its last one, `count` outputs from `first` on read nothing else,
   * and that times `weight`, a power of two or minus one.
   */
  #readOne(
    role: TensorRole,
    input: number,
    first: number,
    count: number,
    weight: number,
  ): Patch[] {
    const { groupSize } = this.#gptq!;
    const scale = weight < 0 ? -weight / 8 : weight;
    if (role === "scales") {
      return [f16Patch(Math.floor(input / groupSize), first, 1, count, () => scale)];
    }
    const word = Math.floor(input / 8);
    const words = groupSize / 8;
    // The lowest number is -8 steps, the one above zero is one.
    const last = (ZEROS & 0x0fffffff) | (weight < 0 ? 0 : 9 << 28);
    return [
      wordPatch(word + 1 - words, first, words - 1, count, ZEROS),
      wordPatch(word, first, 1, count, last),
    ];
  }

  /** The outputs and inputs of a linear layer. */
  #axes(part: string): [readonly Segment[], readonly Segment[]] {
    const { queries, keys, read, written, inner, vocabulary, pair } = this.#placement;
    switch (part) {
      case "q_proj":
        return [queries, read];
      case "k_proj":
      case "v_proj":
        return [keys, read];
      case "o_proj":
        return [written, queries];
      case "gate_proj":
      case "up_proj":
        return [inner, read];
      case "down_proj":
        return [written, inner];
      case "fc":
        return [written, pair];
      case "lm_head":
        return [vocabulary, read];
      default:
        throw new Error(`there is no linear layer called ${part}`);
    }
  }

  #f16(name: string, shape: Shape): Matrix {
    const bytes = this.#read(name, "f16", shape);
    return { data: new Uint16Array(bytes.buffer), columns: shape[shape.length - 1] };
  }

  #read(name: string, dtype: DType, shape: Shape): Uint8Array<ArrayBuffer> {
    const info = this.#source.info(name);
    if (info.dtype !== dtype) {
      throw new UnsupportedModelError(
        `inflating ${info.dtype} (tensor "${name}")`,
        `expected ${dtype}`,
      );
    }
    if (!sameShape(info.shape, shape)) {
      throw new CheckpointError(
        info.file,
        `its shape is ${showShape(info.shape)}, expected ${showShape(shape)}`,
        name,
      );
    }
    return this.#source.read(name);
  }
}

/** Eight inputs that a symmetric layer does not read. */
const ZEROS = 0x88888888;

/** A rectangle of one word of nibbles. */
function wordPatch(
  row: number,
  column: number,
  rows: number,
  columns: number,
  word: number,
): Patch {
  const words = new Uint32Array(rows * columns).fill(word);
  return { row, column, columns, bytes: new Uint8Array(words.buffer) };
}

/** The only row of a vector. */
const ONE: readonly Segment[] = [{ from: 0, to: 0, length: 1, scale: 1 }];

/** Elements of the small axis that segments are from. */
function smallSize(segments: readonly Segment[]): number {
  return Math.max(...segments.map(({ from, length }) => from + length));
}
