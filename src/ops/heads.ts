/**
 * What rope_kv and attention check alike: heads, and the KV cache.
 *
 * @module
 */

import type { DType } from "../base/dtype.ts";
import type { Tensor } from "../device/mod.ts";
import { SMQ_CACHE_ALIGNMENT } from "../ffi/symbols.ts";
import { ACTIVATION, expectInteger, expectTensor, refuse } from "./check.ts";

/** The heads of a model. */
export interface Heads {
  /** Query heads: a multiple of `kvHeads`. */
  heads: number;
  /** Key and value heads. */
  kvHeads: number;
  /** Elements of a head, even. */
  headDim: number;
}

/**
 * The caches of one layer, of the same dtype and as long as each other: that of qkv, or i8, a head of which has a multiple of
 * 16 elements.
 */
export interface Caches {
  /** [slots, kvHeads * headDim] or [slots, kvHeads, headDim]; of i8 [slots, `cacheRow`]. */
  kCache: Tensor;
  /** As `kCache`. */
  vCache: Tensor;
}

/**
 * Elements of a slot of a cache; in i8 the heads' elements, a scale of two bytes for each head, and what fills the slot up to
 * the next multiple of 32.
 */
export function cacheRow({ kvHeads, headDim }: Omit<Heads, "heads">, dtype: DType): number {
  const elements = kvHeads * headDim;
  if (dtype !== "i8") return elements;
  return Math.ceil((elements + 2 * kvHeads) / SMQ_CACHE_ALIGNMENT) * SMQ_CACHE_ALIGNMENT;
}

/** Checks `heads`. */
export function expectHeads(op: string, { heads, kvHeads, headDim }: Heads): void {
  expectInteger(op, "kvHeads", kvHeads, 1);
  expectInteger(op, "heads", heads, 1);
  expectInteger(op, "headDim", headDim, 2);
  if (heads % kvHeads !== 0) {
    refuse(op, "heads", `is ${heads}`, `a multiple of ${kvHeads} (kvHeads)`);
  }
  if (headDim % 2 !== 0) refuse(op, "headDim", `is ${headDim}`, "an even number");
}

/** Checks `heads`, qkv [m, (heads + 2 kvHeads) * headDim] and the caches; gives m and the slots. */
export function expectAttentionInputs(
  op: string,
  qkv: Tensor,
  options: Heads & Caches,
): { m: number; slots: number } {
  const { kCache, vCache, heads, kvHeads, headDim } = options;
  expectHeads(op, options);
  const width = (heads + 2 * kvHeads) * headDim;
  const [m] = expectTensor(op, "qkv", qkv, ACTIVATION, [-1, width]);
  const row = (t: Tensor) =>
    t.shape.length === 3 && t.dtype !== "i8" ? [kvHeads, headDim] : [cacheRow(options, t.dtype)];
  const [slots] = expectTensor(op, "kCache", kCache, [qkv.dtype, "i8"], [-1, ...row(kCache)]);
  expectTensor(op, "vCache", vCache, [kCache.dtype], [slots, ...row(vCache)]);
  if (kCache.dtype === "i8" && headDim % 16 !== 0) {
    refuse(op, "headDim", `is ${headDim}`, "a multiple of 16 where caches are i8");
  }
  return { m, slots };
}
