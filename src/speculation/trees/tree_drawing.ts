/**
 * How a head draws a dynamic tree, level by level: on one sequence, or on several side by side.
 *
 * @module
 */
import { rows, type Tensor } from "../../device/mod.ts";
import { HeadState } from "../../model/mod.ts";
import { copy, lastRow, ringRead, topChoices } from "../../ops/mod.ts";
import type { Verifier } from "../sequence/drafter.ts";
import type { Tree, TreeOptions } from "./tree.ts";

/** A head on one sequence. */
export interface TreeDrawer {
  /** The model that it drafts for. */
  readonly verifier: Verifier;
  /** The head's state. */
  readonly state: HeadState;
  /** Zeros, i32 [the widest level's nodes]. */
  readonly zeros: Tensor<"i32">;
}

/** A tree to draw. */
export interface TreeToDraw {
  /** Where. */
  readonly drawer: TreeDrawer;
  /** The tree. */
  readonly tree: Tree;
}

/** Queues the heads of `drawers` on the `count` pairs behind their caches: hidden state i with the token that came out of it. */
export function queueExtend(drawers: readonly TreeDrawer[], count: number): void {
  const [{ state: { input } }] = drawers;
  for (const [i, { verifier: { memory, taps }, state }] of drawers.entries()) {
    const own = rows(input, i * count, (i + 1) * count);
    ringRead(memory.device, own, taps!.ring, state.cacheLength);
  }
  HeadState.queueForwards(drawers.map(({ verifier: { memory }, state }) => ({
    state,
    step: { rows: count, cacheLength: state.cacheLength },
    ids: { tokens: memory.history, start: state.cacheLength, shift: 1 },
  })));
}

/**
 * Queues the drawing of trees of one shape on sequences that share their buffers, behind the next `extend` pairs of each;
 * `roots`, [trees, hidden], takes what they grow from.
 */
export function queueTrees(
  trees: readonly TreeToDraw[],
  { depth, topk }: TreeOptions,
  extend: number,
  roots: Tensor,
): void {
  const drawers = trees.map(({ drawer }) => drawer);
  const [{ state: { hidden, device } }] = drawers;
  const own = (all: Tensor, i: number, count: number) => rows(all, i * count, (i + 1) * count);
  queueExtend(drawers, extend);
  for (const [i, { verifier: { state: above }, state: { cacheLength } }] of drawers.entries()) {
    lastRow(device, own(roots, i, 1), own(hidden, i, extend), cacheLength, above.cacheLength);
    copy(device, cacheLength, above.cacheLength);
  }
  queueLevel(trees, roots, 1);
  for (let level = 2; level <= depth; level++) {
    HeadState.queueContinues(trees.map(({ drawer: { state, zeros }, tree }, i) => ({
      state,
      step: {
        rows: topk,
        cacheLength: state.cacheLength,
        depths: rows(zeros, 0, topk),
        mask: tree.frontMask,
        positionOffset: level - 2,
        slotOffset: (level - 2) * topk,
      },
      ids: { tokens: tree.frontTokens },
      from: level === 2 ? own(roots, i, 1) : own(hidden, i, topk),
      index: tree.frontRows,
    })));
    queueLevel(trees, rows(hidden, 0, trees.length * topk), level);
  }
  for (const { drawer, tree } of trees) tree.queueSelect(drawer.verifier);
}

/** Queues a level of all trees from what `hidden`, as many rows of each, predicts. */
function queueLevel(trees: readonly TreeToDraw[], hidden: Tensor, level: number): void {
  const states = trees.map(({ drawer: { state } }) => state);
  const [{ logits }] = states;
  const count = hidden.shape[0] / trees.length;
  HeadState.queueAllLogits(states, hidden);
  for (const [i, { drawer: { verifier, state: { map } }, tree }] of trees.entries()) {
    const { memory: { device, history, choice }, state: { cacheLength } } = verifier;
    topChoices(device, {
      ...choice,
      values: rows(tree.values, 0, count),
      ids: rows(tree.ids, 0, count),
      logits: rows(logits, i * count, (i + 1) * count),
      map,
      history,
      cacheLength,
      offset: level,
    });
    tree.queueExpand(device, level);
  }
}
