/**
 * Models of any shape with random weights and no files: what a shape costs, not what a model says. Weights are
 * random and never zeros, as real ones are, and sized so that activations stay finite through all layers.
 *
 * @module
 */
import type { Checkpoint } from "../checkpoint.ts";
import type { ModelConfig } from "../config/config.ts";
import type { Head, HeadConfig } from "../head.ts";
import { Fields } from "../containers/json.ts";
import { headLayout, layoutSource, type LayoutTensor, modelLayout } from "./layout.ts";
import { parseQuantization } from "../formats/quantization.ts";
import { RandomBlocks, repeatInto } from "./random_blocks.ts";
import type { TensorSource } from "../containers/source.ts";
import {
  syntheticFormat,
  type SyntheticLmHead,
  type SyntheticScheme,
} from "./synthetic_schemes.ts";

/** What to make up. */
export interface SyntheticOptions {
  /** How linear layers are stored. */
  readonly scheme: SyntheticScheme;
  /** How the output projection is stored, f16 where absent; an ArgumentError beside schemes other than GPTQ's. */
  readonly lmHead?: SyntheticLmHead;
  /** Where random numbers start; 0 where absent. */
  readonly seed?: number;
  /** What messages call it; `synthetic` where absent. */
  readonly name?: string;
}

/** A checkpoint of `shape` whose weights are random. */
export function syntheticCheckpoint(shape: ModelConfig, options: SyntheticOptions): Checkpoint {
  const { scheme, seed = 0, name = "synthetic" } = options;
  const { description, tensors: stored, lmHead } = syntheticFormat(scheme, options.lmHead);
  const tensors = synthetic(name, modelLayout(name, shape, stored, lmHead), seed);
  const { eosTokenIds, bosTokenId, padTokenId } = shape;
  return {
    dir: name,
    config: shape,
    tensors,
    rawConfig: {},
    unusedKeys: [],
    ...(description && {
      quantization: parseQuantization(new Fields(name, description), tensors),
    }),
    generation: { eosTokenIds, bosTokenId, padTokenId, others: [] },
    [Symbol.dispose]: () => tensors[Symbol.dispose](),
  };
}

/** An EAGLE-2 head of `shape` whose weights are random, f16 where no scheme is named; it shares its verifier's embedding. */
export function syntheticHead(
  shape: HeadConfig,
  options: Partial<Omit<SyntheticOptions, "lmHead">> = {},
): Head {
  const { scheme = "f16", seed = 0, name = "synthetic head" } = options;
  const { description, tensors: stored } = syntheticFormat(scheme, undefined);
  const tensors = synthetic(name, headLayout(name, shape, false, stored), seed);
  return {
    dir: name,
    config: shape,
    tensors,
    ...(description && {
      quantization: parseQuantization(new Fields(name, description), tensors),
    }),
    unusedKeys: [],
    [Symbol.dispose]: () => tensors[Symbol.dispose](),
  };
}

function synthetic(name: string, layout: LayoutTensor[], seed: number): TensorSource {
  const blocks = new RandomBlocks(seed);
  return layoutSource(
    name,
    layout,
    (tensor, offset, into) =>
      repeatInto(into, blockOf(tensor, blocks), blocks.position(tensor.name) + offset),
  );
}

function blockOf(
  { role, inputs, dtype, size = 1 }: LayoutTensor,
  blocks: RandomBlocks,
): Uint8Array<ArrayBuffer> {
  const deviation = 1 / Math.sqrt(inputs);
  switch (role) {
    case "norm":
      return blocks.uniform(0.9, 1.1);
    case "qweight":
      return blocks.nibbles;
    case "e4m3":
      return blocks.e4m3;
    case "scales":
      return blocks.uniform(0.75 * size * deviation, 1.25 * size * deviation, dtype);
    case "level":
      return blocks.constant(size * deviation, dtype);
    case "constant":
      return blocks.constant(size, dtype);
    case "zeros":
      return blocks.constant(0, "i32");
    case "embedding":
    case "weight":
    case "bias":
      return blocks.normal(deviation);
  }
}
