/**
 * Several sequences of one model that are verified together: their rows lie side by side in one forward, so that the weights
 * are read once for all. Each has its own caches, and what comes of its rows does not depend on those beside them.
 *
 * @module
 */
import { DeviceEvent, Graph } from "../device/mod.ts";
import type { Device } from "../device/mod.ts";
import { MAX_TREE_ROWS } from "../ops/mod.ts";
import { ModelState, SHORT_SLOTS } from "../model/mod.ts";
import { allBlocks, type Block, cover } from "./blocks.ts";
import { Crowd } from "./crowd.ts";
import { slotsOf } from "./memory.ts";
import type { Round, RoundOptions } from "./round.ts";
import { abreast, firstRow } from "./seats.ts";

/**
 * What a seat adds to the time of a forward of one row, by which forwards are put together: on a GPU its attention, on the CPU
 * all of its rows.
 */
const SEAT_COST: Readonly<Record<Device["backend"], (rows: number) => number>> = {
  cpu: (rows) => 0.5 * rows,
  cuda: (rows) => 0.1 + 0.015 * rows,
};

/** A sequence whose turn it is. */
export interface Turn extends RoundOptions {
  /** Which one. */
  readonly seat: number;
  /** Hears what came of it: tokens committed, or what went wrong. */
  readonly done: (result: { readonly accepted: number } | { readonly error: unknown }) => void;
}

/** Rounds of several sequences. */
export class Company implements Disposable {
  readonly #device: Device;
  readonly #rounds: readonly Round[];
  /** The forwards of each kind of rounds, by their blocks. */
  readonly #forwards: readonly ReadonlyMap<string, Graph>[];
  readonly #crowd = new Crowd();
  readonly #events: readonly DeviceEvent[];
  readonly #cleanup: DisposableStack;

  /** Captures the forwards of `rounds`, which are of one model and one plan, each in its own seat. */
  constructor(rounds: readonly Round[]) {
    const [{ memory: { device }, kinds }] = rounds;
    this.#device = device;
    this.#rounds = rounds;
    using cleanup = new DisposableStack();
    this.#events = Array.from({ length: 2 }, () => cleanup.use(new DeviceEvent(device)));
    // A seat may have a part in a forward before it has a text.
    for (const { state, memory } of rounds) state.cache.ensure(slotsOf(memory, 1));
    this.#forwards = kinds.map(({ proposal }, kind) => {
      const blocks = allBlocks(rounds.length, abreast(proposal.rows));
      return new Map(blocks.map((block) => [
        nameOf(block),
        cleanup.use(Graph.capture(device, () => this.#queueForward(block, kind))),
      ]));
    });
    this.#cleanup = cleanup.move();
  }

  #queueForward({ from, end }: Block, kind: number): void {
    const parts = this.#rounds.slice(from, end).map((round) => round.part(kind));
    const [{ state, step: { rows } }] = parts;
    const first = firstRow(this.#rounds[from].memory.seat, rows);
    ModelState.queueTogether(parts, first);
    state.queueLogits(parts.length * rows, first, first);
  }

  /**
   * Queues a round of each of `turns`, of different seats; plain ones where they are to be `isPlain`, and where that is left
   * open what has been the faster for so many. What it gives waits for all of them and tells what came of each.
   */
  queue(turns: readonly Turn[], isPlain?: boolean): () => void {
    const rounds = this.#rounds;
    if (turns.length === 1 && isPlain === undefined) return this.#queueAlone(turns[0]);
    if (rounds[0].drafter === undefined || isPlain !== undefined) {
      return this.#queue(turns, isPlain ?? false);
    }
    const count = turns.length;
    const length = () => turns.reduce((sum, { seat }) => sum + rounds[seat].state.length, 0);
    const way = this.#crowd.isPlain(count);
    const [before, started] = [length(), performance.now()];
    const finish = this.#queue(turns, way);
    return () => {
      finish();
      this.#crowd.observe(count, way, length() - before, performance.now() - started);
    };
  }

  /** Runs them and waits. */
  run(turns: readonly Turn[], isPlain?: boolean): void {
    this.queue(turns, isPlain)();
  }

  #queueAlone(turn: Turn): () => void {
    const round = this.#rounds[turn.seat];
    const isQueued = tried(turn, () => round.queue(turn));
    return () => {
      if (isQueued) tried(turn, () => turn.done({ accepted: round.finish() }));
    };
  }

  #queue(turns: readonly Turn[], isPlain: boolean): () => void {
    const rounds = this.#rounds;
    const ready = new Map<number, Turn>();
    for (const turn of turns) {
      const { seat } = turn;
      if (tried(turn, () => rounds[seat].begin(turn, isPlain))) ready.set(seat, turn);
    }
    // What is not ready has been told.
    const attempt = (seat: number, body: () => void): boolean => {
      const isDone = tried(ready.get(seat)!, body);
      if (!isDone) ready.delete(seat);
      return isDone;
    };
    const kinds = this.#kindsOf([...ready.keys()].sort((a, b) => a - b));
    for (const [kind, seats] of kinds) {
      for (const seat of seats) attempt(seat, () => rounds[seat].queueRead(kind));
    }
    const [before, after] = this.#events;
    before.record();
    for (const [kind, seats] of kinds) {
      for (
        const { forward, of } of this.#forwardsOf(
          kind,
          seats.filter((seat) => ready.has(seat)),
        )
      ) {
        forward();
        // Before the next forward has their rows.
        for (const seat of of) attempt(seat, () => rounds[seat].settle());
      }
    }
    after.record();
    const share = ready.size;
    const sharedMs = () => DeviceEvent.elapsed(before, after) / share;
    return () => {
      for (const [seat, { done }] of ready) {
        attempt(seat, () => done({ accepted: rounds[seat].finish(sharedMs) }));
      }
    };
  }

  /** The seats of each kind of rounds; proposals of one place take the most rows that one of them needs, if these are few. */
  #kindsOf(seats: readonly number[]): ReadonlyMap<number, readonly number[]> {
    const byKind = new Map<number, number[]>();
    const { kinds } = this.#rounds[0];
    const add = (kind: number, seat: number) => byKind.set(kind, [...byKind.get(kind) ?? [], seat]);
    const wanted = seats.map((seat) => ({ seat, kind: this.#rounds[seat].kind }));
    for (const { seat, kind } of wanted) {
      if (kind < 0) {
        add(kind, seat);
        continue;
      }
      const most = Math.max(
        ...wanted.filter((other) => kinds[other.kind]?.place === kinds[kind].place)
          .map((other) => other.kind),
      );
      add(kinds[most].proposal.rows <= MAX_TREE_ROWS / 2 ? most : kind, seat);
    }
    return byKind;
  }

  /** The forwards of rounds of `kind` in `seats`, ascending, each with those of the seats that it is of. */
  #forwardsOf(
    kind: number,
    seats: readonly number[],
  ): { readonly forward: () => void; readonly of: readonly number[] }[] {
    const rounds = this.#rounds;
    const own = (seat: number) => ({ forward: () => rounds[seat].queueOwn(), of: [seat] });
    // What is forced has no part in others' forwards.
    if (kind < 0) return seats.map(own);
    const { rows } = rounds[0].kinds[kind].proposal;
    const seatCost = SEAT_COST[this.#device.backend](rows);
    return cover(seats, rounds.length, abreast(rows), seatCost).map((block) => {
      if (block.end - block.from === 1) return own(block.from);
      const graph = this.#forwards[this.#fitting(kind, block)].get(nameOf(block))!;
      return {
        forward: () => graph.launch(),
        of: seats.filter((seat) => block.from <= seat && seat < block.end),
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

function nameOf({ from, end }: Block): string {
  return `${from}-${end}`;
}

/** Whether `body` ran; who waits for the turn hears otherwise. */
function tried({ done }: Turn, body: () => void): boolean {
  try {
    body();
    return true;
  } catch (error) {
    done({ error });
    return false;
  }
}
