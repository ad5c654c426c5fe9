/**
 * Typed arrays as tensors of a file.
 *
 * @module
 */
import type { DType } from "../../base/dtype.ts";
import type { Shape } from "../../base/shape.ts";
import type { TensorToWrite } from "../../checkpoint/containers/safetensors_writer.ts";

/** A tensor that is in memory. */
export function tensorOf(
  name: string,
  dtype: DType,
  shape: Shape,
  values: ArrayBufferView,
): TensorToWrite {
  const { buffer, byteOffset, byteLength } = values;
  return { name, dtype, shape, data: () => new Uint8Array(buffer, byteOffset, byteLength) };
}
