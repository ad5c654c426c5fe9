/**
 * Activations in eight bits, one scale a row: as they are, normalised, or gated.
 *
 * @module
 */

import { addressOf, type Device, type Tensor } from "../device/mod.ts";
import { SMQ_E4M3, SMQ_I8 } from "../ffi/symbols.ts";
import { ACTIVATION, dtypeCode, expectNumber, expectTensor, refuse } from "./check.ts";

/** What eight bits hold: an integer, or a float of 4 exponent bits. */
export type QuantizedForm = "i8" | "f8_e4m3";

/** Rows x = q s. */
export interface QuantizedRows {
  /** q: [m, k]; its dtype is the form. */
  readonly values: Tensor<QuantizedForm>;
  /** s: f32 [m], the row's largest magnitude / 127 or / 448. */
  readonly scales: Tensor<"f32">;
  /** i32 [m]: the sum of a row's q; 0 where they are floats. */
  readonly sums: Tensor<"i32">;
}

const FORMS: Readonly<Record<QuantizedForm, number>> = { i8: SMQ_I8, f8_e4m3: SMQ_E4M3 };

/** Checks rows of one of `forms`, [m, k] with -1 for any, and gives their shape. */
export function expectQuantized(
  op: string,
  argument: string,
  { values, scales, sums }: QuantizedRows,
  forms: readonly QuantizedForm[],
  shape: readonly [m: number, k: number],
): readonly number[] {
  const [m, k] = expectTensor(op, `${argument}.values`, values, forms, shape);
  expectTensor(op, `${argument}.scales`, scales, ["f32"], [m]);
  expectTensor(op, `${argument}.sums`, sums, ["i32"], [m]);
  return [m, k];
}

/** Checks an output of any form, and gives the form's number. */
function expectOut(op: string, out: QuantizedRows, m: number, k: number): number {
  expectQuantized(op, "out", out, ["i8", "f8_e4m3"], [m, k]);
  return FORMS[out.values.dtype];
}

/**
 * `out` = `x`, quantized: to the nearest, ties to even. A row of zeros has scale 0; one that holds a
 * value which is not finite has scale NaN and zeros. `x`: f16 or bf16 [m, k].
 */
export function quantizeRows(device: Device, out: QuantizedRows, x: Tensor): void {
  const op = "quantizeRows";
  const [m, k] = expectTensor(op, "x", x, ACTIVATION, [-1, -1]);
  const form = expectOut(op, out, m, k);
  const { native } = device;
  const status = native.symbols.smq_quantize_rows(
    native.ctx,
    addressOf(out.values),
    addressOf(out.scales),
    addressOf(out.sums),
    addressOf(x),
    m,
    k,
    dtypeCode(op, "x", x.dtype),
    form,
  );
  native.check(status, "smq_quantize_rows");
}

/**
 * `rmsNorm` with its result quantized instead of rounded. `x`: f32 [m, width]; `weight`: f16 or bf16
 * [width]; `out`: [m, width].
 */
export function rmsNormQuantized(
  device: Device,
  out: QuantizedRows,
  x: Tensor,
  weight: Tensor,
  eps: number,
): void {
  const op = "rmsNormQuantized";
  const [m, width] = expectTensor(op, "x", x, ["f32"], [-1, -1]);
  expectTensor(op, "weight", weight, ACTIVATION, [width]);
  const form = expectOut(op, out, m, width);
  expectNumber(op, "eps", eps, 0);
  const { native } = device;
  const status = native.symbols.smq_rms_norm_quantized(
    native.ctx,
    addressOf(out.values),
    addressOf(out.scales),
    addressOf(out.sums),
    addressOf(x),
    addressOf(weight),
    m,
    width,
    eps,
    dtypeCode(op, "weight", weight.dtype),
    form,
  );
  native.check(status, "smq_rms_norm_quantized");
}

/** `siluMul` with its result quantized instead of rounded. `x`: f16 or bf16 [m, 2 n]; `out`: [m, n]. */
export function siluMulQuantized(device: Device, out: QuantizedRows, x: Tensor): void {
  const op = "siluMulQuantized";
  const [m, width] = expectTensor(op, "x", x, ACTIVATION, [-1, -1]);
  if (width % 2 !== 0) refuse(op, "x", `has rows of ${width}`, "an even number");
  const n = width / 2;
  const form = expectOut(op, out, m, n);
  const { native } = device;
  const status = native.symbols.smq_silu_mul_quantized(
    native.ctx,
    addressOf(out.values),
    addressOf(out.scales),
    addressOf(out.sums),
    addressOf(x),
    m,
    n,
    dtypeCode(op, "x", x.dtype),
    form,
  );
  native.check(status, "smq_silu_mul_quantized");
}
