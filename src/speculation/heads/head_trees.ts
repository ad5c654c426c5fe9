/**
 * Heads that draft a dynamic tree of the likeliest continuations, step by step (EAGLE-2, arXiv 2406.16858; EAGLE-3 draws the
 * same trees).
 *
 * @module
 */
import { ArgumentError } from "../../base/errors.ts";
import { checkArgument, checkOptions, required } from "../../base/options.ts";
import { Arena, type Device, Graph, rows } from "../../device/mod.ts";
import { HEAD_KIND, type HeadModel, HeadState } from "../../model/mod.ts";
import { advance, MAX_TREE_ROWS, ringRead } from "../../ops/mod.ts";
import type {
  Drafter,
  DrafterPlan,
  Proposal,
  SharedDrafting,
  Verifier,
} from "../sequence/drafter.ts";
import { Following } from "./following.ts";
import { type Setting, settingName, type TreeSetting } from "../policy/setting.ts";
import { DRAFTER_KINDS } from "../trees/shape.ts";
import { SharedTrees, type TreeDrafter } from "./shared_trees.ts";
import { checkTree, Tree, type TreeOptions } from "../trees/tree.ts";
import { queueExtend, queueTrees, type TreeDrawer } from "../trees/tree_drawing.ts";

/** Options of a drafter that draws trees. */
export interface HeadTreeOptions extends TreeOptions {
  /** Name in provenance; `head` where absent. */
  readonly name?: string;
  /** Other shapes that it can be told to draw. */
  readonly others?: readonly TreeOptions[];
}

/** The shapes that a drafter of trees can be told to draw, that of its options first, and the least that holds each of them. */
export function shapesOf(
  options: HeadTreeOptions,
): { readonly shapes: readonly TreeOptions[]; readonly most: TreeOptions } {
  const shapes = [options, ...options.others ?? []];
  const most = (name: keyof TreeOptions) => Math.max(...shapes.map((shape) => shape[name]));
  return {
    shapes,
    most: { depth: most("depth"), topk: most("topk"), treeSize: most("treeSize") },
  };
}

/** What a drafter of trees is to rounds, but for its slack and for how it is made. */
export function planTrees(
  kind: HeadModel["description"]["kind"],
  head: HeadModel,
  options: HeadTreeOptions,
): Omit<DrafterPlan, "slack" | "create"> {
  const { shapes, most } = shapesOf(options);
  for (const shape of shapes) checkTree(shape, head.vocabulary);
  return {
    name: kind,
    taps: head.taps,
    rows: most.treeSize,
    depth: Math.max(...shapes.map(reachOf)),
    settings: shapes.map(treeSetting),
  };
}

/** The most tokens of a tree that are one behind another. */
function reachOf({ depth, treeSize }: TreeOptions): number {
  return Math.min(depth, treeSize - 1);
}

/** A shape as a setting. */
export function treeSetting(shape: TreeOptions): TreeSetting {
  const { topk, treeSize: rows } = shape;
  return { kind: "tree", depth: reachOf(shape), topk, rows };
}

/** A tree of one shape, and the graph that draws it. */
export interface DrawnTree {
  /** The shape as a setting. */
  readonly setting: TreeSetting;
  /** The tree, for the verifier. */
  readonly proposal: Proposal;
  /** Draws it. */
  readonly draw: Graph;
}

/** Captures the graphs of trees of all shapes; `plant` gives where each one lies, and what queues its drawing. */
export function drawnTrees(
  device: Device,
  cleanup: DisposableStack,
  shapes: readonly TreeOptions[],
  plant: (shape: TreeOptions) => { readonly proposal: Proposal; readonly queue: () => void },
): readonly DrawnTree[] {
  return shapes.map((shape) => {
    const { proposal, queue } = plant(shape);
    const draw = cleanup.use(Graph.capture(device, queue));
    return { setting: treeSetting(shape), proposal, draw };
  });
}

/** The one of `trees` that `setting` asks for. */
export function treeOf(trees: readonly DrawnTree[], setting: Setting): DrawnTree {
  const name = settingName(setting);
  const found = trees.find((one) => settingName(one.setting) === name);
  if (found !== undefined) return found;
  throw new ArgumentError(
    "setting",
    `Cannot use ${name}: expected one of ${
      trees.map((one) => settingName(one.setting)).join(", ")
    }`,
  );
}

/**
 * Gives the description of a head. Refuses what is no shape of trees, and a head that is disposed of or not of the family
 * `kind`; throws `ArgumentError`.
 */
export function describeTrees<K extends HeadModel["description"]["kind"]>(
  doing: string,
  kind: K,
  head: HeadModel,
  options: HeadTreeOptions,
): Extract<HeadModel["description"], { readonly kind: K }> {
  checkArgument(doing, "head", head, HEAD_KIND);
  checkOptions(doing, options, DRAFTER_KINDS);
  for (const name of ["depth", "topk", "treeSize"] as const) {
    checkArgument(doing, name, options[name], required(DRAFTER_KINDS[name]));
  }
  head.expectLive(doing);
  const { description } = head;
  if (description.kind !== kind) {
    throw new ArgumentError(
      "head",
      `Cannot ${doing}: ${head.dir} is of kind ${description.kind}, expected ${kind}`,
    );
  }
  return description as Extract<HeadModel["description"], { readonly kind: K }>;
}

/** Plans a drafter that grows trees with `head`, of the family `kind`. */
export function headTrees(
  kind: HeadModel["description"]["kind"],
  head: HeadModel,
  options: HeadTreeOptions,
): DrafterPlan {
  describeTrees("draft trees", kind, head, options);
  const { shapes, most } = shapesOf(options);
  const held = Math.max(...shapes.map(({ depth, topk }) => topk * (depth - 1)));
  return {
    ...planTrees(kind, head, options),
    slack: Math.max(most.treeSize, extendRows(most) + held),
    create: (verifier) => new HeadTrees(verifier, head, options),
  };
}

/** Pairs that the head reads at the start of a proposal: those of one commit, and one of a catch-up. */
function extendRows({ depth }: TreeOptions): number {
  return depth + 2;
}

/** A head at work. */
class HeadTrees implements Drafter, TreeDrafter {
  readonly proposals: readonly Proposal[];
  readonly levels = [];
  readonly #name: string;
  readonly #verifier: Verifier;
  readonly #cleanup: DisposableStack;
  readonly #trees: readonly DrawnTree[];
  #drawn: DrawnTree;
  readonly extendRows: number;
  readonly following: Following;
  readonly drawer: TreeDrawer;
  readonly shaped: TreeDrafter["shaped"];

  constructor(verifier: Verifier, head: HeadModel, options: HeadTreeOptions) {
    const { memory } = verifier;
    const { shapes, most } = shapesOf(options);
    const { topk } = most;
    this.#name = options.name ?? "head";
    this.#verifier = verifier;
    this.extendRows = extendRows(most);
    using cleanup = new DisposableStack();
    const arena = cleanup.use(new Arena(memory.device, head.description.kind));
    const { seat } = memory;
    const state = cleanup.use(
      new HeadState(head, {
        context: memory.context,
        slots: memory.slots,
        rows: Math.max(memory.prefillRows, this.extendRows, topk, seat ? MAX_TREE_ROWS : 0),
        logitsRows: seat ? MAX_TREE_ROWS : topk,
        kvCache: memory.kvCache,
        scratch: seat?.scratch,
      }),
    );
    const zeros = arena.fromHost("i32", [topk], new Int32Array(topk));
    const drawer = { verifier, state, zeros };
    this.drawer = drawer;
    const root = arena.allocate(state.hidden.dtype, [1, head.config.hiddenSize], "root");
    this.following = cleanup.use(
      new Following({
        verifier,
        state,
        rows: this.extendRows,
        // Of the last pair the hidden state is the one to grow from, and after a partial acceptance its token is another.
        again: 1,
        queueRead: () => queueExtend([drawer], this.extendRows),
      }),
    );
    this.shaped = shapes.map((shape) => ({ shape, tree: new Tree(arena, shape) }));
    this.#trees = drawnTrees(memory.device, cleanup, shapes, (shape) => {
      const { tree } = this.shaped[shapes.indexOf(shape)];
      const queue = () => queueTrees([{ drawer, tree }], shape, this.extendRows, root);
      return { proposal: tree.proposal, queue };
    });
    this.#drawn = this.#trees[0];
    this.proposals = this.#trees.map(({ proposal }) => proposal);
    this.#cleanup = cleanup.move();
  }

  prefill(count: number): void {
    const { memory, state: above } = this.#verifier;
    const { state, zeros } = this.drawer;
    const { cacheLength } = state;
    ringRead(
      memory.device,
      rows(state.input, 0, count),
      rows(above.tapped, 0, count),
      rows(zeros, 0, 1),
    );
    state.queueForward({ rows: count, cacheLength }, {
      tokens: memory.history,
      start: cacheLength,
      shift: 1,
    });
    advance(memory.device, cacheLength, count);
    state.length += count;
  }

  get proposal(): Proposal {
    return this.#drawn.proposal;
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
    this.following.propose(this.#drawn.draw);
  }

  share(drafters: readonly Drafter[]): SharedDrafting {
    return new SharedTrees(drafters as readonly HeadTrees[]);
  }

  get shape(): number {
    return this.#trees.indexOf(this.#drawn);
  }

  follow(): void {
    this.following.follow();
  }

  queueObserve(): void {
    this.following.queueObserve();
  }

  observe(): void {
    this.following.observe();
  }

  proposer(): string {
    return this.#name;
  }

  get held(): number {
    return this.drawer.state.length;
  }

  copy(from: Drafter, end: number): void {
    this.following.copy((from as HeadTrees).drawer.state, end);
  }

  resume(kept: number, length: number): void {
    for (const { draw } of this.#trees) draw.expectLive();
    this.following.resume(kept, length);
  }

  [Symbol.dispose](): void {
    this.#cleanup.dispose();
  }
}
