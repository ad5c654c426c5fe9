/**
 * Block drafters (DFlash, arXiv 2602.06036; DSpark): one pass of a head says what each of the next tokens may be. The
 * likeliest continuations make a tree, best first; with one node on each level it is a chain.
 *
 * @module
 */
import { ArgumentError } from "../../base/errors.ts";
import { checkArgument } from "../../base/options.ts";
import { Arena, rows, type Tensor } from "../../device/mod.ts";
import { blockRows, BlockState, type HeadModel } from "../../model/mod.ts";
import {
  advance,
  copy,
  likeliest,
  type LikeliestOptions,
  ringRead,
  topChoices,
} from "../../ops/mod.ts";
import { allocateChain, ChainCut } from "../trees/chain.ts";
import type {
  Drafter,
  DrafterPlan,
  Proposal,
  SharedDrafting,
  Verifier,
} from "../sequence/drafter.ts";
import { Following } from "./following.ts";
import {
  describeTrees,
  type DrawnTree,
  drawnTrees,
  type HeadTreeOptions,
  planTrees,
  shapesOf,
  treeOf,
  treeSetting,
} from "./head_trees.ts";
import type { Setting } from "../policy/setting.ts";
import { DRAFTER_KINDS } from "../trees/shape.ts";
import { Tree, type TreeOptions, type TreeProposal } from "../trees/tree.ts";

/** Options of a drafter of blocks: `topk` 1 and `treeSize` depth + 1 make a chain. */
export interface BlockTreeOptions extends HeadTreeOptions {
  /**
   * A chain ends before the first token that is less likely than this, 0 to 1, to be accepted with all before it, as the head's
   * confidence head says; chains are whole where absent. What says so is known before the token is, and costs a read-back
   * for each proposal.
   */
  readonly leastConfidence?: number;
}

/** Plans a drafter of blocks with `head`, of the family `kind`; a block has as many rows as `depth` tokens need. */
export function blockTrees(
  kind: "dflash" | "dspark",
  head: HeadModel,
  options: BlockTreeOptions,
): DrafterPlan {
  const doing = "draft blocks";
  const { blockSize } = describeTrees(doing, kind, head, options);
  checkConfidence(doing, head, options);
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

/** Refuses to cut by a confidence that nobody has, and what is no chain. */
function checkConfidence(doing: string, head: HeadModel, options: BlockTreeOptions): void {
  const { leastConfidence } = options;
  if (leastConfidence === undefined) return;
  checkArgument(doing, "leastConfidence", leastConfidence, DRAFTER_KINDS.leastConfidence);
  const refuse = (why: string): never => {
    throw new ArgumentError(
      "leastConfidence",
      `Cannot ${doing}: leastConfidence is ${leastConfidence}, ${why}`,
    );
  };
  if (head.confidence === undefined) refuse(`expected none, as ${head.dir} has no confidence head`);
  const wide = shapesOf(options).shapes.find(({ topk }) => topk > 1);
  if (wide) refuse(`expected none where topk is ${wide.topk}: only chains are cut`);
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
  /** Cuts chains, where they are cut. */
  readonly #cut?: ChainCut;

  constructor(verifier: Verifier, head: HeadModel, options: BlockTreeOptions) {
    const { memory: { device, context, slots, prefillRows, kvCache, seat } } = verifier;
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
        ...{ context, slots, kvCache, scratch: seat?.scratch },
        ...{ rows: count, drafted: depth, branches: topk },
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
    const { leastConfidence } = options;
    if (leastConfidence !== undefined) {
      this.#cut = cleanup.use(new ChainCut(device, this.#state.confidence!, leastConfidence));
    }
    this.#trees = drawnTrees(device, cleanup, shapes, (shape) => {
      if (shape.topk === 1) {
        const proposal = allocateChain(arena, treeSetting(shape).depth, this.#cut !== undefined);
        return { proposal, queue: () => this.#queueChain(proposal) };
      }
      const tree = new Tree(arena, shape);
      return { proposal: tree.proposal, queue: () => this.#queueTree(tree, shape) };
    });
    this.#drawn = this.#trees[0];
    this.proposals = this.#trees.map(({ proposal }) => proposal);
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

  /** Queues the logits of a block behind all that the verifier has. */
  #queueBlock(): void {
    const { memory: { device, history }, state: { cacheLength } } = this.#verifier;
    const state = this.#state;
    this.#queueContext();
    copy(device, state.cacheLength, cacheLength);
    state.queueBlock(history);
  }

  #queueTree(tree: Tree, { depth, topk }: TreeOptions): void {
    const { memory: { device, history, choice }, state: { cacheLength } } = this.#verifier;
    const state = this.#state;
    this.#queueBlock();
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
        map: state.map,
        history,
        cacheLength,
        offset: level,
      });
      tree.queueExpand(device, level);
    }
    tree.queueSelect(this.#verifier);
  }

  /** Of one node on each level nothing is to be ranked: a chain is the likeliest token of each row, behind that of the row before. */
  #queueChain({ rows: count, tokens }: TreeProposal): void {
    const { memory: { device, history, choice }, state: { cacheLength } } = this.#verifier;
    const { logits, says, map } = this.#state;
    const depth = count - 1;
    this.#queueBlock();
    const queueLikeliest = (from: number, end: number, follow?: LikeliestOptions["follow"]) =>
      likeliest(device, {
        ...choice,
        drafted: rows(tokens, 1 + from, 1 + end),
        last: from === 0 ? rows(tokens, 0, 1) : undefined,
        follow,
        logits: rows(logits, from, end),
        map,
        history,
        cacheLength,
        offset: 1 + from,
      });
    if (says === undefined) queueLikeliest(0, depth);
    else {
      const { said, table } = says;
      this.#state.queueSaid(0, { tokens: history, start: cacheLength });
      for (let i = 0; i < depth; i++) {
        this.#state.queueAdded(i);
        const [next, isLast] = [i + 1, i + 1 === depth];
        const follow = table && !isLast ? { said: rows(said, next, next + 1), table } : undefined;
        queueLikeliest(i, next, follow);
        if (!table && !isLast) {
          this.#state.queueSaid(next, { tokens: rows(tokens, next, next + 1) });
        }
      }
    }
    if (this.#cut === undefined) return;
    this.#state.queueConfidence(depth);
    this.#cut.queue();
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
    return this.#drawn.proposal;
  }

  get proposed(): number {
    return this.#cut ? 1 + this.#cut.kept : this.proposal.rows;
  }

  get reach(): number {
    return this.#cut?.kept ?? this.#drawn.setting.depth;
  }

  use(setting: Setting): void {
    this.#drawn = treeOf(this.#trees, setting);
  }

  propose(): void {
    this.#draw();
    this.#cutBack();
  }

  #draw(): void {
    this.#following.propose(this.#drawn.draw);
  }

  #cutBack(): void {
    this.#cut?.read(this.#drawn.setting.depth);
  }

  share(drafters: readonly Drafter[]): SharedDrafting {
    const all = drafters as readonly BlockTrees[];
    return {
      propose(seats) {
        for (const seat of seats) all[seat].#draw();
        // Nobody waits for one while the device could draft another.
        for (const seat of seats) all[seat].#cutBack();
      },
      [Symbol.dispose]: () => {},
    };
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

  get held(): number {
    return this.#state.length;
  }

  copy(from: Drafter, end: number): void {
    this.#following.copy((from as BlockTrees).#state, end);
  }

  resume(kept: number, length: number): void {
    for (const { draw } of this.#trees) draw.expectLive();
    this.#following.resume(kept, length);
  }

  [Symbol.dispose](): void {
    this.#cleanup.dispose();
  }
}
