/**
 * The buffers that forwards of one model share. Nothing is allocated between forwards.
 *
 * @module
 */
import type { ActivationDType, KvCacheDType } from "../base/dtype.ts";
import type { ModelConfig } from "../checkpoint/config/config.ts";
import { type Device, rows, type Scratch, type Tensor } from "../device/mod.ts";
import { attentionBytes, MAX_TREE_ROWS } from "../ops/mod.ts";
import { quantizedBytes } from "../quant/mod.ts";
import { storedAs } from "./kv_cache.ts";
import type { BufferNeeds } from "./needs.ts";

/** Buffers for forwards of up to `rows` rows. */
export interface Workspace {
  /** Most rows of a forward. */
  readonly rows: number;
  /** The residual stream, f32 [rows, hidden]. */
  readonly residual: Tensor<"f32">;
  /** What linear layers read, and hidden states: activation dtype [rows, hidden]. */
  readonly normed: Tensor;
  /** Memory for what they read in 8 bits, [rows, hidden]; absent where none does. */
  readonly normedQuantized?: Tensor<"u8">;
  /** Queries, keys, values: activation dtype [rows, (heads + 2 kvHeads) headDim]. */
  readonly qkv: Tensor;
  /** What attention gives, activation dtype [rows, heads headDim]. */
  readonly attended: Tensor;
  /** Gate and up projections, activation dtype [rows, 2 intermediate]. */
  readonly gateUp: Tensor;
  /** Their product, activation dtype [rows, intermediate]; absent where no layer reads it. */
  readonly activated?: Tensor;
  /** Memory for it in 8 bits, [rows, intermediate]; absent where no layer reads that. */
  readonly activatedQuantized?: Tensor<"u8">;
  /** For `Linear.scratch`, also of logits; absent where no layer needs any. */
  readonly scratch?: Tensor<"u8">;
  /** For attention, u8; absent where it needs none. */
  readonly attention?: Tensor<"u8">;
}

/** Bytes that attention needs for forwards of up to `count` rows over `slots` slots, kept as `kvCache` says. */
export function attentionWorkspaceBytes(
  device: Device,
  config: ModelConfig,
  count: number,
  slots: number,
  kvCache: KvCacheDType = "f16",
): number {
  const { heads, kvHeads, headDim } = config;
  const shared = { heads, kvHeads, headDim, slots, cache: storedAs(kvCache) };
  // Few rows and many take different kernels: the largest need of any row count serves all.
  const few = Array.from({ length: Math.min(count, MAX_TREE_ROWS) }, (_, i) => i + 1);
  return Math.max(...[...few, count].map((m) => attentionBytes(device, { m, ...shared })));
}

/** Sizes of a workspace. */
export interface WorkspaceSizes {
  /** Most rows of a forward. */
  readonly rows: number;
  /** Most rows of which logits are taken. */
  readonly logitsRows: number;
}

/** What the workspace of attention depends on beside. */
export interface CacheSizes {
  /** Slots of the KV cache. */
  readonly slots: number;
  /** How it is kept; `f16` where absent. */
  readonly kvCache?: KvCacheDType;
}

/** Bytes of a workspace, that of attention left out. */
export function workspaceBytes(
  config: ModelConfig,
  { rows: count, logitsRows }: WorkspaceSizes,
  needs: BufferNeeds,
): number {
  const { hiddenSize, intermediateSize, heads, kvHeads, headDim } = config;
  const row = (4 + 2) * hiddenSize + 2 * (2 * heads + 2 * kvHeads) * headDim +
    2 * 2 * intermediateSize +
    (needs.normedQuantized ? quantizedBytes(hiddenSize) : 0) +
    (needs.activatedRows ? 2 * intermediateSize : 0) +
    (needs.activatedQuantized ? quantizedBytes(intermediateSize) : 0);
  return count * row + scratchBytes({ rows: count, logitsRows }, needs);
}

/** A forward and its logits are queued one after the other: they share their scratch. */
function scratchBytes({ rows: count, logitsRows }: WorkspaceSizes, needs: BufferNeeds): number {
  return Math.max(count * needs.scratch, logitsRows * needs.logitsScratch);
}

/** Allocates a workspace. */
export function workspace(
  device: Device,
  arena: Scratch,
  config: ModelConfig,
  dtype: ActivationDType,
  sizes: WorkspaceSizes & CacheSizes,
  needs: BufferNeeds,
): Workspace {
  const { hiddenSize, intermediateSize, heads, kvHeads, headDim } = config;
  const { rows: count, slots, kvCache } = sizes;
  const make = (width: number, label: string): Tensor =>
    arena.allocate(dtype, [count, width], label);
  const memory = (bytes: number, label: string): Tensor<"u8"> | undefined =>
    bytes > 0 ? arena.allocate("u8", [bytes], label) : undefined;
  const quantized = (needed: boolean, width: number, label: string): Tensor<"u8"> | undefined =>
    memory(needed ? count * quantizedBytes(width) : 0, label);
  return {
    rows: count,
    residual: arena.allocate("f32", [count, hiddenSize], "residual"),
    normed: make(hiddenSize, "normed"),
    normedQuantized: quantized(needs.normedQuantized, hiddenSize, "normed in 8 bits"),
    qkv: make((heads + 2 * kvHeads) * headDim, "qkv"),
    attended: make(heads * headDim, "attended"),
    gateUp: make(2 * intermediateSize, "gate_up"),
    activated: needs.activatedRows ? make(intermediateSize, "activated") : undefined,
    activatedQuantized: quantized(
      needs.activatedQuantized,
      intermediateSize,
      "activated in 8 bits",
    ),
    scratch: memory(scratchBytes(sizes, needs), "scratch"),
    attention: memory(attentionWorkspaceBytes(device, config, count, slots, kvCache), "attention"),
  };
}

/** The same buffers, cut to `count` rows from row `first` on. */
export function cut(space: Workspace, count: number, first = 0): Workspace {
  const end = first + count;
  return {
    ...space,
    rows: count,
    residual: rows(space.residual, first, end),
    normed: rows(space.normed, first, end),
    qkv: rows(space.qkv, first, end),
    attended: rows(space.attended, first, end),
    gateUp: rows(space.gateUp, first, end),
    activated: space.activated && rows(space.activated, first, end),
  };
}
