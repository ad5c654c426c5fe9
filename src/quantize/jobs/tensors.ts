/**
 * Float tensors in memory, as numbers that can be changed.
 *
 * @module
 */
import { DTYPE_BYTES } from "../../base/dtype.ts";
import { CheckpointError } from "../../base/errors.ts";
import { f32ToBf16, f32ToF16, type FloatDType, isFloatDType, toF32 } from "../../base/half.ts";
import type { Shape } from "../../base/shape.ts";
import type { TensorToWrite } from "../../checkpoint/containers/safetensors_writer.ts";
import {
  sourceOf,
  type TensorInfo,
  type TensorSource,
} from "../../checkpoint/containers/source.ts";

/** A float tensor. */
export interface FloatTensor {
  /** The dtype that it had in its file, and gets in the next one. */
  readonly dtype: FloatDType;
  /** Its shape. */
  readonly shape: Shape;
  /** Its values, row-major. */
  readonly values: Float32Array<ArrayBuffer>;
}

/** Float tensors by name. */
export type Floats = Map<string, FloatTensor>;

/** Reads the tensors of a source whose names begin with `prefix`; a CheckpointError where one holds no floats. */
export function readFloats(source: TensorSource, prefix: string): Floats {
  const floats: Floats = new Map();
  for (const name of source.names()) {
    if (!name.startsWith(prefix)) continue;
    const { shape } = source.info(name);
    const dtype = floatDType(source.info(name));
    // A file's f32 bytes may be what `toF32` returns, and are changed later: each read is new memory.
    floats.set(name, { dtype, shape, values: toF32(source.read(name), dtype) });
  }
  return floats;
}

/** The dtype of a tensor; a CheckpointError where that is none of floats. */
export function floatDType({ name, dtype, shape, file }: TensorInfo): FloatDType {
  if (isFloatDType(dtype)) return dtype;
  throw new CheckpointError(
    file,
    `it is ${dtype} [${shape.join(", ")}], expected f16, bf16 or f32`,
    name,
  );
}

/** Values as bytes of a dtype, rounded to nearest. */
export function encodeFloats(
  values: Float32Array<ArrayBuffer>,
  dtype: FloatDType,
): Uint8Array<ArrayBuffer> {
  const array = dtype === "f16" ? f32ToF16(values) : dtype === "bf16" ? f32ToBf16(values) : values;
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
}

/** A float tensor on its way to a file. */
export function floatToWrite(name: string, { dtype, shape, values }: FloatTensor): TensorToWrite {
  return { name, dtype, shape, data: () => encodeFloats(values, dtype) };
}

/** The tensors as a source, for loading onto a device; `file` is for messages. Values are rounded to their dtypes. */
export function sourceOfFloats(file: string, floats: Floats): TensorSource {
  const info = (name: string): TensorInfo | undefined => {
    const found = floats.get(name);
    if (found === undefined) return undefined;
    const { dtype, shape, values } = found;
    return { name, dtype, shape, file, bytes: values.length * DTYPE_BYTES[dtype] };
  };
  return sourceOf({
    file,
    names: () => [...floats.keys()],
    find: info,
    fill({ name, dtype }, offset, into) {
      const { values } = floats.get(name)!;
      const size = DTYPE_BYTES[dtype];
      const first = Math.floor(offset / size);
      const last = Math.ceil((offset + into.length) / size);
      const bytes = encodeFloats(values.slice(first, last), dtype as FloatDType);
      into.set(bytes.subarray(offset - first * size).subarray(0, into.length));
    },
    close: () => {},
  });
}
