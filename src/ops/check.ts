/**
 * The checks that the ops share. Every message names the op, the argument, what it is and what was
 * expected.
 *
 * @module
 */

import type { DType } from "../base/dtype.ts";
import { ArgumentError } from "../base/errors.ts";
import { MAX_I32 } from "../base/i32.ts";
import { showShape } from "../base/shape.ts";
import { isContiguous, type Tensor } from "../device/tensor.ts";
import { SMQ_BF16, SMQ_F16, SMQ_F32, SMQ_I8 } from "../ffi/symbols.ts";

/** The dtypes of activations. */
export const ACTIVATION: readonly DType[] = ["f16", "bf16"];

/** The dtypes that the ops on rows move. */
export const FLOATS: readonly DType[] = ["f16", "bf16", "f32"];

/** Throws the `ArgumentError` of `argument` of `op`. */
export function refuse(op: string, argument: string, is: string, expected: string): never {
  throw new ArgumentError(argument, `Cannot run ${op}: ${argument} ${is}, expected ${expected}`);
}

/**
 * Checks the dtype and shape of a tensor and gives its shape. A size of -1 fits any. Rows may have
 * gaps only where `strided`.
 */
export function expectTensor(
  op: string,
  argument: string,
  t: Tensor,
  dtypes: readonly DType[],
  shape: readonly number[],
  strided = false,
): readonly number[] {
  if (!dtypes.includes(t.dtype)) refuse(op, argument, `is ${t.dtype}`, dtypes.join(" or "));
  const fits = t.shape.length === shape.length &&
    shape.every((size, i) => size === -1 || size === t.shape[i]);
  if (!fits) {
    const sizes = shape.map((size) => size === -1 ? "any" : size);
    refuse(op, argument, `has shape ${showShape(t.shape)}`, `[${sizes.join(", ")}]`);
  }
  if (t.shape.some((size) => size > MAX_I32) || t.rowStride > MAX_I32) {
    refuse(op, argument, `has shape ${showShape(t.shape)}`, `sizes up to ${MAX_I32}`);
  }
  if (!strided && !isContiguous(t)) {
    refuse(op, argument, `has row stride ${t.rowStride}`, `contiguous rows of ${t.shape[1]}`);
  }
  return t.shape;
}

/** Checks an i32 tensor of one element, e.g. a cache length. */
export function expectCounter(op: string, argument: string, t: Tensor): void {
  if (t.dtype !== "i32") refuse(op, argument, `is ${t.dtype}`, "i32");
  if (t.shape.some((size) => size !== 1)) {
    refuse(op, argument, `has shape ${showShape(t.shape)}`, "[1]");
  }
}

/** Checks an integer scalar. */
export function expectInteger(
  op: string,
  argument: string,
  value: number,
  min: number,
  max: number = MAX_I32,
): void {
  if (!Number.isInteger(value) || value < min || value > max) {
    refuse(op, argument, `is ${value}`, `an integer from ${min} to ${max}`);
  }
}

/** Checks a finite scalar of at least `min`. */
export function expectNumber(op: string, argument: string, value: number, min: number): void {
  if (!Number.isFinite(value) || value < min) {
    refuse(op, argument, `is ${value}`, `a number from ${min}`);
  }
}

/** The C ABI's number of a cache's dtype: f16, bf16 or i8. */
export function cacheCode(op: string, argument: string, dtype: DType): number {
  return dtype === "i8" ? SMQ_I8 : dtypeCode(op, argument, dtype);
}

/** The C ABI's number of a floating-point dtype. */
export function dtypeCode(op: string, argument: string, dtype: DType): number {
  if (dtype === "f16") return SMQ_F16;
  if (dtype === "bf16") return SMQ_BF16;
  if (dtype === "f32") return SMQ_F32;
  refuse(op, argument, `is ${dtype}`, FLOATS.join(" or "));
}
