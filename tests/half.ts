/**
 * From numbers to the bytes of a dtype and back, for tests. Written apart from the library's own.
 *
 * @module
 */

import type { DType } from "../src/base/dtype.ts";

/** The dtypes that tests make tensors of. */
export type TestDType = Extract<DType, "f16" | "bf16" | "f32" | "i32" | "u64" | "u8">;

const single = new Float32Array(1);
const singleBits = new Uint32Array(single.buffer);

/** The nearest bf16, ties to even, as 16 bits. */
export function bf16Bits(value: number): number {
  single[0] = value;
  const bits = singleBits[0];
  if (Number.isNaN(value)) return 0x7fc0;
  const half = bits & 0xffff;
  const up = half > 0x8000 || (half === 0x8000 && (bits & 0x10000) !== 0);
  return ((bits >>> 16) + (up ? 1 : 0)) & 0xffff;
}

/** The values as the bytes of `dtype`. */
export function encode(
  dtype: TestDType,
  values: ArrayLike<number> | ArrayLike<bigint>,
): ArrayBufferView<ArrayBuffer> {
  if (dtype === "u64") return BigUint64Array.from(values as ArrayLike<bigint>);
  const numbers = values as ArrayLike<number>;
  if (dtype === "f16") return Float16Array.from(numbers);
  if (dtype === "f32") return Float32Array.from(numbers);
  if (dtype === "i32") return Int32Array.from(numbers);
  if (dtype === "u8") return Uint8Array.from(numbers);
  return Uint16Array.from(numbers, bf16Bits);
}

/** The bytes of a number dtype as values. */
export function decode(
  dtype: Exclude<TestDType, "u64">,
  { buffer, byteOffset, byteLength }: Uint8Array<ArrayBuffer>,
): Float64Array {
  const bytes = buffer.slice(byteOffset, byteOffset + byteLength);
  if (dtype === "f16") return Float64Array.from(new Float16Array(bytes));
  if (dtype === "f32") return Float64Array.from(new Float32Array(bytes));
  if (dtype === "i32") return Float64Array.from(new Int32Array(bytes));
  if (dtype === "u8") return Float64Array.from(new Uint8Array(bytes));
  const wide = Uint32Array.from(new Uint16Array(bytes), (bits) => bits << 16);
  return Float64Array.from(new Float32Array(wide.buffer));
}
