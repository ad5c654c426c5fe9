/**
 * Products with 4-bit weights in groups, and packing them.
 *
 * @module
 */

import { addressOf, type Device, type Tensor } from "../device/mod.ts";
import { SMQ_ZEROS_NONE, SMQ_ZEROS_OFFSETS, SMQ_ZEROS_POINTS } from "../ffi/symbols.ts";
import { ACTIVATION, dtypeCode, expectInteger, expectTensor, refuse } from "./check.ts";
import { expectProduct, type ProductOptions } from "./epilogue.ts";
import { expectBytes, expectPart, type Part } from "./packed.ts";

/**
 * What a weight of nibbles q and scales s takes from its elements: `"none"`: w = (q - 8) s; `"points"`:
 * w = (q - z) s with zero points z; `"offsets"`: w = q s + o.
 */
export type Zeros = "none" | "points" | "offsets";

const ZEROS: Readonly<Record<Zeros, number>> = {
  none: SMQ_ZEROS_NONE,
  points: SMQ_ZEROS_POINTS,
  offsets: SMQ_ZEROS_OFFSETS,
};

/** The size of a packed weight, beside how its product ends. */
export interface W4A16Options extends ProductOptions {
  /** Outputs. */
  n: number;
  /** Inputs: a multiple of 8. */
  k: number;
  /** Inputs that share a scale; k for one scale an output. */
  group: number;
  /** What was packed beside the scales; `"none"` by default. */
  zeros?: Zeros;
}

/** One linear layer to pack. */
export interface W4A16PackOptions extends Part {
  /** i32 [k / 8, n]: nibble i of row r is input 8 r + i, as it is stored. */
  qweight: Tensor<"i32">;
  /** f16 [ceil(k / group), n]. */
  scales: Tensor<"f16">;
  /** u8 [ceil(k / group), n], 0 to 15; 8 by default, for which a weight has no room. */
  zeros?: Tensor<"u8">;
  /** f16 [ceil(k / group), n], instead of zero points. */
  offsets?: Tensor<"f16">;
  /** i32 [k]: packed input j is stored input order[j]; none by default. */
  order?: Tensor<"i32">;
  /** Inputs: a multiple of 8. */
  k: number;
  /** Inputs that share a scale; the last group may be short. */
  group: number;
}

const int64 = new BigInt64Array(1);

function expectSize(op: string, n: number, k: number, group: number): void {
  expectInteger(op, "n", n, 1);
  expectInteger(op, "k", k, 8);
  if (k % 8 !== 0) refuse(op, "k", `is ${k}`, "a multiple of 8");
  expectInteger(op, "group", group, 1);
}

function expectZeros(op: string, zeros: Zeros): number {
  if (!Object.hasOwn(ZEROS, zeros)) {
    refuse(op, "zeros", `is "${zeros}"`, Object.keys(ZEROS).join(", "));
  }
  return ZEROS[zeros];
}

function expectPacked(
  op: string,
  device: Device,
  w: Tensor,
  n: number,
  k: number,
  group: number,
  zeros: Zeros,
): void {
  const behind = zeros === "none" ? "" : `, with ${zeros === "points" ? "zero points" : zeros}`;
  const size = `n ${n}, k ${k}, group ${group}${behind}`;
  expectBytes(op, w, w4a16Bytes(device, n, k, group, zeros), size);
}

/**
 * Bytes of a packed weight of `n` outputs and `k` inputs, a multiple of 8, in groups of `group`, with
 * what `zeros` says beside the scales.
 */
export function w4a16Bytes(
  device: Device,
  n: number,
  k: number,
  group: number,
  zeros: Zeros = "none",
): number {
  const op = "w4a16Bytes";
  expectSize(op, n, k, group);
  const code = expectZeros(op, zeros);
  const { native } = device;
  const status = native.symbols.smq_w4a16_bytes(n, k, group, code, int64);
  native.check(status, "smq_w4a16_bytes");
  return Number(int64[0]);
}

/**
 * Packs one linear layer into outputs nOffset to nOffset + n - 1 of `w`: u8 [w4a16Bytes] for nTotal
 * outputs. Layers that read the same input share a weight.
 */
export function w4a16Pack(device: Device, w: Tensor<"u8">, options: W4A16PackOptions): void {
  const op = "w4a16Pack";
  const { nTotal, nOffset, qweight, scales, zeros, offsets, order, n, k, group } = options;
  expectSize(op, n, k, group);
  expectPart(op, options);
  if (zeros !== undefined && offsets !== undefined) {
    refuse(op, "offsets", "is given beside zeros", "one of them at most");
  }
  const kept = zeros !== undefined ? "points" : offsets !== undefined ? "offsets" : "none";
  expectPacked(op, device, w, nTotal, k, group, kept);
  expectTensor(op, "qweight", qweight, ["i32"], [k / 8, n]);
  expectTensor(op, "scales", scales, ["f16"], [Math.ceil(k / group), n]);
  if (zeros !== undefined) {
    expectTensor(op, "zeros", zeros, ["u8"], [Math.ceil(k / group), n]);
  }
  if (offsets !== undefined) {
    expectTensor(op, "offsets", offsets, ["f16"], [Math.ceil(k / group), n]);
  }
  if (order !== undefined) expectTensor(op, "order", order, ["i32"], [k]);
  const { native } = device;
  const status = native.symbols.smq_w4a16_pack(
    native.ctx,
    addressOf(w),
    nTotal,
    nOffset,
    addressOf(qweight),
    addressOf(scales),
    addressOf(zeros),
    addressOf(offsets),
    addressOf(order),
    n,
    k,
    group,
  );
  native.check(status, "smq_w4a16_pack");
}

/**
 * `y = x w^T + bias` with w as `zeros` says, accumulated in f32. `x`: f16 or bf16 [m, k]; `w`: u8
 * [w4a16Bytes], packed; `y`: [m, n] of the epilogue's dtype, rows may have gaps. The CPU library takes inputs as
 * whole numbers of 17 bits and a sign for each 32 of a group; a row that holds what is not finite is NaN there.
 */
export function gemmW4A16(
  device: Device,
  y: Tensor,
  x: Tensor,
  w: Tensor<"u8">,
  options: W4A16Options,
): void {
  const op = "gemmW4A16";
  const { n, k, group, zeros = "none" } = options;
  expectSize(op, n, k, group);
  const code = expectZeros(op, zeros);
  const [m] = expectTensor(op, "x", x, ACTIVATION, [-1, k]);
  expectPacked(op, device, w, n, k, group, zeros);
  const epilogue = expectProduct(op, y, x, n, options);
  const { native } = device;
  const status = native.symbols.smq_gemm_w4a16(
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
    group,
    code,
    dtypeCode(op, "x", x.dtype),
  );
  native.check(status, "smq_gemm_w4a16");
}

/** `out[i, j] = x[i, order[j]]`. `x`, `out`: f16 or bf16 [m, k]; `order`: i32 [k]. */
export function gatherColumns(
  device: Device,
  out: Tensor,
  x: Tensor,
  order: Tensor<"i32">,
): void {
  const op = "gatherColumns";
  const [m, k] = expectTensor(op, "x", x, ACTIVATION, [-1, -1]);
  expectTensor(op, "out", out, [x.dtype], [m, k]);
  expectTensor(op, "order", order, ["i32"], [k]);
  const { native } = device;
  const status = native.symbols.smq_gather_columns(
    native.ctx,
    addressOf(out),
    addressOf(x),
    addressOf(order),
    m,
    k,
    dtypeCode(op, "x", x.dtype),
  );
  native.check(status, "smq_gather_columns");
}
