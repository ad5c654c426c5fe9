/**
 * The activation function between the products of a feed-forward block.
 *
 * @module
 */

import { addressOf, type Device, type Tensor } from "../device/mod.ts";
import { ACTIVATION, dtypeCode, expectTensor } from "./check.ts";

/** `out[i, j] = silu(x[i, j]) * x[i, n + j]`. `x`: f16 or bf16 [m, 2 n]; `out`: its dtype [m, n]. */
export function siluMul(device: Device, out: Tensor, x: Tensor): void {
  const op = "siluMul";
  const [m, n] = expectTensor(op, "out", out, ACTIVATION, [-1, -1]);
  expectTensor(op, "x", x, [out.dtype], [m, 2 * n]);
  const { native } = device;
  const code = dtypeCode(op, "out", out.dtype);
  const status = native.symbols.smq_silu_mul(native.ctx, addressOf(out), addressOf(x), m, n, code);
  native.check(status, "smq_silu_mul");
}
