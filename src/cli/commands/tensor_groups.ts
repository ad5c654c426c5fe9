/**
 * A short table of many tensors: the same tensor of all layers is one row.
 *
 * @module
 */
import type { TensorInfo } from "../../checkpoint/containers/source.ts";
import { layerPattern } from "../../checkpoint/names.ts";

/** Tensors of one name but for the layer's number, of one dtype and shape. */
export interface TensorGroup {
  /** The name, with `*` for the layer's number where there are several. */
  readonly name: string;
  /** How many there are. */
  readonly count: number;
  /** The dtype of each, or what GGUF calls its blocks. */
  readonly dtype: string;
  /** The shape of each, of blocks that of what they stand for. */
  readonly shape: readonly number[];
  /** Bytes of all. */
  readonly bytes: number;
}

/** Groups tensors, in the order of each group's first. */
export function groupTensors(tensors: readonly TensorInfo[]): TensorGroup[] {
  const groups = new Map<string, TensorGroup>();
  for (const { name, bytes, ...info } of tensors) {
    const dtype = info.blocks?.type ?? info.dtype;
    const { shape } = info.blocks ?? info;
    const pattern = layerPattern(name);
    const key = `${dtype} ${shape.join(",")} ${pattern}`;
    const found = groups.get(key);
    groups.set(
      key,
      found === undefined
        ? { name, count: 1, dtype, shape, bytes }
        : { ...found, name: pattern, count: found.count + 1, bytes: found.bytes + bytes },
    );
  }
  return [...groups.values()];
}
