/**
 * Siblings: the next best choices of a draft model beside the tokens of its sequence. The proposal becomes a narrow tree, whose first
 * rows are the sequence.
 *
 * @module
 */
import { type Arena, rows, type Tensor, view } from "../../device/mod.ts";
import type { Model, ModelState } from "../../model/mod.ts";
import {
  gatherRows,
  MAX_TOPK,
  MAX_TREE_ROWS,
  ringWrite,
  topChoices,
  treeSelect,
  treeSiblings,
} from "../../ops/mod.ts";
import type { Verifier } from "../sequence/drafter.ts";
import { allocateTree, type TreeProposal } from "./tree.ts";

/** Positions kept: as many as may be proposed at once. */
const KEPT = MAX_TREE_ROWS;

/** Bytes that {@linkcode Siblings} take on a device at most: choices collected and kept, candidates, the proposal. */
export const MOST_SIBLING_BYTES: number = 8 * MAX_TOPK * (KEPT + MAX_TREE_ROWS) +
  12 * MAX_TREE_ROWS * (1 + MAX_TOPK) + 24 * MAX_TREE_ROWS;

/** What siblings are made for. */
export interface SiblingsOptions {
  /** Tokens of a sequence at most. */
  readonly depth: number;
  /** Rows beside the longest sequence. */
  readonly count: number;
  /** The most tokens that one round of the draft model adds to a sequence. */
  readonly collected: number;
}

/** Choices looked at after each row of a draft model that `count` siblings are taken from; one is mostly the sequence's own token. */
function looked(model: Model, count: number): number {
  return Math.min(1 + count, MAX_TOPK, model.config.vocabSize);
}

/** The most siblings beside sequences of up to `depth` tokens of `model`. */
export function mostSiblings(model: Model, depth: number): number {
  return depth * looked(model, MAX_TOPK);
}

/** The siblings of the sequences of one draft model. */
export class Siblings {
  /** The sequence and its siblings, for the verifier. */
  readonly proposal: TreeProposal;
  readonly #verifier: Verifier;
  readonly #depth: number;
  readonly #collected: number;
  readonly #inOrder: Tensor<"i32">;
  /** The best choices after the rows of one round, f32 and i32 [collected, looked]. */
  readonly #values: Tensor<"f32">;
  readonly #ids: Tensor<"i32">;
  /** Those of the last positions, f32 and i32 [KEPT, looked]: what follows position p lies in row p % KEPT. */
  readonly #keptValues: Tensor<"f32">;
  readonly #keptIds: Tensor<"i32">;
  readonly #scores: Tensor<"f32">;
  readonly #tokens: Tensor<"i32">;
  readonly #parents: Tensor<"i32">;

  /** Allocates in `arena` what the sequences of `model` need. */
  constructor(arena: Arena, verifier: Verifier, model: Model, options: SiblingsOptions) {
    const { depth, count, collected } = options;
    const topk = looked(model, count);
    const size = 1 + depth + count;
    const most = depth * (1 + topk);
    this.#verifier = verifier;
    this.#depth = depth;
    this.#collected = collected;
    this.#inOrder = arena.fromHost(
      "i32",
      [collected],
      Int32Array.from({ length: collected }, (_, i) => i),
    );
    this.#values = arena.allocate("f32", [collected, topk], "values");
    this.#ids = arena.allocate("i32", [collected, topk], "ids");
    this.#keptValues = arena.allocate("f32", [KEPT, topk], "values kept");
    this.#keptIds = arena.allocate("i32", [KEPT, topk], "ids kept");
    this.#scores = arena.allocate("f32", [most], "scores");
    this.#tokens = arena.allocate("i32", [most], "tokens");
    this.#parents = arena.allocate("i32", [most], "parents");
    const candidates = {
      scores: this.#scores,
      tokens: this.#tokens,
      parents: this.#parents,
      guesses: { values: this.#keptValues, ids: this.#keptIds },
    };
    this.proposal = { ...allocateTree(arena, size), candidates };
  }

  /**
   * Queues the best choices after the rows of `path`, i32 [m], of which `accepted`, i32 [1], have been accepted but not yet
   * committed; `state` is the draft model's, whose rows begin at row `first`.
   */
  queueCollect(
    state: ModelState,
    path: Tensor<"i32">,
    accepted: Tensor<"i32">,
    first: number,
  ): void {
    const { device, history, choice } = this.#verifier.memory;
    const { cacheLength } = state;
    const m = path.shape[0];
    const count = Math.min(m, this.#collected);
    const [values, ids] = [rows(this.#values, 0, count), rows(this.#ids, 0, count)];
    // The scratch of the choice, which has been made.
    const logits = rows(state.scores, first, first + count);
    gatherRows(device, logits, rows(state.logits, first, first + m), rows(path, 0, count));
    topChoices(device, {
      ...choice,
      values,
      ids,
      logits,
      history,
      cacheLength,
      offset: 1,
      step: 1,
    });
    const where = { start: cacheLength, path: rows(this.#inOrder, 0, count), count: accepted };
    ringWrite(device, this.#keptValues, values, where);
    ringWrite(device, floats(this.#keptIds), floats(ids), where);
  }

  /** Queues the proposal: the sequence behind the verifier's cache, up to position `limit`, i32 [1], and its siblings. */
  queueTree(limit: Tensor<"i32">): void {
    const { memory: { device, history }, state: { cacheLength, vocabulary } } = this.#verifier;
    const candidates = { scores: this.#scores, tokens: this.#tokens, parents: this.#parents };
    treeSiblings(device, {
      ...candidates,
      values: this.#keptValues,
      ids: this.#keptIds,
      history,
      cacheLength,
      limit,
      depth: this.#depth,
      vocabulary,
    });
    const { tokens, parents, depths, mask } = this.proposal;
    treeSelect(device, {
      ...candidates,
      outTokens: tokens,
      outParents: parents,
      outDepths: depths,
      outMask: mask,
      history,
      cacheLength,
    });
  }
}

/** The same words, as what rows are moved as. */
function floats(words: Tensor<"i32">): Tensor<"f32"> {
  return view(words, "f32", words.shape);
}
