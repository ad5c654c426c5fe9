/**
 * Rotary positions, and writing keys and values to the cache.
 *
 * @module
 */

import type { DType } from "../base/dtype.ts";
import { MAX_I32 } from "../base/i32.ts";
import { addressOf, type Device, type Tensor } from "../device/mod.ts";
import {
  ACTIVATION,
  cacheCode,
  dtypeCode,
  expectCounter,
  expectInteger,
  expectNumber,
  expectTensor,
  refuse,
} from "./check.ts";
import { type Caches, expectAttentionInputs, type Heads } from "./heads.ts";

/** What `ropeKv` reads and writes beside qkv. */
export interface RopeKvOptions extends Heads, Caches {
  /** f32 [positions, headDim]: the cosines of headDim / 2 frequencies, then the sines. */
  table: Tensor<"f32">;
  /** i32 [1]: the position of row 0, and the slot that it is written to. */
  cacheLength: Tensor<"i32">;
  /** i32 [m]: row i has position cacheLength + depths[i]; without it, cacheLength + i. */
  depths?: Tensor<"i32">;
  /** Added to every position; defaults to 0. */
  positionOffset?: number;
  /** Added to every slot; defaults to 0. */
  slotOffset?: number;
  /** Norm weight of each query head, of qkv's dtype [headDim]; none by default. */
  qNorm?: Tensor;
  /** Norm weight of each key head, of qkv's dtype [headDim]; none by default. */
  kNorm?: Tensor;
  /** Of the norms; defaults to 1e-6. */
  eps?: number;
}

/**
 * Norms and rotates the query heads of `qkv` in place, and writes the normed, rotated keys and the
 * values to the caches at slots cacheLength + slotOffset + i, in i8 with a scale for each head. `qkv`: f16 or bf16
 * [m, (heads + 2 kvHeads) * headDim]. A position is clamped into the table; a slot outside the cache
 * is not written.
 */
export function ropeKv(device: Device, qkv: Tensor, options: RopeKvOptions): void {
  const op = "ropeKv";
  const { table, cacheLength, depths, positionOffset = 0, slotOffset = 0 } = options;
  const { qNorm, kNorm, eps = 1e-6, kCache, vCache, heads, kvHeads, headDim } = options;
  const { m, slots } = expectAttentionInputs(op, qkv, options);
  const [positions] = expectTensor(op, "table", table, ["f32"], [-1, headDim]);
  expectCounter(op, "cacheLength", cacheLength);
  if (depths !== undefined) expectTensor(op, "depths", depths, ["i32"], [m]);
  if (qNorm !== undefined) expectTensor(op, "qNorm", qNorm, [qkv.dtype], [headDim]);
  if (kNorm !== undefined) expectTensor(op, "kNorm", kNorm, [qkv.dtype], [headDim]);
  expectInteger(op, "positionOffset", positionOffset, -MAX_I32);
  expectInteger(op, "slotOffset", slotOffset, -MAX_I32);
  expectNumber(op, "eps", eps, 0);
  const { native } = device;
  const status = native.symbols.smq_rope_kv(
    native.ctx,
    addressOf(qkv),
    addressOf(table),
    positions,
    addressOf(cacheLength),
    addressOf(depths),
    positionOffset,
    slotOffset,
    addressOf(qNorm),
    addressOf(kNorm),
    eps,
    addressOf(kCache),
    addressOf(vCache),
    slots,
    m,
    heads,
    kvHeads,
    headDim,
    dtypeCode(op, "qkv", qkv.dtype),
    cacheCode(op, "kCache", kCache.dtype),
  );
  native.check(status, "smq_rope_kv");
}

/** What `ropeKeys` reads and writes beside kv. */
export interface RopeKeysOptions {
  /** As of `ropeKv`. */
  readonly table: Tensor<"f32">;
  /** i32 [1]: the position and the slot of row 0. */
  readonly cacheLength: Tensor<"i32">;
  /** Norm weights of each layer's keys, of kv's dtype [layers, headDim]; none by default. */
  readonly kNorms?: Tensor;
  /** Of the norms. */
  readonly eps: number;
  /** Addresses of the layers' key caches, then of their value caches, each as `Caches` has them: u64 [2 layers]. */
  readonly caches: Tensor<"u64">;
  /** Slots of each cache. */
  readonly slots: number;
  /** Dtype of the caches: that of kv, or i8, a head of which has a multiple of 16 elements. */
  readonly cache: DType;
  /** Key heads of each layer. */
  readonly kvHeads: number;
  /** Width of a head. */
  readonly headDim: number;
}

/**
 * What `ropeKv` does with keys and values, for those of several layers at once. `kv`: f16 or bf16 [m, layers * 2 kvHeads
 * headDim], of each layer its keys, then its values.
 */
export function ropeKeys(device: Device, kv: Tensor, options: RopeKeysOptions): void {
  const op = "ropeKeys";
  const { table, cacheLength, kNorms, eps, caches, slots, cache, kvHeads, headDim } = options;
  const [count] = expectTensor(op, "caches", caches, ["u64"], [-1]);
  const layers = count / 2;
  expectInteger(op, "layers", layers, 1);
  const [m] = expectTensor(op, "kv", kv, ACTIVATION, [-1, layers * 2 * kvHeads * headDim]);
  const [positions] = expectTensor(op, "table", table, ["f32"], [-1, headDim]);
  expectCounter(op, "cacheLength", cacheLength);
  if (kNorms !== undefined) expectTensor(op, "kNorms", kNorms, [kv.dtype], [layers, headDim]);
  expectNumber(op, "eps", eps, 0);
  expectInteger(op, "slots", slots, 1);
  if (cache !== kv.dtype && cache !== "i8") {
    refuse(op, "cache", `is ${cache}`, `${kv.dtype} or i8`);
  }
  if (cache === "i8" && headDim % 16 !== 0) {
    refuse(op, "headDim", `is ${headDim}`, "a multiple of 16 where caches are i8");
  }
  const { native } = device;
  const status = native.symbols.smq_rope_keys(
    native.ctx,
    addressOf(kv),
    addressOf(table),
    positions,
    addressOf(cacheLength),
    addressOf(kNorms),
    eps,
    addressOf(caches),
    layers,
    slots,
    m,
    kvHeads,
    headDim,
    dtypeCode(op, "kv", kv.dtype),
    cacheCode(op, "cache", cache),
  );
  native.check(status, "smq_rope_keys");
}
