/**
 * Token embedding.
 *
 * @module
 */

import { MAX_I32 } from "../base/i32.ts";
import { addressOf, type Device, type Tensor } from "../device/mod.ts";
import {
  ACTIVATION,
  dtypeCode,
  expectCounter,
  expectInteger,
  expectTensor,
  FLOATS,
  refuse,
} from "./check.ts";

/** Where the tokens of `embed` begin: at `tokens[(start ? start[0] : 0) + shift]`. */
export interface EmbedOptions {
  /** i32 [1] on the device, e.g. a cache length into a history. */
  start?: Tensor<"i32">;
  /** Added to it; defaults to 0. */
  shift?: number;
}

/** Checks that `m` tokens are there, as far as that is known before the op runs. */
export function expectTokens(
  op: string,
  tokens: Tensor<"i32">,
  m: number,
  { start, shift = 0 }: EmbedOptions,
): void {
  const [count] = expectTensor(op, "tokens", tokens, ["i32"], [-1]);
  if (start === undefined) {
    expectInteger(op, "shift", shift, 0);
    if (shift + m > count) {
      refuse(op, "tokens", `has shape [${count}]`, `at least ${shift + m} for ${m} rows`);
    }
  } else {
    expectCounter(op, "start", start);
    expectInteger(op, "shift", shift, -MAX_I32);
  }
}

/**
 * Row i of `out` is the table's row of the i-th token from the start; a token outside the table
 * gives zeros. `out`: f16, bf16 or f32 [m, hidden], rows may have gaps; `table`: f16 or bf16
 * [vocab, hidden]; `tokens`: i32 [any], of which the m from the start must exist.
 */
export function embed(
  device: Device,
  out: Tensor,
  table: Tensor,
  tokens: Tensor<"i32">,
  options: EmbedOptions = {},
): void {
  const op = "embed";
  const { start, shift = 0 } = options;
  const [vocab, hidden] = expectTensor(op, "table", table, ACTIVATION, [-1, -1]);
  const [m] = expectTensor(op, "out", out, FLOATS, [-1, hidden], true);
  expectTokens(op, tokens, m, options);
  const { native } = device;
  const status = native.symbols.smq_embed(
    native.ctx,
    addressOf(out),
    out.rowStride,
    dtypeCode(op, "out", out.dtype),
    addressOf(table),
    dtypeCode(op, "table", table.dtype),
    addressOf(tokens),
    addressOf(start),
    shift,
    m,
    hidden,
    vocab,
  );
  native.check(status, "smq_embed");
}
