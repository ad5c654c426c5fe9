/**
 * From numbers to the bytes of a dtype and back, for tests. Written apart from the library's own.
 *
 * @module
 */

import type { DType } from "../src/base/dtype.ts";

/** The dtypes that tests make tensors of. */
export type TestDType = Extract<
  DType,
  "f16" | "bf16" | "f32" | "i32" | "u64" | "u8" | "i8" | "f8_e4m3"
>;

/** The nearest bf16, ties to even, of an f32, both as bits. */
function bf16Of(bits: number): number {
  if ((bits & 0x7fffffff) > 0x7f800000) return 0x7fc0; // NaN
  const half = bits & 0xffff;
  const up = half > 0x8000 || (half === 0x8000 && (bits & 0x10000) !== 0);
  return ((bits >>> 16) + (up ? 1 : 0)) & 0xffff;
}

/** The value of each byte as e4m3: a sign, 4 bits of exponent (bias 7), 3 of mantissa, no infinity. */
const E4M3 = Float64Array.from({ length: 256 }, (_, byte) => {
  const [exponent, mantissa] = [(byte >> 3) & 15, byte & 7];
  if (exponent === 15 && mantissa === 7) return NaN;
  const value = exponent === 0 ? mantissa * 2 ** -9 : (8 + mantissa) * 2 ** (exponent - 10);
  return byte < 128 ? value : -value;
});

/** The value of an e4m3 byte. */
export function e4m3Value(byte: number): number {
  return E4M3[byte];
}

/** The nearest e4m3, ties to the even byte; beyond 448 it saturates. */
export function e4m3Byte(value: number): number {
  const magnitude = Math.abs(value);
  let [above, last] = [0, 0x7e];
  while (above < last) {
    const middle = (above + last) >> 1;
    if (E4M3[middle] < magnitude) above = middle + 1;
    else last = middle;
  }
  const below = Math.max(above - 1, 0);
  const [down, up] = [magnitude - E4M3[below], E4M3[above] - magnitude];
  const nearest = down < up || (down === up && below % 2 === 0) ? below : above;
  return nearest + (value < 0 || Object.is(value, -0) ? 128 : 0);
}

/** The nearest integer, ties to even. */
export function roundToEven(value: number): number {
  const below = Math.floor(value);
  const over = value - below;
  return over < 0.5 || (over === 0.5 && below % 2 === 0) ? below : below + 1;
}

/** The nearest bf16. A loop: `from` with a function takes fifty times as long. */
function bf16Array(values: ArrayLike<number>): Uint16Array<ArrayBuffer> {
  const bits = new Uint32Array(Float32Array.from(values).buffer);
  const out = new Uint16Array(bits.length);
  for (let i = 0; i < out.length; i++) out[i] = bf16Of(bits[i]);
  return out;
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
  if (dtype === "i8") return Int8Array.from(numbers);
  if (dtype === "f8_e4m3") return Uint8Array.from(numbers, e4m3Byte);
  return bf16Array(numbers);
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
  if (dtype === "i8") return Float64Array.from(new Int8Array(bytes));
  if (dtype === "f8_e4m3") return Float64Array.from(new Uint8Array(bytes), e4m3Value);
  const narrow = new Uint16Array(bytes);
  const wide = new Uint32Array(narrow.length);
  for (let i = 0; i < wide.length; i++) wide[i] = narrow[i] << 16;
  return Float64Array.from(new Float32Array(wide.buffer));
}

/** The values as `dtype` holds them. */
export function rounded(
  dtype: Exclude<TestDType, "u64">,
  values: ArrayLike<number>,
): Float64Array {
  const { buffer, byteOffset, byteLength } = encode(dtype, values);
  return decode(dtype, new Uint8Array(buffer, byteOffset, byteLength));
}
