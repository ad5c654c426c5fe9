/**
 * Block drafters (DFlash, arXiv 2602.06036; DSpark): one pass of a head says what each of the next tokens may be. The
 * likeliest continuations make a tree, best first; with one node on each level it is a chain.
 *
 * @module
 */
import { ArgumentError } from "../base/errors.ts";
import { Arena, rows, type Tensor } from "../device/mod.ts";
import { blockRows, BlockState, type HeadModel } from "../model/mod.ts";
import { advance, copy, ringRead, topChoices } from "../ops/mod.ts";
import type { Drafter, DrafterPlan, Proposal, Verifier } from "./drafter.ts";
import { Following } from "./following.ts";
import {
  describeTrees,
  type DrawnTree,
  drawnTrees,
  type HeadTreeOptions,
  planTrees,
  shapesOf,
  treeOf,
} from "./head_trees.ts";
import type { Setting } from "./policy/setting.ts";
import type { Tree, TreeOptions } from "./tree.ts";

/** Plans a drafter of blocks with `head`, of the family `kind`; a block has as many rows as `depth` tokens need. */
export function blockTrees(
  kind: "dflash" | "dspark",
  head: HeadModel,
  options: HeadTreeOptions,
): DrafterPlan {
  const doing = "draft blocks";
  const { blockSize } = describeTrees(doing, kind, head, options);
  const { depth, treeSize } = shapesOf(options).most;
  const most = blockSize - blockRows(head, 0);
  if (depth > most) {
    throw new ArgumentError(
      "depth",
      `Cannot ${doing}: depth is ${depth}, expected at most ${most}, which is what ${head.dir} was trained for`,
    );
  }
  return {
    ...planTrees(kind, head, options),
    slack: Math.max(treeSize, contextRows(shapesOf(options).most), blockRows(head, depth)),
    create: (verifier) => new BlockTrees(verifier, head, options),
  };
}

/** Tokens of the text that are read at the start of a proposal: those of one commit, and one of a catch-up. */
function contextRows({ depth }: TreeOptions): number {
  return depth + 2;
}

/** A block drafter at work. */
class BlockTrees implements Drafter {
  readonly proposals: readonly Proposal[];
  readonly levels = [];
  readonly #name: string;
  readonly #verifier: Verifier;
  readonly #state: BlockState;
  readonly #cleanup: DisposableStack;
  readonly #trees: readonly DrawnTree[];
  #drawn: DrawnTree;
  readonly #contextRows: number;
  readonly #zero: Tensor<"i32">;
  readonly #following: Following;

  constructor(verifier: Verifier, head: HeadModel, options: HeadTreeOptions) {
    const { memory: { device, context, slots, prefillRows, seat } } = verifier;
    const { shapes, most } = shapesOf(options);
    const { depth, topk } = most;
    this.#name = options.name ?? "head";
    this.#verifier = verifier;
    this.#contextRows = contextRows(most);
    using cleanup = new DisposableStack();
    const arena = cleanup.use(new Arena(device, head.description.kind));
    const count = Math.max(prefillRows, this.#contextRows);
    this.#state = cleanup.use(
      new BlockState(head, {
        context,
        slots,
        rows: count,
        drafted: depth,
        branches: topk,
        scratch: seat?.scratch,
      }),
    );
    this.#zero = arena.fromHost("i32", [1], new Int32Array(1));
    this.#following = cleanup.use(
      new Following({
        verifier,
        state: this.#state,
        rows: this.#contextRows,
        // What the verifier's taps said of a token that it keeps stays true.
        again: 0,
        queueRead: () => this.#queueContext(),
      }),
    );
    this.#trees = drawnTrees(device, arena, cleanup, shapes, (tree, shape) => {
      this.#queueDraft(tree, shape);
    });
    this.#drawn = this.#trees[0];
    this.proposals = this.#trees.map(({ tree }) => tree.proposal);
    this.#cleanup = cleanup.move();
  }

  /** Queues the tokens of the text behind the cache; what does not exist yet is overwritten by blocks, and by itself. */
  #queueContext(): void {
    const { memory: { device }, taps } = this.#verifier;
    const state = this.#state;
    const count = this.#contextRows;
    ringRead(device, rows(state.input, 0, count), taps!.ring, state.cacheLength);
    state.queueContext(count);
  }

  #queueDraft(tree: Tree, { depth, topk }: TreeOptions): void {
    const { memory: { device, history, choice }, state: above } = this.#verifier;
    const { cacheLength } = above;
    const state = this.#state;
    this.#queueContext();
    copy(device, state.cacheLength, cacheLength);
    state.queueBlock(history);
    for (let level = 1; level <= depth; level++) {
      const count = level === 1 ? 1 : topk;
      const before = level === 1
        ? { tokens: history, start: cacheLength }
        : { tokens: tree.frontTokens };
      state.queueFollowed(level - 1, before, count);
      topChoices(device, {
        ...choice,
        values: rows(tree.values, 0, count),
        ids: rows(tree.ids, 0, count),
        logits: rows(state.followed, 0, count),
        map: state.head.map,
        history,
        cacheLength,
        offset: level,
      });
      tree.queueExpand(device, level);
    }
    tree.queueSelect(this.#verifier);
  }

  prefill(count: number): void {
    const { memory: { device }, state: above } = this.#verifier;
    const state = this.#state;
    ringRead(device, rows(state.input, 0, count), rows(above.tapped, 0, count), this.#zero);
    state.queueContext(count);
    advance(device, state.cacheLength, count);
    state.length += count;
  }

  get proposal(): Proposal {
    return this.#drawn.tree.proposal;
  }

  get proposed(): number {
    return this.proposal.rows;
  }

  get reach(): number {
    return this.#drawn.setting.depth;
  }

  use(setting: Setting): void {
    this.#drawn = treeOf(this.#trees, setting);
  }

  propose(): void {
    this.#following.propose(this.#drawn.draw);
  }

  follow(): void {
    this.#following.follow();
  }

  queueObserve(): void {
    this.#following.queueObserve();
  }

  observe(): void {
    this.#following.observe();
  }

  proposer(): string {
    return this.#name;
  }

  resume(kept: number, length: number): void {
    for (const { draw } of this.#trees) draw.expectLive();
    this.#following.resume(kept, length);
  }

  [Symbol.dispose](): void {
    this.#cleanup.dispose();
  }
}
