/**
 * Products with 8-bit weights in groups, packing them, and looking tokens up in them.
 *
 * @module
 */

import { addressOf, type Device, type Tensor } from "../device/mod.ts";
import { ACTIVATION, dtypeCode, expectInteger, expectTensor, FLOATS, refuse } from "./check.ts";
import { type EmbedOptions, expectTokens } from "./embed.ts";
import { expectProduct, type ProductOptions } from "./epilogue.ts";
import { expectBytes, expectPart, type Part } from "./packed.ts";

/** The size of a packed weight w = q s, or w = q s + o. */
export interface W8GroupSize {
  /** Outputs; the tokens of a table. */
  n: number;
  /** Inputs: a multiple of 32; the width of a table. */
  k: number;
  /** Inputs that share a scale: 16 or 32. */
  group: number;
  /** Whether offsets are packed, too; not by default. */
  offsets?: boolean;
}

/** The size of a packed weight, beside how its product ends. */
export interface W8GroupOptions extends W8GroupSize, ProductOptions {}

/** One linear layer to pack. */
export interface W8GroupPackOptions extends Part {
  /** i8 [n, k]. */
  qweight: Tensor<"i8">;
  /** f16 [k / group, n]. */
  scales: Tensor<"f16">;
  /** f16 [k / group, n]; none by default. */
  offsets?: Tensor<"f16">;
  /** Inputs: a multiple of 32. */
  k: number;
  /** Inputs that share a scale: 16 or 32. */
  group: number;
}

const int64 = new BigInt64Array(1);

function expectSize(op: string, { n, k, group }: W8GroupSize): void {
  expectInteger(op, "n", n, 1);
  expectInteger(op, "k", k, 32);
  if (k % 32 !== 0) refuse(op, "k", `is ${k}`, "a multiple of 32");
  if (group !== 16 && group !== 32) refuse(op, "group", `is ${group}`, "16 or 32");
}

function expectPacked(op: string, device: Device, w: Tensor, size: W8GroupSize): void {
  const { n, k, group, offsets } = size;
  const words = `n ${n}, k ${k}, group ${group}${offsets ? ", with offsets" : ""}`;
  expectBytes(op, w, w8GroupBytes(device, size), words);
}

/** Bytes of a packed weight. */
export function w8GroupBytes(device: Device, size: W8GroupSize): number {
  expectSize("w8GroupBytes", size);
  const { n, k, group, offsets = false } = size;
  const { native } = device;
  const status = native.symbols.smq_w8_group_bytes(n, k, group, Number(offsets), int64);
  native.check(status, "smq_w8_group_bytes");
  return Number(int64[0]);
}

/**
 * Packs one linear layer into outputs nOffset to nOffset + n - 1 of `w`: u8 [w8GroupBytes] for nTotal
 * outputs, with offsets where the layer has some.
 */
export function w8GroupPack(device: Device, w: Tensor<"u8">, options: W8GroupPackOptions): void {
  const op = "w8GroupPack";
  const { nTotal, nOffset, qweight, scales, offsets, n, k, group } = options;
  expectSize(op, { n, k, group });
  expectPart(op, options);
  expectPacked(op, device, w, { n: nTotal, k, group, offsets: offsets !== undefined });
  expectTensor(op, "qweight", qweight, ["i8"], [n, k]);
  expectTensor(op, "scales", scales, ["f16"], [k / group, n]);
  if (offsets !== undefined) expectTensor(op, "offsets", offsets, ["f16"], [k / group, n]);
  const { native } = device;
  const status = native.symbols.smq_w8_group_pack(
    native.ctx,
    addressOf(w),
    nTotal,
    nOffset,
    addressOf(qweight),
    addressOf(scales),
    addressOf(offsets),
    n,
    k,
    group,
  );
  native.check(status, "smq_w8_group_pack");
}

/**
 * `y = x w^T + bias`, accumulated in f32. `x`: f16 or bf16 [m, k]; `w`: u8 [w8GroupBytes], packed; `y`:
 * [m, n] of the epilogue's dtype, rows may have gaps.
 */
export function gemmW8A16Group(
  device: Device,
  y: Tensor,
  x: Tensor,
  w: Tensor<"u8">,
  options: W8GroupOptions,
): void {
  const op = "gemmW8A16Group";
  const { n, k, group, offsets = false } = options;
  expectSize(op, options);
  const [m] = expectTensor(op, "x", x, ACTIVATION, [-1, k]);
  expectPacked(op, device, w, options);
  const epilogue = expectProduct(op, y, x, n, options);
  const { native } = device;
  const status = native.symbols.smq_gemm_w8a16_group(
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
    Number(offsets),
    dtypeCode(op, "x", x.dtype),
  );
  native.check(status, "smq_gemm_w8a16_group");
}

/**
 * `embed` from a packed weight: row i of `out` is the weights of output `token`, rounded to the dtype of
 * `out`; a token outside the table gives zeros. `out`: f16, bf16 or f32 [m, k], rows may have gaps;
 * `table`: u8 [w8GroupBytes]; `tokens`: i32 [any], of which the m from the start must exist.
 */
export function embedW8Group(
  device: Device,
  out: Tensor,
  table: Tensor<"u8">,
  tokens: Tensor<"i32">,
  options: W8GroupSize & EmbedOptions,
): void {
  const op = "embedW8Group";
  const { n, k, group, offsets = false, start, shift = 0 } = options;
  expectSize(op, options);
  const [m] = expectTensor(op, "out", out, FLOATS, [-1, k], true);
  expectTensor(op, "table", table, ["u8"], [-1]);
  const bytes = w8GroupBytes(device, options);
  if (table.shape[0] !== bytes) {
    refuse(op, "table", `has ${table.shape[0]} bytes`, `${bytes} for n ${n}, k ${k}`);
  }
  expectTokens(op, tokens, m, options);
  const { native } = device;
  const status = native.symbols.smq_embed_w8_group(
    native.ctx,
    addressOf(out),
    out.rowStride,
    dtypeCode(op, "out", out.dtype),
    addressOf(table),
    group,
    Number(offsets),
    addressOf(tokens),
    addressOf(start),
    shift,
    m,
    k,
    n,
  );
  native.check(status, "smq_embed_w8_group");
}
