/**
 * Attention over the cache, causal or through a tree mask.
 *
 * @module
 */

import type { DType } from "../base/dtype.ts";
import { addressOf, byteLength, type Device, type Tensor } from "../device/mod.ts";
import {
  cacheCode,
  dtypeCode,
  expectCounter,
  expectInteger,
  expectNumber,
  expectTensor,
  refuse,
} from "./check.ts";
import { type Caches, expectAttentionInputs, expectHeads, type Heads } from "./heads.ts";

/** What `attention` reads beside qkv. */
export interface AttentionOptions extends Heads, Caches {
  /** i32 [1]: slots before it are attended to by every row. */
  cacheLength: Tensor<"i32">;
  /** u64 [m, maskWords]: bit j of row i attends to slot cacheLength + j; without it, causal. */
  mask?: Tensor<"u64">;
  /** Without a mask, row i attends up to slot cacheLength + slotOffset + i; defaults to 0. */
  slotOffset?: number;
  /** Of its ordered pairs, a row attends to the last `window`; 0, the default, for all. */
  window?: number;
  /** Factor of q . k. */
  scale: number;
  /** u8 of at least `attentionBytes`; may be left out where that is 0. */
  workspace?: Tensor<"u8">;
}

/** What the workspace of `attention` depends on. */
export interface AttentionSize extends Heads {
  /** Rows. */
  m: number;
  /** Slots of the cache. */
  slots: number;
  /** Its dtype: f16 or bf16, between which it makes no difference, or i8; f16 where absent. */
  cache?: DType;
}

const int64 = new BigInt64Array(1);

/** Bytes of the workspace that `attention` needs; may be 0. */
export function attentionBytes(device: Device, size: AttentionSize): number {
  const op = "attentionBytes";
  expectHeads(op, size);
  expectInteger(op, "m", size.m, 1);
  expectInteger(op, "slots", size.slots, 1);
  const { native } = device;
  const { m, heads, kvHeads, headDim, slots, cache = "f16" } = size;
  const status = native.symbols.smq_attention_bytes(
    m,
    heads,
    kvHeads,
    headDim,
    slots,
    cacheCode(op, "cache", cache),
    int64,
  );
  native.check(status, "smq_attention_bytes");
  return Number(int64[0]);
}

/**
 * `out[i, h] = softmax(scale * q[i, h] . k) v`. `qkv`: f16 or bf16
 * [m, (heads + 2 kvHeads) * headDim], as `ropeKv` leaves it; `out`: its dtype [m, heads * headDim].
 */
export function attention(
  device: Device,
  out: Tensor,
  qkv: Tensor,
  options: AttentionOptions,
): void {
  const op = "attention";
  const { cacheLength, mask, slotOffset = 0, window = 0, scale, workspace } = options;
  const { kCache, vCache, heads, kvHeads, headDim } = options;
  const { m, slots } = expectAttentionInputs(op, qkv, options);
  expectTensor(op, "out", out, [qkv.dtype], [m, heads * headDim]);
  expectCounter(op, "cacheLength", cacheLength);
  const maskWords = mask === undefined ? 0 : expectTensor(op, "mask", mask, ["u64"], [m, -1])[1];
  expectInteger(op, "slotOffset", slotOffset, 0);
  expectInteger(op, "window", window, 0);
  expectNumber(op, "scale", scale, -Number.MAX_VALUE);
  const cache = kCache.dtype;
  const bytes = attentionBytes(device, { m, heads, kvHeads, headDim, slots, cache });
  const given = workspace === undefined ? 0 : byteLength(workspace);
  if (given < bytes) refuse(op, "workspace", `has ${given} bytes`, `at least ${bytes}`);
  const { native } = device;
  const status = native.symbols.smq_attention(
    native.ctx,
    addressOf(out),
    addressOf(qkv),
    addressOf(kCache),
    addressOf(vCache),
    slots,
    addressOf(cacheLength),
    addressOf(mask),
    maskWords,
    slotOffset,
    window,
    scale,
    m,
    heads,
    kvHeads,
    headDim,
    dtypeCode(op, "qkv", qkv.dtype),
    cacheCode(op, "kCache", cache),
    addressOf(workspace),
  );
  native.check(status, "smq_attention");
}
