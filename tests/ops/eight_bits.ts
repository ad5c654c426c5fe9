/**
 * KV caches in 8 bits as the C ABI defines them, written apart from the library's own.
 *
 * @module
 */
import type { Tensor } from "../../src/device/mod.ts";
import { decode, encode, roundToEven } from "../half.ts";
import { type Activation, type Rig, rowOf } from "../rig.ts";

/** Heads of a cache, and the dtype of activations. */
export interface CacheShape {
  readonly dtype: Activation;
  readonly kvHeads: number;
  readonly headDim: number;
}

/** Bytes of a slot: elements, scales, and up to a multiple of 32. */
export function slotBytes({ kvHeads, headDim }: CacheShape): number {
  return Math.ceil((kvHeads * headDim + 2 * kvHeads) / 32) * 32;
}

/** One number as bytes. */
function bytesOf(dtype: Activation, value: number): Uint8Array<ArrayBuffer> {
  const { buffer, byteOffset, byteLength } = encode(dtype, [value]);
  return new Uint8Array(buffer, byteOffset, byteLength);
}

/** The lowest number of the dtype that is not below `value`, zero or more; NaN for what is not finite. */
function roundedUp(dtype: Activation, value: number): Uint8Array<ArrayBuffer> {
  const bytes = bytesOf(dtype, value);
  if (decode(dtype, bytes)[0] >= value || !Number.isFinite(value)) return bytes;
  const bits = new DataView(bytes.buffer, bytes.byteOffset);
  bits.setUint16(0, bits.getUint16(0, true) + 1, true);
  return bytes;
}

/**
 * The bytes of a cache of `values`, [slots, kvHeads, headDim], which are numbers of its dtype, and what they stand for. What
 * fills a slot up is `filling`.
 */
export function inEightBits(
  shape: CacheShape,
  values: Float64Array,
  filling = 0,
): { bytes: Uint8Array<ArrayBuffer>; values: Float64Array } {
  const { dtype, kvHeads, headDim } = shape;
  const row = slotBytes(shape), elements = kvHeads * headDim;
  const slots = values.length / elements;
  const bytes = new Uint8Array(slots * row).fill(filling);
  const stands = new Float64Array(values.length);
  for (let slot = 0; slot < slots; slot++) {
    for (let h = 0; h < kvHeads; h++) {
      const head = slot * kvHeads + h;
      const x = rowOf(values, head, headDim);
      let largest = 0;
      for (const one of x) largest = Math.max(largest, Math.abs(one)); // NaN where one is
      const broken = !Number.isFinite(largest);
      const scale = broken ? bytesOf(dtype, NaN) : roundedUp(dtype, largest / 127);
      const s = decode(dtype, scale)[0];
      bytes.set(scale, slot * row + elements + 2 * h);
      for (let j = 0; j < headDim; j++) {
        const q = s > 0 ? roundToEven(Math.fround(x[j] / s)) : 0;
        bytes[slot * row + h * headDim + j] = q;
        stands[head * headDim + j] = q * s;
      }
    }
  }
  return { bytes, values: stands };
}

/** A cache of `values`, [slots, kvHeads, headDim], as activations are or in 8 bits, and what it holds. */
export function putCache(
  rig: Rig,
  shape: CacheShape & { readonly cache?: "i8" },
  values: Float64Array,
): { tensor: Tensor; values: Float64Array } {
  const { dtype, kvHeads, headDim, cache } = shape;
  const slots = values.length / (kvHeads * headDim);
  const tensor = rig.put(dtype, [slots, kvHeads, headDim], values);
  const rounded = rig.get(tensor);
  if (cache === undefined) return { tensor, values: rounded };
  const eight = inEightBits(shape, rounded);
  const memory = rig.arena.fromHost("i8", [slots, slotBytes(shape)], eight.bytes);
  return { tensor: memory, values: eight.values };
}
