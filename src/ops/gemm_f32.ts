/**
 * Products of f32 matrices.
 *
 * @module
 */

import { addressOf, type Device, type Tensor } from "../device/mod.ts";
import { SMQ_ADD, SMQ_SET, SMQ_SUBTRACT } from "../ffi/symbols.ts";
import { expectTensor, refuse } from "./check.ts";

/** What becomes of `y`: it is set to the product, or has it added or subtracted. */
export type Update = "set" | "add" | "subtract";

/** How a product of f32 matrices is made. */
export interface GemmF32Options {
  /** Defaults to `"set"`. */
  update?: Update;
  /** Whether `a` is [k, m]; not by default. */
  transposed?: boolean;
}

const UPDATES: Readonly<Record<Update, number>> = {
  set: SMQ_SET,
  add: SMQ_ADD,
  subtract: SMQ_SUBTRACT,
};

/**
 * `y = a b`, or `y` plus or minus that. All are f32, and rows may have gaps (views of `columns` and `rows`).
 * `a`: [m, k], or [k, m] where `transposed`; `b`: [k, n]; `y`: [m, n], apart from both: its first element
 * to its last overlap nothing between theirs, or the library refuses (`NativeError`).
 */
export function gemmF32(
  device: Device,
  y: Tensor<"f32">,
  a: Tensor<"f32">,
  b: Tensor<"f32">,
  options: GemmF32Options = {},
): void {
  const op = "gemmF32";
  const { update = "set", transposed = false } = options;
  if (!Object.hasOwn(UPDATES, update)) {
    refuse(op, "update", `is "${update}"`, Object.keys(UPDATES).join(", "));
  }
  const sizes = expectTensor(op, "a", a, ["f32"], [-1, -1], true);
  const [m, k] = transposed ? [sizes[1], sizes[0]] : sizes;
  const [, n] = expectTensor(op, "b", b, ["f32"], [k, -1], true);
  expectTensor(op, "y", y, ["f32"], [m, n], true);
  const { native } = device;
  const status = native.symbols.smq_gemm_f32(
    native.ctx,
    addressOf(y),
    y.rowStride,
    UPDATES[update],
    addressOf(a),
    a.rowStride,
    transposed ? 1 : 0,
    addressOf(b),
    b.rowStride,
    m,
    n,
    k,
  );
  native.check(status, "smq_gemm_f32");
}
