/**
 * Building trees: a head's, level by level, or a sequence with other guesses beside it; then the best nodes of all.
 *
 * @module
 */

import { addressOf, type Device, type Tensor } from "../device/mod.ts";
import { SMQ_MAX_MASK, SMQ_MAX_TOPK, SMQ_MAX_TREE } from "../ffi/symbols.ts";
import { expectCounter, expectInteger, expectTensor, refuse } from "./check.ts";

/**
 * The candidates of a tree: of all levels behind one another, topk of level 1, then topk * topk each; or what `treeSiblings`
 * writes.
 */
export interface Candidates {
  /** f32 [candidates]: cumulative log-probabilities. */
  scores: Tensor<"f32">;
  /** i32 [candidates]. */
  tokens: Tensor<"i32">;
  /** i32 [candidates]: the parent's index among the candidates, -1 for node 0. */
  parents: Tensor<"i32">;
}

/** One level to expand. */
export interface TreeExpandOptions extends Candidates {
  /** i32 [topk]: written, the frontier's candidates; read above level 1. */
  frontNodes: Tensor<"i32">;
  /** i32 [topk]: written, the frontier's tokens. */
  frontTokens: Tensor<"i32">;
  /** i32 [topk]: written, which of this level's rows each entry grew from. */
  frontRows: Tensor<"i32">;
  /** u64 [topk, maskWords]: written, the head's own rows that each entry attends to. */
  frontMask: Tensor<"u64">;
  /** f32 [rows, topk]: log-probabilities after the frontier; rows is 1 at level 1, else topk. */
  values: Tensor<"f32">;
  /** i32 [rows, topk]: their tokens. */
  ids: Tensor<"i32">;
  /** From 1. */
  level: number;
  /** Entries of the frontier, 1 to 64. */
  topk: number;
}

/** A sequence, and what was guessed beside its tokens. */
export interface TreeSiblingsOptions extends Candidates {
  /** f32 [ring, topk]: of the guesses at position p, in row (p - 1) % ring, the logarithms of their chances. */
  values: Tensor<"f32">;
  /** i32 [ring, topk]: their tokens. */
  ids: Tensor<"i32">;
  /** i32 [any]: the token at each position; the sequence is what lies behind cacheLength, up to limit. */
  history: Tensor<"i32">;
  /** i32 [1]. */
  cacheLength: Tensor<"i32">;
  /** i32 [1]: the position of the sequence's last token. */
  limit: Tensor<"i32">;
  /** Tokens of the sequence at most, 1 to 63. */
  depth: number;
  /** Guesses from this id on are none. */
  vocabulary: number;
}

/** What to select from, and where to. */
export interface TreeSelectOptions extends Candidates {
  /** i32 [size]: node 0 is history[cacheLength], the kept candidates follow in index order. */
  outTokens: Tensor<"i32">;
  /** i32 [size]: the row of the parent, -1 for row 0. */
  outParents: Tensor<"i32">;
  /** i32 [size]: 0 for row 0. */
  outDepths: Tensor<"i32">;
  /** u64 [size] or [size, 1]: the row's ancestors and itself. */
  outMask: Tensor<"u64">;
  /** i32 [any]: the token at each position. */
  history: Tensor<"i32">;
  /** i32 [1]. */
  cacheLength: Tensor<"i32">;
}

function expectCandidates(op: string, { scores, tokens, parents }: Candidates): number {
  const [count] = expectTensor(op, "scores", scores, ["f32"], [-1]);
  expectTensor(op, "tokens", tokens, ["i32"], [count]);
  expectTensor(op, "parents", parents, ["i32"], [count]);
  return count;
}

/**
 * Adds one level of candidates, each scored its parent's score plus its value, and makes the topk
 * best of the level the frontier (lower index first among equals).
 */
export function treeExpand(device: Device, options: TreeExpandOptions): void {
  const op = "treeExpand";
  const { scores, tokens, parents, frontNodes, frontTokens, frontRows, frontMask } = options;
  const { values, ids, level, topk } = options;
  expectInteger(op, "topk", topk, 1, SMQ_MAX_TOPK);
  expectInteger(op, "level", level, 1);
  const count = expectCandidates(op, options);
  const needed = topk + (level - 1) * topk * topk;
  if (count < needed) {
    refuse(op, "scores", `has ${count} candidates`, `at least ${needed} at level ${level}`);
  }
  const rows = level === 1 ? 1 : topk;
  for (const [name, t] of Object.entries({ frontNodes, frontTokens, frontRows })) {
    expectTensor(op, name, t, ["i32"], [topk]);
  }
  const [, maskWords] = expectTensor(op, "frontMask", frontMask, ["u64"], [topk, -1]);
  expectInteger(op, "maskWords", maskWords, 1, SMQ_MAX_MASK);
  expectTensor(op, "values", values, ["f32"], [rows, topk]);
  expectTensor(op, "ids", ids, ["i32"], [rows, topk]);
  const { native } = device;
  const status = native.symbols.smq_tree_expand(
    native.ctx,
    addressOf(scores),
    addressOf(tokens),
    addressOf(parents),
    addressOf(frontNodes),
    addressOf(frontTokens),
    addressOf(frontRows),
    addressOf(frontMask),
    maskWords,
    addressOf(values),
    addressOf(ids),
    level,
    topk,
  );
  native.check(status, "smq_tree_expand");
}

/**
 * Writes the candidates of a tree that is a sequence with other guesses beside its tokens: `depth` of the sequence, each
 * with score 1, so that they are always kept, then `topk` beside each, with the logarithm of the chance that the sequence
 * holds up to there and goes on with the guess. What is no guess has score -infinity.
 */
export function treeSiblings(device: Device, options: TreeSiblingsOptions): void {
  const op = "treeSiblings";
  const { scores, tokens, parents, values, ids, history, cacheLength, limit } = options;
  const { depth, vocabulary } = options;
  expectInteger(op, "depth", depth, 1, SMQ_MAX_TREE - 1);
  expectInteger(op, "vocabulary", vocabulary, 1);
  const [ringRows, topk] = expectTensor(op, "values", values, ["f32"], [-1, -1]);
  expectInteger(op, "topk", topk, 1, SMQ_MAX_TOPK);
  expectTensor(op, "ids", ids, ["i32"], [ringRows, topk]);
  const count = expectCandidates(op, options);
  const needed = depth * (1 + topk);
  if (count !== needed) refuse(op, "scores", `has ${count} candidates`, `${needed}`);
  expectTensor(op, "history", history, ["i32"], [-1]);
  expectCounter(op, "cacheLength", cacheLength);
  expectCounter(op, "limit", limit);
  const { native } = device;
  const status = native.symbols.smq_tree_siblings(
    native.ctx,
    addressOf(scores),
    addressOf(tokens),
    addressOf(parents),
    addressOf(values),
    addressOf(ids),
    ringRows,
    topk,
    addressOf(history),
    addressOf(cacheLength),
    addressOf(limit),
    depth,
    vocabulary,
  );
  native.check(status, "smq_tree_siblings");
}

/**
 * Keeps the size - 1 best candidates (lower index first among equals, so a parent is kept with its
 * child) behind node 0. The size, from `outTokens`, is 1 to 64 and at most candidates + 1.
 */
export function treeSelect(device: Device, options: TreeSelectOptions): void {
  const op = "treeSelect";
  const { outTokens, outParents, outDepths, outMask, scores, tokens, parents } = options;
  const { history, cacheLength } = options;
  const count = expectCandidates(op, options);
  const [size] = expectTensor(op, "outTokens", outTokens, ["i32"], [-1]);
  expectInteger(op, "size", size, 1, Math.min(SMQ_MAX_TREE, count + 1));
  expectTensor(op, "outParents", outParents, ["i32"], [size]);
  expectTensor(op, "outDepths", outDepths, ["i32"], [size]);
  expectTensor(op, "outMask", outMask, ["u64"], outMask.shape.length === 2 ? [size, 1] : [size]);
  expectTensor(op, "history", history, ["i32"], [-1]);
  expectCounter(op, "cacheLength", cacheLength);
  const { native } = device;
  const status = native.symbols.smq_tree_select(
    native.ctx,
    addressOf(outTokens),
    addressOf(outParents),
    addressOf(outDepths),
    addressOf(outMask),
    addressOf(scores),
    addressOf(tokens),
    addressOf(parents),
    count,
    addressOf(history),
    addressOf(cacheLength),
    size,
  );
  native.check(status, "smq_tree_select");
}
