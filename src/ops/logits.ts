/**
 * Log-probabilities from rows of logits.
 *
 * @module
 */

import { addressOf, type Device, type Tensor } from "../device/mod.ts";
import { SMQ_MAX_TOPK, SMQ_MAX_TREE } from "../ffi/symbols.ts";
import { ACTIVATION, expectCounter, expectInteger, expectTensor } from "./check.ts";
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

/** Logits as a drafter looks at them. */
export interface DraftedLogits extends ChoiceSettings {
  /** What its entries stand for; tokens by their ids where absent. */
  readonly map?: EntryMap;
  /** f32 [m, vocab]; changed where the settings change anything. m is at most 64. */
  readonly logits: Tensor<"f32">;
  /** i32 [any]: the token at each position. */
  readonly history: Tensor<"i32">;
  /** i32 [1]. */
  readonly cacheLength: Tensor<"i32">;
  /** How far behind the cache length the token of row 0 stands, from 1. */
  readonly offset: number;
}

/** What `topChoices` reads and writes. */
export interface TopChoicesOptions extends DraftedLogits {
  /** f32 [m, topk], written. */
  readonly values: Tensor<"f32">;
  /** i32 [m, topk], written: tokens. */
  readonly ids: Tensor<"i32">;
  /** How much further the token of each next row stands: 0, which it is where absent, or 1 of a sequence that lies in the history. */
  readonly step?: number;
}

/** Checks what ops on a drafter's logits have in common; gives their shape and the tokens that a map knows. */
function expectDrafted(
  op: string,
  { logits, settings, biasIds, biasValues, history, cacheLength, offset, map }: DraftedLogits,
): { readonly m: number; readonly vocab: number; readonly known: number } {
  const [m, vocab] = expectTensor(op, "logits", logits, ["f32"], [-1, -1]);
  expectInteger(op, "m", m, 1, SMQ_MAX_TREE);
  expectTensor(op, "settings", settings, ["i32"], [SETTINGS_WORDS]);
  const [most] = expectTensor(op, "biasIds", biasIds, ["i32"], [-1]);
  expectTensor(op, "biasValues", biasValues, ["f32"], [most]);
  expectTensor(op, "history", history, ["i32"], [-1]);
  expectCounter(op, "cacheLength", cacheLength);
  expectInteger(op, "offset", offset, 1);
  if (map) expectTensor(op, "tokens", map.tokens, ["i32"], [vocab]);
  const [known] = map ? expectTensor(op, "entries", map.entries, ["i32"], [-1]) : [0];
  return { m, vocab, known };
}

/**
 * The `topk` tokens of each row that a sample is likeliest to be, as a drafter sees it, and the logarithms of their
 * chances: `topLogProbs` of the logits after bias and penalties plus temperature times the noise that `choose` will add at
 * position cacheLength + offset + i * step to row i. Where the settings are greedy the bits are those of `topLogProbs`.
 */
export function topChoices(device: Device, options: TopChoicesOptions): void {
  const op = "topChoices";
  const { values, ids, logits, settings, biasIds, biasValues } = options;
  const { history, cacheLength, offset, step = 0, map } = options;
  const { m, vocab, known } = expectDrafted(op, options);
  const [, topk] = expectTensor(op, "values", values, ["f32"], [m, -1]);
  expectTensor(op, "ids", ids, ["i32"], [m, topk]);
  expectInteger(op, "topk", topk, 1, Math.min(SMQ_MAX_TOPK, vocab));
  expectInteger(op, "step", step, 0, 1);
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

/** What `likeliest` reads and writes. */
export interface LikeliestOptions extends DraftedLogits {
  /** i32 [m], written: tokens. */
  readonly drafted: Tensor<"i32">;
  /** i32 [1], written, where it is given: the last token of the text, history[cacheLength]. */
  readonly last?: Tensor<"i32">;
  /** For m = 1, what the token says: `said`, [1, rank], becomes its row of `table`, [any, rank], zeros for a token outside. */
  readonly follow?: { readonly said: Tensor; readonly table: Tensor };
}

/**
 * The token of each row that a sample is likeliest to be: what `topChoices` would say of row i alone, with topk 1 and an
 * offset of offset + i, but for entries whose chances are equal to rounding: here the largest comes first. The logits are
 * undefined afterwards.
 */
export function likeliest(device: Device, options: LikeliestOptions): void {
  const op = "likeliest";
  const { drafted, last, follow, logits, settings, biasIds, biasValues } = options;
  const { history, cacheLength, offset, map } = options;
  const { m, vocab, known } = expectDrafted(op, options);
  expectTensor(op, "drafted", drafted, ["i32"], [m]);
  if (last) expectTensor(op, "last", last, ["i32"], [1]);
  const [tableRows, rank] = follow
    ? expectTensor(op, "table", follow.table, ACTIVATION, [-1, -1])
    : [0, 0];
  if (follow) {
    expectInteger(op, "m", m, 1, 1);
    expectTensor(op, "said", follow.said, [follow.table.dtype], [1, rank]);
  }
  const { native } = device;
  const status = native.symbols.smq_likeliest(
    native.ctx,
    addressOf(drafted),
    addressOf(last),
    addressOf(follow?.said),
    addressOf(logits),
    addressOf(settings),
    addressOf(biasIds),
    addressOf(biasValues),
    addressOf(history),
    addressOf(cacheLength),
    addressOf(map?.tokens),
    addressOf(map?.entries),
    known,
    addressOf(follow?.table),
    tableRows,
    rank,
    offset,
    m,
    vocab,
  );
  native.check(status, "smq_likeliest");
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
