/**
 * Conversions between raw little-endian half-precision bytes and f32 arrays. Rounding is to nearest, ties to even.
 *
 * @module
 */
import type { DType } from "./dtype.ts";

/** The dtypes that {@link toF32} reads. */
export type FloatDType = "f32" | "f16" | "bf16";

/** Whether `dtype` is one that {@link toF32} reads. */
export function isFloatDType(dtype: DType): dtype is FloatDType {
  return dtype === "f32" || dtype === "f16" || dtype === "bf16";
}

/** Typed arrays need aligned bytes: copies only where `bytes` is not aligned to `size`. */
function aligned(bytes: Uint8Array, size: number): Uint8Array {
  return bytes.byteOffset % size === 0 ? bytes : bytes.slice();
}

/** f16 bytes (two an element) as new f32 values. */
export function f16ToF32(bytes: Uint8Array): Float32Array<ArrayBuffer> {
  const { buffer, byteOffset, byteLength } = aligned(bytes, 2);
  return new Float32Array(new Float16Array(buffer, byteOffset, byteLength / 2));
}

/** f32 values rounded to f16. Values beyond 65504 (rounded) become infinite. */
export function f32ToF16(values: Float32Array): Float16Array<ArrayBuffer> {
  return new Float16Array(values);
}

/** bf16 bytes (two an element) as new f32 values; exact. */
export function bf16ToF32(bytes: Uint8Array): Float32Array<ArrayBuffer> {
  const { buffer, byteOffset, byteLength } = aligned(bytes, 2);
  const source = new Uint16Array(buffer, byteOffset, byteLength / 2);
  const bits = new Uint32Array(source.length);
  for (let i = 0; i < bits.length; i++) bits[i] = source[i] << 16;
  return new Float32Array(bits.buffer);
}

/** f32 values rounded to bf16, as raw 16-bit patterns; a NaN stays a (quiet) NaN. */
export function f32ToBf16(values: Float32Array): Uint16Array<ArrayBuffer> {
  const source = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const out = new Uint16Array(source.length);
  for (let i = 0; i < out.length; i++) {
    const bits = source[i];
    const isNaN = (bits & 0x7fffffff) > 0x7f800000;
    out[i] = isNaN ? (bits >>> 16) | 0x40 : (bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16;
  }
  return out;
}

/** Bytes of `dtype` as f32 values. For f32 the result may share memory with `bytes`. */
export function toF32(
  bytes: Uint8Array<ArrayBuffer>,
  dtype: FloatDType,
): Float32Array<ArrayBuffer> {
  if (dtype === "f16") return f16ToF32(bytes);
  if (dtype === "bf16") return bf16ToF32(bytes);
  const { buffer, byteOffset, byteLength } = bytes.byteOffset % 4 === 0 ? bytes : bytes.slice();
  return new Float32Array(buffer, byteOffset, byteLength / 4);
}
