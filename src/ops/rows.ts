/**
 * Moving rows: by index, the last one, and through a ring.
 *
 * @module
 */

import { addressOf, type Device, type Tensor } from "../device/mod.ts";
import { dtypeCode, expectCounter, expectTensor, FLOATS, refuse } from "./check.ts";

/** Which rows `ringWrite` writes, and where. */
export interface RingWriteOptions {
  /** i32 [1]: the count of rows written before; row j goes to (start + j) modulo the ring's rows. */
  start: Tensor<"i32">;
  /** i32 [m]: the rows of x to write, in order, each below m. */
  path: Tensor<"i32">;
  /** i32 [1]: how many of the path are written. */
  count: Tensor<"i32">;
}

/**
 * `out[i] = x[index[i]]`, the index clamped into x. `x`, `out`: f16, bf16 or f32, [rows, width] and
 * [m, width], rows may have gaps; `index`: i32 [m].
 */
export function gatherRows(
  device: Device,
  out: Tensor,
  x: Tensor,
  index: Tensor<"i32">,
): void {
  const op = "gatherRows";
  const [xRows, width] = expectTensor(op, "x", x, FLOATS, [-1, -1], true);
  const [m] = expectTensor(op, "out", out, [x.dtype], [-1, width], true);
  expectTensor(op, "index", index, ["i32"], [m]);
  const { native } = device;
  const status = native.symbols.smq_gather_rows(
    native.ctx,
    addressOf(out),
    out.rowStride,
    addressOf(x),
    x.rowStride,
    xRows,
    addressOf(index),
    m,
    width,
    dtypeCode(op, "x", x.dtype),
  );
  native.check(status, "smq_gather_rows");
}

/**
 * `out` = row end - start - 1 of `x`, clamped into it. `x`: f16, bf16 or f32 [m, width], rows may
 * have gaps; `out`: its dtype [1, width] or [width]; `start`, `end`: i32 [1].
 */
export function lastRow(
  device: Device,
  out: Tensor,
  x: Tensor,
  start: Tensor<"i32">,
  end: Tensor<"i32">,
): void {
  const op = "lastRow";
  const [m, width] = expectTensor(op, "x", x, FLOATS, [-1, -1], true);
  expectTensor(op, "out", out, [x.dtype], out.shape.length === 1 ? [width] : [1, width]);
  expectCounter(op, "start", start);
  expectCounter(op, "end", end);
  const { native } = device;
  const status = native.symbols.smq_last_row(
    native.ctx,
    addressOf(out),
    addressOf(x),
    x.rowStride,
    addressOf(start),
    addressOf(end),
    m,
    width,
    dtypeCode(op, "x", x.dtype),
  );
  native.check(status, "smq_last_row");
}

/**
 * `ring[(start + j) % ring rows] = x[path[j]]` for j below count (at most the path's m). `ring`:
 * f16, bf16 or f32 [any, width]; `x`: its dtype, at least m rows [any, width], rows may have gaps.
 */
export function ringWrite(
  device: Device,
  ring: Tensor,
  x: Tensor,
  { start, path, count }: RingWriteOptions,
): void {
  const op = "ringWrite";
  const [ringRows, width] = expectTensor(op, "ring", ring, FLOATS, [-1, -1]);
  const [m] = expectTensor(op, "path", path, ["i32"], [-1]);
  const [xRows] = expectTensor(op, "x", x, [ring.dtype], [-1, width], true);
  if (xRows < m) refuse(op, "x", `has ${xRows} rows`, `at least ${m}, as many as the path`);
  expectCounter(op, "start", start);
  expectCounter(op, "count", count);
  const { native } = device;
  const status = native.symbols.smq_ring_write(
    native.ctx,
    addressOf(ring),
    ringRows,
    addressOf(start),
    addressOf(x),
    x.rowStride,
    addressOf(path),
    addressOf(count),
    m,
    width,
    dtypeCode(op, "ring", ring.dtype),
  );
  native.check(status, "smq_ring_write");
}

/**
 * `out[j] = ring[(start + j) % ring rows]`. `ring`: f16, bf16 or f32 [any, width]; `out`: its dtype
 * [m, width], rows may have gaps; `start`: i32 [1].
 */
export function ringRead(
  device: Device,
  out: Tensor,
  ring: Tensor,
  start: Tensor<"i32">,
): void {
  const op = "ringRead";
  const [ringRows, width] = expectTensor(op, "ring", ring, FLOATS, [-1, -1]);
  const [m] = expectTensor(op, "out", out, [ring.dtype], [-1, width], true);
  expectCounter(op, "start", start);
  const { native } = device;
  const status = native.symbols.smq_ring_read(
    native.ctx,
    addressOf(out),
    out.rowStride,
    addressOf(ring),
    ringRows,
    addressOf(start),
    m,
    width,
    dtypeCode(op, "ring", ring.dtype),
  );
  native.check(status, "smq_ring_read");
}
