/**
 * Log-probabilities from rows of logits.
 *
 * @module
 */

import { addressOf, type Device, type Tensor } from "../device/mod.ts";
import { SMQ_MAX_TOPK } from "../ffi/symbols.ts";
import { expectInteger, expectTensor } from "./check.ts";

/**
 * The `topk` largest log-probabilities of each row of `logits`, f32 [m, vocab], descending, lower
 * index first among equals. `values`: f32 [m, topk]; `ids`: i32 [m, topk]. topk is at most 64 and
 * the vocabulary.
 */
export function topLogProbs(
  device: Device,
  values: Tensor<"f32">,
  ids: Tensor<"i32">,
  logits: Tensor<"f32">,
): void {
  const op = "topLogProbs";
  const [m, vocab] = expectTensor(op, "logits", logits, ["f32"], [-1, -1]);
  const [, topk] = expectTensor(op, "values", values, ["f32"], [m, -1]);
  expectTensor(op, "ids", ids, ["i32"], [m, topk]);
  expectInteger(op, "topk", topk, 1, Math.min(SMQ_MAX_TOPK, vocab));
  const { native } = device;
  const status = native.symbols.smq_top_log_probs(
    native.ctx,
    addressOf(values),
    addressOf(ids),
    addressOf(logits),
    m,
    vocab,
    topk,
  );
  native.check(status, "smq_top_log_probs");
}

/**
 * `out[i]` = the log-probability of `targets[i]` in row i of `logits`, f32 [m, vocab]. `targets`:
 * i32 [m]; `out`: f32 [m].
 */
export function logProbs(
  device: Device,
  out: Tensor<"f32">,
  logits: Tensor<"f32">,
  targets: Tensor<"i32">,
): void {
  const op = "logProbs";
  const [m, vocab] = expectTensor(op, "logits", logits, ["f32"], [-1, -1]);
  expectTensor(op, "out", out, ["f32"], [m]);
  expectTensor(op, "targets", targets, ["i32"], [m]);
  const { native } = device;
  const status = native.symbols.smq_log_probs(
    native.ctx,
    addressOf(out),
    addressOf(logits),
    addressOf(targets),
    m,
    vocab,
  );
  native.check(status, "smq_log_probs");
}
