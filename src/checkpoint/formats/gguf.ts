/**
 * Linear layers of GGUF files: blocks of elements with their scales. What each tensor is, the tensor itself says.
 *
 * @module
 */
import { CheckpointError } from "../../base/errors.ts";
import { sameShape, showShape } from "../../base/shape.ts";
import type { TensorSource } from "../containers/source.ts";
import type { Format } from "./format.ts";
import type { BlockType, LinearShape, StoredBlocks } from "./stored_linear.ts";

/** Nothing: the tensors say it all. */
export type GgufConfig = Readonly<Record<string, never>>;

/** The format of GGUF. No description of a checkpoint names it; floats are left to those who read floats. */
export const gguf: Format<GgufConfig> = {
  parse: () => ({}),
  linear: findBlocks,
};

/** The tensor `prefix`.weight where it is stored in blocks, its shape checked; undefined where it is not. */
export function findBlocks(source: TensorSource, shape: LinearShape): StoredBlocks | undefined {
  const { prefix, n, k } = shape;
  const tensor = `${prefix}.weight`;
  const info = source.find(tensor);
  if (info?.blocks === undefined) return undefined;
  if (!sameShape(info.blocks.shape, [n, k])) {
    throw new CheckpointError(
      info.file,
      `its shape is ${showShape(info.blocks.shape)}, expected ${showShape([n, k])}`,
      tensor,
    );
  }
  // Sources have no other types under names that layers have.
  return { kind: "blocks", prefix, n, k, tensor, type: info.blocks.type as BlockType };
}
