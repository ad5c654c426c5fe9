/**
 * The buffers that forwards of one model share. Nothing is allocated between forwards.
 *
 * @module
 */
import type { ActivationDType } from "../base/dtype.ts";
import type { ModelConfig } from "../checkpoint/config.ts";
import { type Arena, type Device, rows, type Tensor } from "../device/mod.ts";
import { attentionBytes, MAX_TREE_ROWS } from "../ops/mod.ts";

/** Buffers for forwards of up to `rows` rows. */
export interface Workspace {
  /** Most rows of a forward. */
  readonly rows: number;
  /** The residual stream, f32 [rows, hidden]. */
  readonly residual: Tensor<"f32">;
  /** What linear layers read, activation dtype [rows, hidden]. */
  readonly normed: Tensor;
  /** Queries, keys, values: activation dtype [rows, (heads + 2 kvHeads) headDim]. */
  readonly qkv: Tensor;
  /** What attention gives, activation dtype [rows, heads headDim]. */
  readonly attended: Tensor;
  /** Gate and up projections, activation dtype [rows, 2 intermediate]. */
  readonly gateUp: Tensor;
  /** Their product, activation dtype [rows, intermediate]. */
  readonly activated: Tensor;
  /** For `Linear.scratch`: activation dtype, rows x scratch elements, flat. */
  readonly scratch?: Tensor;
  /** For attention, u8; absent where it needs none. */
  readonly attention?: Tensor<"u8">;
}

/** Bytes that attention needs for forwards of up to `count` rows over `slots` slots. */
export function attentionWorkspaceBytes(
  device: Device,
  config: ModelConfig,
  count: number,
  slots: number,
): number {
  const { heads, kvHeads, headDim } = config;
  // Few rows and many take different kernels: the largest need of any row count serves all.
  const few = Array.from({ length: Math.min(count, MAX_TREE_ROWS) }, (_, i) => i + 1);
  return Math.max(
    ...[...few, count].map((m) => attentionBytes(device, { m, heads, kvHeads, headDim, slots })),
  );
}

/** Allocates a workspace; `scratch` is the largest `Linear.scratch` of the model. */
export function workspace(
  device: Device,
  arena: Arena,
  config: ModelConfig,
  dtype: ActivationDType,
  count: number,
  slots: number,
  scratch: number,
): Workspace {
  const { hiddenSize, intermediateSize, heads, kvHeads, headDim } = config;
  const attention = attentionWorkspaceBytes(device, config, count, slots);
  const make = (width: number, label: string): Tensor =>
    arena.allocate(dtype, [count, width], label);
  return {
    rows: count,
    residual: arena.allocate("f32", [count, hiddenSize], "residual"),
    normed: make(hiddenSize, "normed"),
    qkv: make((heads + 2 * kvHeads) * headDim, "qkv"),
    attended: make(heads * headDim, "attended"),
    gateUp: make(2 * intermediateSize, "gate_up"),
    activated: make(intermediateSize, "activated"),
    scratch: scratch > 0 ? arena.allocate(dtype, [count * scratch], "scratch") : undefined,
    attention: attention > 0 ? arena.allocate("u8", [attention], "attention") : undefined,
  };
}

/** The same buffers, cut to `count` rows. */
export function cut(space: Workspace, count: number): Workspace {
  return {
    ...space,
    rows: count,
    residual: rows(space.residual, 0, count),
    normed: rows(space.normed, 0, count),
    qkv: rows(space.qkv, 0, count),
    attended: rows(space.attended, 0, count),
    gateUp: rows(space.gateUp, 0, count),
    activated: rows(space.activated, 0, count),
  };
}
