/**
 * Stored weights, brought into the order that packing reads.
 *
 * @module
 */

import { addressOf, type Device, type Tensor } from "../device/mod.ts";
import {
  SMQ_LAYOUT_AWQ,
  SMQ_LAYOUT_GPTQ8,
  SMQ_LAYOUT_MARLIN,
  SMQ_LAYOUT_QOQ,
  SMQ_LAYOUT_QQQ,
  SMQ_LAYOUT_QQQ_GROUP,
  SMQ_LAYOUT_ROWS,
  SMQ_LAYOUT_ROWS8,
} from "../ffi/symbols.ts";
import { expectInteger, expectTensor, refuse } from "./check.ts";

/** How a file orders the elements of a quantized weight. */
export type StoredLayout =
  | "awq"
  | "rows"
  | "marlin"
  | "qqq"
  | "qqq_group"
  | "qoq"
  | "gptq8"
  | "rows8";

/** The stored weight. */
export interface UnpackOptions {
  /** The order of its elements. */
  layout: StoredLayout;
  /** Outputs. */
  n: number;
  /** Inputs. */
  k: number;
}

interface Layout {
  readonly code: number;
  readonly bits: 4 | 8;
  /** What n and k are multiples of. */
  readonly tile: readonly [n: number, k: number];
  readonly dtype: "i32" | "i8";
  shape(n: number, k: number): number[];
}

const marlin = {
  bits: 4,
  tile: [64, 16],
  dtype: "i32",
  shape: (n: number, k: number) => [k / 16, 2 * n],
} as const;

const LAYOUTS: Readonly<Record<StoredLayout, Layout>> = {
  awq: {
    code: SMQ_LAYOUT_AWQ,
    bits: 4,
    tile: [8, 8],
    dtype: "i32",
    shape: (n, k) => [k, n / 8],
  },
  rows: {
    code: SMQ_LAYOUT_ROWS,
    bits: 4,
    tile: [1, 8],
    dtype: "i32",
    shape: (n, k) => [n, k / 8],
  },
  marlin: { code: SMQ_LAYOUT_MARLIN, ...marlin },
  qqq: { code: SMQ_LAYOUT_QQQ, ...marlin },
  qqq_group: { code: SMQ_LAYOUT_QQQ_GROUP, ...marlin },
  qoq: {
    code: SMQ_LAYOUT_QOQ,
    bits: 4,
    tile: [32, 32],
    dtype: "i8",
    shape: (n, k) => [n, k / 2],
  },
  gptq8: {
    code: SMQ_LAYOUT_GPTQ8,
    bits: 8,
    tile: [1, 4],
    dtype: "i32",
    shape: (n, k) => [k / 4, n],
  },
  rows8: {
    code: SMQ_LAYOUT_ROWS8,
    bits: 8,
    tile: [1, 4],
    dtype: "i32",
    shape: (n, k) => [n, k / 4],
  },
};

/**
 * Brings a stored weight into the order that packing reads. `out`: i32 [k / 8, n] of nibbles for the
 * 4-bit layouts, i8 [n, k] for `"gptq8"` and `"rows8"`. `stored`, of another dtype and shape for each
 * layout: i32 [k, n / 8] (`"awq"`), i32 [n, k / 8] (`"rows"`), i32 [k / 16, 2 n] (`"marlin"`, `"qqq"`
 * and `"qqq_group"`), i8 [n, k / 2] (`"qoq"`), i32 [k / 4, n] (`"gptq8"`), i32 [n, k / 4] (`"rows8"`).
 * The two do not overlap.
 */
export function unpack(
  device: Device,
  out: Tensor,
  stored: Tensor,
  { layout, n, k }: UnpackOptions,
): void {
  const op = "unpack";
  if (!Object.hasOwn(LAYOUTS, layout)) {
    refuse(op, "layout", `is "${layout}"`, Object.keys(LAYOUTS).join(", "));
  }
  const { code, bits, tile, dtype, shape } = LAYOUTS[layout];
  expectInteger(op, "n", n, 1);
  expectInteger(op, "k", k, 1);
  if (n % tile[0] !== 0) refuse(op, "n", `is ${n}`, `a multiple of ${tile[0]} for ${layout}`);
  if (k % tile[1] !== 0) refuse(op, "k", `is ${k}`, `a multiple of ${tile[1]} for ${layout}`);
  expectTensor(op, "stored", stored, [dtype], shape(n, k));
  expectTensor(op, "out", out, [bits === 4 ? "i32" : "i8"], bits === 4 ? [k / 8, n] : [n, k]);
  const { native } = device;
  const status = native.symbols.smq_unpack(
    native.ctx,
    addressOf(out),
    addressOf(stored),
    code,
    n,
    k,
  );
  native.check(status, "smq_unpack");
}
