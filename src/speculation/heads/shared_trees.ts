/**
 * Heads that draw trees on several sequences side by side: each level of all of them is one forward.
 *
 * @module
 */
import { Arena, Graph, rows } from "../../device/mod.ts";
import { allBlocks, blockName, exactly } from "../sequence/blocks.ts";
import type { SharedDrafting } from "../sequence/drafter.ts";
import type { Following } from "./following.ts";
import { abreast } from "../sequence/seats.ts";
import type { Tree, TreeOptions } from "../trees/tree.ts";
import { queueTrees, type TreeDrawer } from "../trees/tree_drawing.ts";

/** A head that draws trees, as one of several. */
export interface TreeDrafter {
  /** The head on its sequence. */
  readonly drawer: TreeDrawer;
  /** How it keeps up. */
  readonly following: Following;
  /** Pairs that it reads at the start of a proposal. */
  readonly extendRows: number;
  /** Its trees, by shape. */
  readonly shaped: readonly { readonly tree: Tree; readonly shape: TreeOptions }[];
  /** The number of the shape in use. */
  readonly shape: number;
  /** Draws by itself. */
  propose(): void;
}

/** Draws for several heads. */
export class SharedTrees implements SharedDrafting {
  readonly #drafters: readonly TreeDrafter[];
  /** Of each shape, how many seats lie side by side, and the graph of each block of them. */
  readonly #shapes: readonly {
    readonly abreast: number;
    readonly graphs: ReadonlyMap<string, Graph>;
  }[];
  readonly #cleanup: DisposableStack;

  /** Captures the drawing of `drafters`, which are of one plan, each in its own seat. */
  constructor(drafters: readonly TreeDrafter[]) {
    const [{ drawer: { state }, shaped, extendRows }] = drafters;
    const { device, hidden } = state;
    this.#drafters = drafters;
    using cleanup = new DisposableStack();
    const arena = cleanup.use(new Arena(device, "trees side by side"));
    const shapes = shaped.map(({ shape }) => ({
      shape,
      abreast: abreast(Math.max(extendRows, shape.topk)),
    }));
    const most = Math.max(...shapes.map(({ abreast }) => abreast));
    const roots = arena.allocate(hidden.dtype, [most, hidden.shape[1]], "roots");
    this.#shapes = shapes.map(({ shape, abreast }, which) => ({
      abreast,
      graphs: new Map(
        allBlocks(drafters.length, abreast).map((block) => {
          const trees = drafters.slice(block.from, block.end)
            .map(({ drawer, shaped }) => ({ drawer, tree: shaped[which].tree }));
          const queue = () => queueTrees(trees, shape, extendRows, rows(roots, 0, trees.length));
          return [blockName(block), cleanup.use(Graph.capture(device, queue))];
        }),
      ),
    }));
    this.#cleanup = cleanup.move();
  }

  /** See {@linkcode SharedDrafting}. A head that has no turn must not draw: its blocks have none but those that have. */
  propose(seats: readonly number[]): void {
    const drafters = this.#drafters;
    for (const [which, { abreast, graphs }] of this.#shapes.entries()) {
      const taken = seats.filter((seat) => drafters[seat].shape === which);
      for (const block of exactly(taken, drafters.length, abreast)) {
        const graph = graphs.get(blockName(block));
        const within = drafters.slice(block.from, block.end);
        if (graph === undefined) {
          for (const drafter of within) drafter.propose();
          continue;
        }
        for (const { following } of within) following.prepare();
        graph.launch();
        for (const { following } of within) following.drawn();
      }
    }
  }

  /** Frees the graphs. */
  [Symbol.dispose](): void {
    this.#cleanup.dispose();
  }
}
