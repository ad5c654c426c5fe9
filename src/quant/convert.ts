/**
 * From the float dtypes of files to the activation dtypes of devices.
 *
 * @module
 */
import type { ActivationDType } from "../base/dtype.ts";
import { f32ToBf16, f32ToF16, type FloatDType, toF32 } from "../base/half.ts";

/**
 * Converts little-endian `bytes` of dtype `from` to dtype `to`, rounding to nearest. Returns the
 * bytes themselves where nothing changes, and undefined where a finite value does not fit into f16.
 */
export function toActivation(
  bytes: Uint8Array<ArrayBuffer>,
  from: FloatDType,
  to: ActivationDType,
): Uint8Array<ArrayBuffer> | undefined {
  if (from === to) return bytes;
  const values = toF32(bytes, from);
  if (to === "bf16") return asBytes(f32ToBf16(values));
  for (let i = 0; i < values.length; i++) {
    const value = Math.abs(values[i]);
    if (value > 65504 && value !== Infinity) return undefined;
  }
  return asBytes(f32ToF16(values));
}

function asBytes(
  array: Float16Array<ArrayBuffer> | Uint16Array<ArrayBuffer>,
): Uint8Array<ArrayBuffer> {
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
}
