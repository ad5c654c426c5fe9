/**
 * Which thread does which rows.
 *
 * @module
 */
import type { RowFunction } from "./row_work.ts";

/** Most threads: each has a place where it says at which rows it failed. */
export const MOST_WORKERS = 255;

/** Where in the state what is kept. */
const [ROWS, PIECE, NEXT, BUSY, FAILED] = [0, 1, 2, 3, 4];

/** Pieces that a thread takes of a call, on average: the last ones are done at about the same time. */
const PIECES = 8;

/** Rows of a piece are a multiple of this, as kinds of work do some side by side. */
const TOGETHER = 4;

/** Rows of one call at a time, taken piece by piece by whoever is free. */
export class RowTurns {
  /** What all threads see. */
  readonly state: Int32Array;

  /** Turns of a new pool, or those whose state is given. */
  constructor(state?: Int32Array) {
    const bytes = 4 * (FAILED + MOST_WORKERS);
    this.state = state ?? new Int32Array(new SharedArrayBuffer(bytes));
  }

  /** Begins a call; `workers` will take part beside this thread. */
  begin(rows: number, workers: number): void {
    const { state } = this;
    const piece = Math.ceil(rows / (PIECES * (workers + 1) * TOGETHER)) * TOGETHER;
    state[ROWS] = rows;
    state[PIECE] = workers === 0 ? rows : piece;
    state[NEXT] = 0;
    state.fill(0, FAILED);
    Atomics.store(state, BUSY, workers);
  }

  /** Does rows until none are left. */
  take<C>(work: RowFunction<C>, call: C): void {
    const { state } = this;
    const [rows, piece] = [state[ROWS], state[PIECE]];
    for (let from; (from = Atomics.add(state, NEXT, piece)) < rows;) {
      work(call, from, Math.min(from + piece, rows));
    }
  }

  /** The same for worker `index`, which tells when it is done. Does not throw. */
  help<C>(index: number, work: () => RowFunction<C>, call: C): void {
    const { state } = this;
    // Rows that fail are left to the thread that waits.
    const noting: RowFunction<C> = (given, from, to) => {
      state[FAILED + index] = from + 1;
      work()(given, from, to);
      state[FAILED + index] = 0;
    };
    try {
      this.take(noting, call);
    } catch {
      // It is noted.
    } finally {
      Atomics.sub(state, BUSY, 1);
      Atomics.notify(state, BUSY);
    }
  }

  /** Waits for all workers. */
  wait(): void {
    for (let busy; (busy = Atomics.load(this.state, BUSY)) > 0;) {
      Atomics.wait(this.state, BUSY, busy);
    }
  }

  /** The pieces that were not done. */
  *failed(): Generator<readonly [from: number, to: number]> {
    const { state } = this;
    for (const noted of state.subarray(FAILED)) {
      if (noted > 0) yield [noted - 1, Math.min(noted - 1 + state[PIECE], state[ROWS])];
    }
  }
}
