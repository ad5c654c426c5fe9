/**
 * What rope_kv and attention check alike: heads, and the KV cache.
 *
 * @module
 */

import type { Tensor } from "../device/mod.ts";
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

/** The caches of one layer, both of qkv's dtype and as long as each other. */
export interface Caches {
  /** [slots, kvHeads * headDim] or [slots, kvHeads, headDim]. */
  kCache: Tensor;
  /** As `kCache`. */
  vCache: Tensor;
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
  const row = (t: Tensor) => t.shape.length === 3 ? [kvHeads, headDim] : [kvHeads * headDim];
  const [slots] = expectTensor(op, "kCache", kCache, [qkv.dtype], [-1, ...row(kCache)]);
  expectTensor(op, "vCache", vCache, [qkv.dtype], [slots, ...row(vCache)]);
  return { m, slots };
}
