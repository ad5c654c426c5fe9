/**
 * Models of any shape with random weights and no files: what a shape costs, not what a model says. Weights are
 * random and never zeros, as real ones are, and sized so that activations stay finite through all layers.
 *
 * @module
 */
import type { Checkpoint } from "./checkpoint.ts";
import type { ModelConfig } from "./config.ts";
import type { Head, HeadConfig } from "./head_config.ts";
import { headLayout, layoutSource, type LayoutTensor, modelLayout } from "./layout.ts";
import { RandomBlocks, repeatInto } from "./random_blocks.ts";
import type { TensorSource } from "./source.ts";

/** Inputs that share a scale in `w4a16-g128`. */
const GROUP = 128;

/** How linear layers of a made-up model are stored; embedding and output projection are f16 always. */
export type SyntheticScheme = "w4a16-g128" | "f16";

/** What to make up. */
export interface SyntheticOptions {
  /** How linear layers are stored. */
  readonly scheme: SyntheticScheme;
  /** Where random numbers start; 0 where absent. */
  readonly seed?: number;
  /** What messages call it; `synthetic` where absent. */
  readonly name?: string;
}

/** A checkpoint of `shape` whose weights are random. */
export function syntheticCheckpoint(shape: ModelConfig, options: SyntheticOptions): Checkpoint {
  const { scheme, seed = 0, name = "synthetic" } = options;
  const quantized = scheme === "w4a16-g128";
  const tensors = synthetic(name, modelLayout(name, shape, quantized ? GROUP : undefined), seed);
  const { eosTokenIds, bosTokenId, padTokenId } = shape;
  return {
    dir: name,
    config: shape,
    tensors,
    rawConfig: {},
    ...(quantized && {
      quantization: {
        method: "gptq",
        config: {
          bits: 4,
          groupSize: GROUP,
          descAct: false,
          symmetric: true,
          staticGroups: false,
          format: "gptq",
          lmHead: false,
        },
      },
    }),
    generation: { eosTokenIds, bosTokenId, padTokenId },
    [Symbol.dispose]: () => tensors[Symbol.dispose](),
  };
}

/** An EAGLE-2 head of `shape` whose weights are random; it shares its verifier's embedding. */
export function syntheticHead(
  shape: HeadConfig,
  options: Omit<SyntheticOptions, "scheme"> = {},
): Head {
  const { seed = 0, name = "synthetic head" } = options;
  const tensors = synthetic(name, headLayout(name, shape), seed);
  return { dir: name, config: shape, tensors, [Symbol.dispose]: () => tensors[Symbol.dispose]() };
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

function blockOf({ role, inputs }: LayoutTensor, blocks: RandomBlocks): Uint8Array<ArrayBuffer> {
  const deviation = 1 / Math.sqrt(inputs);
  switch (role) {
    case "norm":
      return blocks.uniform(0.9, 1.1);
    case "qweight":
      return blocks.nibbles;
    case "scales":
      return blocks.uniform((0.75 * deviation) / 7, (1.25 * deviation) / 7);
    case "embedding":
    case "weight":
    case "bias":
      return blocks.normal(deviation);
  }
}
