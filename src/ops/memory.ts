/**
 * Moving bytes on a device.
 *
 * @module
 */

import { ArgumentError } from "../base/errors.ts";
import { addressOf, byteLength, type Device, isContiguous, type Tensor } from "../device/mod.ts";
import { expectInteger, expectTensor, refuse } from "./check.ts";

/** `dst` = `src`: contiguous tensors of one dtype and as many bytes, which do not overlap. */
export function copy(device: Device, dst: Tensor, src: Tensor): void {
  const op = "copy";
  for (const [argument, t] of [["dst", dst], ["src", src]] as const) {
    if (!isContiguous(t)) refuse(op, argument, `has row stride ${t.rowStride}`, "contiguous rows");
  }
  if (dst.dtype !== src.dtype) refuse(op, "src", `is ${src.dtype}`, dst.dtype);
  const bytes = BigInt(byteLength(dst));
  if (byteLength(src) !== byteLength(dst)) {
    refuse(op, "src", `has ${byteLength(src)} bytes`, `${bytes}`);
  }
  const [to, from] = [addressOf(dst), addressOf(src)];
  if (from < to + bytes && to < from + bytes) {
    throw new ArgumentError("src", "Cannot run copy: src overlaps dst, expected separate memory");
  }
  const { native } = device;
  native.check(
    native.symbols.smq_copy(native.ctx, to, from, bytes),
    "smq_copy",
  );
}

/** Sets every byte of the contiguous `dst` to `byte`, 0 to 255. */
export function fill(device: Device, dst: Tensor, byte: number): void {
  const op = "fill";
  if (!isContiguous(dst)) refuse(op, "dst", `has row stride ${dst.rowStride}`, "contiguous rows");
  expectInteger(op, "byte", byte, 0, 255);
  const { native } = device;
  const bytes = BigInt(byteLength(dst));
  native.check(native.symbols.smq_fill(native.ctx, addressOf(dst), byte, bytes), "smq_fill");
}

/**
 * `out` = the wrapping sum of the 8-byte words of the contiguous `src`, whose bytes are a multiple of 16;
 * `out`: u64 [1]. Reads every byte once, so benches measure with it how fast a device reads.
 */
export function checksum(device: Device, out: Tensor<"u64">, src: Tensor): void {
  const op = "checksum";
  expectTensor(op, "out", out, ["u64"], [1]);
  if (!isContiguous(src)) refuse(op, "src", `has row stride ${src.rowStride}`, "contiguous rows");
  const bytes = byteLength(src);
  if (bytes % 16 !== 0) refuse(op, "src", `has ${bytes} bytes`, "a multiple of 16");
  const { native } = device;
  const status = native.symbols.smq_checksum(
    native.ctx,
    addressOf(out),
    addressOf(src),
    BigInt(bytes),
  );
  native.check(status, "smq_checksum");
}
