/**
 * Norms and roundings: from the f32 residual stream to activations, and back.
 *
 * @module
 */

import { addressOf, type Device, type Tensor } from "../device/mod.ts";
import { ACTIVATION, dtypeCode, expectNumber, expectTensor } from "./check.ts";

/**
 * `out[i] = x[i] / sqrt(mean(x[i]^2) + eps) * weight`. `x`: f32 [m, width]; `weight`: f16 or bf16
 * [width]; `out`: the weight's dtype [m, width], rows may have gaps.
 */
export function rmsNorm(
  device: Device,
  out: Tensor,
  x: Tensor,
  weight: Tensor,
  eps: number,
): void {
  const op = "rmsNorm";
  const [m, width] = expectTensor(op, "x", x, ["f32"], [-1, -1]);
  expectTensor(op, "weight", weight, ACTIVATION, [width]);
  expectTensor(op, "out", out, [weight.dtype], [m, width], true);
  expectNumber(op, "eps", eps, 0);
  const { native } = device;
  const status = native.symbols.smq_rms_norm(
    native.ctx,
    addressOf(out),
    out.rowStride,
    addressOf(x),
    addressOf(weight),
    m,
    width,
    eps,
    dtypeCode(op, "weight", weight.dtype),
  );
  native.check(status, "smq_rms_norm");
}

/** `out` = `x` rounded to out's dtype. `x`: f32 [m, width]; `out`: f16 or bf16, rows may have gaps. */
export function convert(device: Device, out: Tensor, x: Tensor): void {
  const op = "convert";
  const [m, width] = expectTensor(op, "x", x, ["f32"], [-1, -1]);
  expectTensor(op, "out", out, ACTIVATION, [m, width], true);
  const { native } = device;
  const status = native.symbols.smq_convert(
    native.ctx,
    addressOf(out),
    out.rowStride,
    addressOf(x),
    m,
    width,
    dtypeCode(op, "out", out.dtype),
  );
  native.check(status, "smq_convert");
}

/** `out` = `x` as f32. `x`: f16 or bf16 [m, width], rows may have gaps; `out`: f32 [m, width]. */
export function widen(device: Device, out: Tensor<"f32">, x: Tensor): void {
  const op = "widen";
  const [m, width] = expectTensor(op, "x", x, ACTIVATION, [-1, -1], true);
  expectTensor(op, "out", out, ["f32"], [m, width]);
  const { native } = device;
  const status = native.symbols.smq_widen(
    native.ctx,
    addressOf(out),
    addressOf(x),
    x.rowStride,
    m,
    width,
    dtypeCode(op, "x", x.dtype),
  );
  native.check(status, "smq_widen");
}
