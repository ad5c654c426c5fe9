/**
 * Products with 4-bit weights on 8-bit activations, and packing them.
 *
 * @module
 */

import { addressOf, type Device, type Tensor } from "../device/mod.ts";
import { expectInteger, expectTensor, refuse } from "./check.ts";
import { expectQuantizedProduct, type ProductOptions } from "./epilogue.ts";
import { expectBytes, expectPart, type Part } from "./packed.ts";
import { expectQuantized, type QuantizedRows } from "./quantize.ts";

/** The size of a packed weight, beside how its product ends. */
export interface W4A8Options extends ProductOptions {
  /** Outputs. */
  n: number;
  /** Inputs: a multiple of 32. */
  k: number;
  /** Inputs that share a second scale, a multiple of 32; 0 for none: one scale and offset an output. */
  group: number;
}

/** One linear layer to pack. */
export interface W4A8PackOptions extends Part {
  /** i32 [k / 8, n]: nibble i of row r is input 8 r + i. */
  qweight: Tensor<"i32">;
  /** s_n: f32 [n]. */
  scales: Tensor<"f32">;
  /** c_n, the zero point times the scale: f32 [n]; where group is 0, and only there. */
  offsets?: Tensor<"f32">;
  /** f16 [ceil(k / group), n]; where group is not 0. */
  groupScales?: Tensor<"f16">;
  /** u8 [ceil(k / group), n], 0 to 15; where group is not 0. */
  groupZeros?: Tensor<"u8">;
  /** Inputs: a multiple of 32. */
  k: number;
  /** As in {@link W4A8Options}. */
  group: number;
}

const int64 = new BigInt64Array(1);

function expectSize(op: string, n: number, k: number, group: number): void {
  expectInteger(op, "n", n, 1);
  expectInteger(op, "k", k, 32);
  if (k % 32 !== 0) refuse(op, "k", `is ${k}`, "a multiple of 32");
  expectInteger(op, "group", group, 0);
  if (group % 32 !== 0) refuse(op, "group", `is ${group}`, "a multiple of 32");
}

function expectPacked(
  op: string,
  device: Device,
  w: Tensor,
  n: number,
  k: number,
  group: number,
): void {
  expectBytes(op, w, w4a8Bytes(device, n, k, group), `n ${n}, k ${k}, group ${group}`);
}

/** Checks that a tensor is given where the scheme has one, and only there. */
function expectWhere(
  op: string,
  argument: string,
  t: Tensor | undefined,
  group: number,
  wanted: boolean,
): void {
  if ((t !== undefined) === wanted) return;
  refuse(
    op,
    argument,
    t ? "is given" : "is missing",
    `${wanted ? "one" : "none"} for group ${group}`,
  );
}

/** Bytes of a packed weight of `n` outputs and `k` inputs, a multiple of 32; group 0: per channel. */
export function w4a8Bytes(device: Device, n: number, k: number, group: number): number {
  expectSize("w4a8Bytes", n, k, group);
  const { native } = device;
  native.check(native.symbols.smq_w4a8_bytes(n, k, group, int64), "smq_w4a8_bytes");
  return Number(int64[0]);
}

/**
 * Packs one linear layer into outputs nOffset to nOffset + n - 1 of `w`: u8 [w4a8Bytes] for nTotal
 * outputs. Layers that read the same input share a weight.
 */
export function w4a8Pack(device: Device, w: Tensor<"u8">, options: W4A8PackOptions): void {
  const op = "w4a8Pack";
  const { nTotal, nOffset, qweight, scales, offsets, groupScales, groupZeros, n, k, group } =
    options;
  expectSize(op, n, k, group);
  expectPart(op, options);
  expectPacked(op, device, w, nTotal, k, group);
  expectTensor(op, "qweight", qweight, ["i32"], [k / 8, n]);
  expectTensor(op, "scales", scales, ["f32"], [n]);
  expectWhere(op, "offsets", offsets, group, group === 0);
  expectWhere(op, "groupScales", groupScales, group, group !== 0);
  expectWhere(op, "groupZeros", groupZeros, group, group !== 0);
  const groups = [Math.ceil(k / group), n];
  if (offsets) expectTensor(op, "offsets", offsets, ["f32"], [n]);
  if (groupScales) expectTensor(op, "groupScales", groupScales, ["f16"], groups);
  if (groupZeros) expectTensor(op, "groupZeros", groupZeros, ["u8"], groups);
  const { native } = device;
  const status = native.symbols.smq_w4a8_pack(
    native.ctx,
    addressOf(w),
    nTotal,
    nOffset,
    addressOf(qweight),
    addressOf(scales),
    addressOf(offsets),
    addressOf(groupScales),
    addressOf(groupZeros),
    n,
    k,
    group,
  );
  native.check(status, "smq_w4a8_pack");
}

/**
 * Per channel (group 0) `y = s_m (s_n sum(q_x q) - c_n sum(q_x)) + bias`; in groups
 * `y = s_m s_n sum(q_x w) + bias` with w = (q - z) s rounded and clamped to i8. The sums are exact.
 * `x`: i8 [m, k] with scales and sums; `w`: u8 [w4a8Bytes], packed; `y`: [m, n], f16 or bf16 to store
 * and f32 else, rows may have gaps.
 */
export function gemmW4A8(
  device: Device,
  y: Tensor,
  x: QuantizedRows,
  w: Tensor<"u8">,
  options: W4A8Options,
): void {
  const op = "gemmW4A8";
  const { n, k, group } = options;
  expectSize(op, n, k, group);
  const [m] = expectQuantized(op, "x", x, ["i8"], [-1, k]);
  expectPacked(op, device, w, n, k, group);
  const { epilogue, dtype } = expectQuantizedProduct(op, y, m, n, options);
  const { native } = device;
  const status = native.symbols.smq_gemm_w4a8(
    native.ctx,
    addressOf(y),
    y.rowStride,
    epilogue,
    addressOf(x.values),
    addressOf(x.scales),
    addressOf(x.sums),
    addressOf(w),
    addressOf(options.bias),
    m,
    n,
    k,
    group,
    dtype,
  );
  native.check(status, "smq_gemm_w4a8");
}
