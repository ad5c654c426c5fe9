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
  cuda: (rows) => rows === 1 ? 0.04 : Math.max(0.05, 0.023 * rows - 0.11),
};

/** The same where a token is read: without logits, rows share next to nothing on the CPU. */
const READ_COST: Readonly<Record<Device["backend"], number>> = { cpu: 5, cuda: 0.04 };

/** The kind of plain rounds; of two, by length, the first. */
export const PLAIN_KIND = 0;

/** A forward, and those of the seats asked for that have rows in it. */
export interface SharedForward {
  /** What is launched, in this order; where absent, the one seat has a forward of its own. */
  readonly graphs?: readonly Graph[];
  /** Ascending. */
  readonly seats: readonly number[];
}

/** Forwards of blocks of seats, for each kind of rounds. */
export class SharedForwards implements Disposable {
  readonly #rounds: readonly Round[];
  /** The forwards of each kind, by their blocks: of rounds that catch up those of one row, and their logits, else both in one. */
  readonly #graphs: readonly ReadonlyMap<string, readonly Graph[]>[];
  readonly #cleanup: DisposableStack;

  /** Captures the forwards of `rounds`, which are of one model and one plan, each in its own seat. */
  constructor(rounds: readonly Round[]) {
    const [{ memory: { device }, kinds, catchesUp }] = rounds;
    this.#rounds = rounds;
    using cleanup = new DisposableStack();
    this.#graphs = kinds.map(({ proposal }, kind) => {
      const blocks = allBlocks(rounds.length, abreast(proposal.rows));
      const capture = (queue: () => void) => cleanup.use(Graph.capture(device, queue));
      return new Map(blocks.map((block) => {
        const rows = () => this.#queueRows(block, kind);
        const logits = () => this.#queueLogits(block, kind);
        const graphs = catchesUp && proposal.rows === 1
          ? [rows, logits].map(capture)
          : [capture(() => (rows(), logits()))];
        return [blockName(block), graphs];
      }));
    });
    this.#cleanup = cleanup.move();
  }

  #queueRows({ from, end }: Block, kind: number): void {
    const parts = this.#rounds.slice(from, end).map((round) => round.part(kind));
    const [{ step: { rows } }] = parts;
    ModelState.queueTogether(parts, firstRow(this.#rounds[from].memory.seat, rows));
  }

  #queueLogits({ from, end }: Block, kind: number): void {
    const { state, memory: { seat }, kinds } = this.#rounds[from];
    const { rows } = kinds[kind].proposal;
    const first = firstRow(seat, rows);
    state.queueLogits((end - from) * rows, first, first);
  }

  /** The forwards of rounds of `kind` in `seats`, ascending; what is forced, -1, has no part in others' forwards. */
  of(kind: number, seats: readonly number[]): readonly SharedForward[] {
    if (kind < 0) return seats.map((seat) => ({ seats: [seat] }));
    const [{ kinds, memory: { device } }] = this.#rounds;
    const { rows } = kinds[kind].proposal;
    return this.#cover(kind, seats, SEAT_COST[device.backend](rows));
  }

  /** The forwards that read the next token of `seats`, ascending, without logits; their rounds catch up. */
  reading(seats: readonly number[]): readonly SharedForward[] {
    const [{ memory: { device } }] = this.#rounds;
    return this.#cover(PLAIN_KIND, seats, READ_COST[device.backend])
      .map(({ graphs, seats }) => ({ graphs: graphs?.slice(0, 1), seats }));
  }

  #cover(kind: number, seats: readonly number[], seatCost: number): readonly SharedForward[] {
    const most = abreast(this.#rounds[0].kinds[kind].proposal.rows);
    return cover(seats, this.#rounds.length, most, seatCost).map((block) => {
      const { from, end } = block;
      if (end - from === 1) return { seats: [from] };
      return {
        graphs: this.#graphs[this.#fitting(kind, block)].get(blockName(block))!,
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
