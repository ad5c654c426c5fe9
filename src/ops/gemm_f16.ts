/**
 * Products with unquantized weights.
 *
 * @module
 */

import { addressOf, type Device, type Tensor } from "../device/mod.ts";
import { ACTIVATION, dtypeCode, expectTensor } from "./check.ts";
import { expectProduct, type ProductOptions } from "./epilogue.ts";

/**
 * `y = x w^T + bias`, accumulated in f32. `x`: f16 or bf16 [m, k]; `w`: its dtype [n, k]; `y`:
 * [m, n] of the epilogue's dtype, rows may have gaps (a `columns` view).
 */
export function gemmF16(
  device: Device,
  y: Tensor,
  x: Tensor,
  w: Tensor,
  options: ProductOptions = {},
): void {
  const op = "gemmF16";
  const [m, k] = expectTensor(op, "x", x, ACTIVATION, [-1, -1]);
  const [n] = expectTensor(op, "w", w, [x.dtype], [-1, k]);
  const epilogue = expectProduct(op, y, x, n, options);
  const { native } = device;
  const status = native.symbols.smq_gemm_f16(
    native.ctx,
    addressOf(y),
    y.rowStride,
    epilogue,
    addressOf(x),
    addressOf(w),
    addressOf(options.bias),
    m,
    n,
    k,
    dtypeCode(op, "x", x.dtype),
  );
  native.check(status, "smq_gemm_f16");
}
