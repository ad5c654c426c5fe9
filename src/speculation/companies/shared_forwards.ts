/**
 * The captured forwards that verify rows of several sequences side by side, and which of them are launched.
 *
 * @module
 */
import { type Device, Graph } from "../../device/mod.ts";
import { ModelState, SHORT_SLOTS } from "../../model/mod.ts";
import { allBlocks, type Block, blockName, cover } from "../sequence/blocks.ts";
import type { Round } from "../rounds/round.ts";
import { abreast, firstRow } from "../sequence/seats.ts";

/**
 * What a seat adds to the time of a forward of one row, by which forwards are put together: on a GPU its attention, on the CPU
 * all of its rows.
 */
const SEAT_COST: Readonly<Record<Device["backend"], (rows: number) => number>> = {
  cpu: (rows) => 0.5 * rows,
  cuda: (rows) => rows === 1 ? 0.04 : 0.1 + 0.015 * rows,
};

/** A forward, and those of the seats asked for that have rows in it. */
export interface SharedForward {
  /** What is launched; where absent, the one seat has a forward of its own. */
  readonly graph?: Graph;
  /** Ascending. */
  readonly seats: readonly number[];
}

/** Forwards of blocks of seats, for each kind of rounds. */
export class SharedForwards implements Disposable {
  readonly #rounds: readonly Round[];
  /** The forwards of each kind, by their blocks. */
  readonly #graphs: readonly ReadonlyMap<string, Graph>[];
  readonly #cleanup: DisposableStack;

  /** Captures the forwards of `rounds`, which are of one model and one plan, each in its own seat. */
  constructor(rounds: readonly Round[]) {
    const [{ memory: { device }, kinds }] = rounds;
    this.#rounds = rounds;
    using cleanup = new DisposableStack();
    this.#graphs = kinds.map(({ proposal }, kind) => {
      const blocks = allBlocks(rounds.length, abreast(proposal.rows));
      return new Map(blocks.map((block) => [
        blockName(block),
        cleanup.use(Graph.capture(device, () => this.#queue(block, kind))),
      ]));
    });
    this.#cleanup = cleanup.move();
  }

  #queue({ from, end }: Block, kind: number): void {
    const parts = this.#rounds.slice(from, end).map((round) => round.part(kind));
    const [{ state, step: { rows } }] = parts;
    const first = firstRow(this.#rounds[from].memory.seat, rows);
    ModelState.queueTogether(parts, first);
    state.queueLogits(parts.length * rows, first, first);
  }

  /** The forwards of rounds of `kind` in `seats`, ascending; what is forced, -1, has no part in others' forwards. */
  of(kind: number, seats: readonly number[]): readonly SharedForward[] {
    if (kind < 0) return seats.map((seat) => ({ seats: [seat] }));
    const [{ kinds, memory: { device } }] = this.#rounds;
    const { rows } = kinds[kind].proposal;
    const seatCost = SEAT_COST[device.backend](rows);
    return cover(seats, this.#rounds.length, abreast(rows), seatCost).map((block) => {
      const { from, end } = block;
      if (end - from === 1) return { seats: [from] };
      return {
        graph: this.#graphs[this.#fitting(kind, block)].get(blockName(block))!,
        seats: seats.filter((seat) => from <= seat && seat < end),
      };
    });
  }

  /** That kind, or the one for caches of any length where one of the block's seats has more than it is for. */
  #fitting(kind: number, { from, end }: Block): number {
    const { kinds } = this.#rounds[0];
    if (kinds[kind].slots === undefined) return kind;
    const isShort = this.#rounds.slice(from, end).every(({ state }) => state.length < SHORT_SLOTS);
    // The other one of one row comes next.
    return isShort ? kind : kind + 1;
  }

  /** Frees the graphs. */
  [Symbol.dispose](): void {
    this.#cleanup.dispose();
  }
}
