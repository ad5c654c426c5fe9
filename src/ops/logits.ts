/**
 * Log-probabilities from rows of logits.
 *
 * @module
 */

import { addressOf, type Device, type Tensor } from "../device/mod.ts";
import { SMQ_MAX_TOPK, SMQ_MAX_TREE } from "../ffi/symbols.ts";
import { expectCounter, expectInteger, expectTensor } from "./check.ts";
import { type ChoiceSettings, SETTINGS_WORDS } from "./choose.ts";

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

/** What the entries of rows of logits stand for, where a head has a vocabulary of its own. */
export interface EntryMap {
  /** The token of each entry, distinct and below `known`: i32 [vocab]. */
  readonly tokens: Tensor<"i32">;
  /** The entry of each token, -1 for those without: i32 [known]. */
  readonly entries: Tensor<"i32">;
}

/** What `topChoices` reads and writes. */
export interface TopChoicesOptions extends ChoiceSettings {
  /** f32 [m, topk], written. */
  readonly values: Tensor<"f32">;
  /** i32 [m, topk], written: tokens. */
  readonly ids: Tensor<"i32">;
  /** What its entries stand for; tokens by their ids where absent. */
  readonly map?: EntryMap;
  /** f32 [m, vocab]; changed where the settings change anything. */
  readonly logits: Tensor<"f32">;
  /** i32 [any]: the token at each position. */
  readonly history: Tensor<"i32">;
  /** i32 [1]. */
  readonly cacheLength: Tensor<"i32">;
  /** How far behind the cache length the token of row 0 stands, from 1. */
  readonly offset: number;
  /** How much further that of each next row: 0, which it is where absent, or 1 of a sequence that lies in the history. */
  readonly step?: number;
}

/**
 * The `topk` tokens of each row that a sample is likeliest to be, as a drafter sees it, and the logarithms of their
 * chances: `topLogProbs` of the logits after bias and penalties plus temperature times the noise that `choose` will add at
 * position cacheLength + offset + i * step to row i. Where the settings are greedy the bits are those of `topLogProbs`. m is at most 64.
 */
export function topChoices(device: Device, options: TopChoicesOptions): void {
  const op = "topChoices";
  const { values, ids, logits, settings, biasIds, biasValues } = options;
  const { history, cacheLength, offset, step = 0, map } = options;
  const [m, vocab] = expectTensor(op, "logits", logits, ["f32"], [-1, -1]);
  expectInteger(op, "m", m, 1, SMQ_MAX_TREE);
  const [, topk] = expectTensor(op, "values", values, ["f32"], [m, -1]);
  expectTensor(op, "ids", ids, ["i32"], [m, topk]);
  expectInteger(op, "topk", topk, 1, Math.min(SMQ_MAX_TOPK, vocab));
  expectTensor(op, "settings", settings, ["i32"], [SETTINGS_WORDS]);
  const [most] = expectTensor(op, "biasIds", biasIds, ["i32"], [-1]);
  expectTensor(op, "biasValues", biasValues, ["f32"], [most]);
  expectTensor(op, "history", history, ["i32"], [-1]);
  expectCounter(op, "cacheLength", cacheLength);
  expectInteger(op, "offset", offset, 1);
  expectInteger(op, "step", step, 0, 1);
  if (map) expectTensor(op, "tokens", map.tokens, ["i32"], [vocab]);
  const [known] = map ? expectTensor(op, "entries", map.entries, ["i32"], [-1]) : [0];
  const { native } = device;
  const status = native.symbols.smq_top_choices(
    native.ctx,
    addressOf(values),
    addressOf(ids),
    addressOf(logits),
    addressOf(settings),
    addressOf(biasIds),
    addressOf(biasValues),
    addressOf(history),
    addressOf(cacheLength),
    addressOf(map?.tokens),
    addressOf(map?.entries),
    known,
    offset,
    step,
    m,
    vocab,
    topk,
  );
  native.check(status, "smq_top_choices");
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
