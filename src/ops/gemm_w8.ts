/**
 * Products with 8-bit weights of one scale an output, and packing them.
 *
 * @module
 */

import { addressOf, type Device, type Tensor } from "../device/mod.ts";
import { ACTIVATION, dtypeCode, expectInteger, expectTensor, refuse } from "./check.ts";
import { expectProduct, expectQuantizedProduct, type ProductOptions } from "./epilogue.ts";
import { expectBytes, expectPart, type Part } from "./packed.ts";
import { expectQuantized, type QuantizedForm, type QuantizedRows } from "./quantize.ts";

/** The size of a packed weight, beside how its product ends. */
export interface W8Options extends ProductOptions {
  /** Outputs. */
  n: number;
  /** Inputs: a multiple of 16. */
  k: number;
}

/** One linear layer to pack. */
export interface W8PackOptions extends Part {
  /** [n, k]. */
  qweight: Tensor<QuantizedForm>;
  /** f32 [n]. */
  scales: Tensor<"f32">;
  /** Inputs: a multiple of 16. */
  k: number;
}

const int64 = new BigInt64Array(1);

function expectSize(op: string, n: number, k: number): void {
  expectInteger(op, "n", n, 1);
  expectInteger(op, "k", k, 16);
  if (k % 16 !== 0) refuse(op, "k", `is ${k}`, "a multiple of 16");
}

function expectPacked(op: string, device: Device, w: Tensor, n: number, k: number): void {
  expectBytes(op, w, w8Bytes(device, n, k), `n ${n}, k ${k}`);
}

/** Bytes of a packed weight of `n` outputs and `k` inputs, a multiple of 16. */
export function w8Bytes(device: Device, n: number, k: number): number {
  expectSize("w8Bytes", n, k);
  const { native } = device;
  native.check(native.symbols.smq_w8_bytes(n, k, int64), "smq_w8_bytes");
  return Number(int64[0]);
}

/**
 * Packs one linear layer into outputs nOffset to nOffset + n - 1 of `w`: u8 [w8Bytes] for nTotal
 * outputs. What its products are, `gemmW8A8`, `gemmW8A16` or `gemmFp8`, follows from the weight's dtype.
 */
export function w8Pack(device: Device, w: Tensor<"u8">, options: W8PackOptions): void {
  const op = "w8Pack";
  const { nTotal, nOffset, qweight, scales, n, k } = options;
  expectSize(op, n, k);
  expectPart(op, options);
  expectPacked(op, device, w, nTotal, k);
  expectTensor(op, "qweight", qweight, ["i8", "f8_e4m3"], [n, k]);
  expectTensor(op, "scales", scales, ["f32"], [n]);
  const { native } = device;
  const status = native.symbols.smq_w8_pack(
    native.ctx,
    addressOf(w),
    nTotal,
    nOffset,
    addressOf(qweight),
    addressOf(scales),
    n,
    k,
  );
  native.check(status, "smq_w8_pack");
}

function gemmQuantized(
  op: string,
  symbol: "smq_gemm_w8a8" | "smq_gemm_fp8",
  form: QuantizedForm,
  device: Device,
  y: Tensor,
  x: QuantizedRows,
  w: Tensor<"u8">,
  options: W8Options,
): void {
  const { n, k } = options;
  expectSize(op, n, k);
  const [m] = expectQuantized(op, "x", x, [form], [-1, k]);
  expectPacked(op, device, w, n, k);
  const { epilogue, dtype } = expectQuantizedProduct(op, y, m, n, options);
  const { native } = device;
  const status = native.symbols[symbol](
    native.ctx,
    addressOf(y),
    y.rowStride,
    epilogue,
    addressOf(x.values),
    addressOf(x.scales),
    addressOf(w),
    addressOf(options.bias),
    m,
    n,
    k,
    dtype,
  );
  native.check(status, symbol);
}

/**
 * `y = s_m s_n sum(q_x q_w) + bias`, the sum exact. `x`: i8 [m, k] with scales; `w`: u8 [w8Bytes],
 * packed from i8; `y`: [m, n], f16 or bf16 to store and f32 else, rows may have gaps.
 */
export function gemmW8A8(
  device: Device,
  y: Tensor,
  x: QuantizedRows,
  w: Tensor<"u8">,
  options: W8Options,
): void {
  gemmQuantized("gemmW8A8", "smq_gemm_w8a8", "i8", device, y, x, w, options);
}

/** The same with x and weights of f8_e4m3, accumulated in f32. */
export function gemmFp8(
  device: Device,
  y: Tensor,
  x: QuantizedRows,
  w: Tensor<"u8">,
  options: W8Options,
): void {
  gemmQuantized("gemmFp8", "smq_gemm_fp8", "f8_e4m3", device, y, x, w, options);
}

/**
 * `y = s_n sum(x q_w) + bias`, accumulated in f32. `x`: f16 or bf16 [m, k]; `w`: u8 [w8Bytes], packed
 * from i8; `y`: [m, n] of the epilogue's dtype, rows may have gaps.
 */
export function gemmW8A16(
  device: Device,
  y: Tensor,
  x: Tensor,
  w: Tensor<"u8">,
  options: W8Options,
): void {
  const op = "gemmW8A16";
  const { n, k } = options;
  expectSize(op, n, k);
  const [m] = expectTensor(op, "x", x, ACTIVATION, [-1, k]);
  expectPacked(op, device, w, n, k);
  const epilogue = expectProduct(op, y, x, n, options);
  const { native } = device;
  const status = native.symbols.smq_gemm_w8a16(
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
  native.check(status, "smq_gemm_w8a16");
}
