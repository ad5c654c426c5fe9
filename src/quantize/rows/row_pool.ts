/**
 * Threads that share the rows of a weight.
 *
 * @module
 */
import { ArgumentError } from "../../base/errors.ts";
import { MOST_WORKERS, RowTurns } from "./row_turns.ts";
import type { RowWork } from "./row_work.ts";

/** Arrays begin at multiples of this many bytes: a cache line, which two threads should not both write. */
const LINE = 64;

/** Work whose rows are shared. */
export interface SharedRows<G, C> {
  /** What was given, its arrays copied to where all threads see them: results are found there. */
  readonly given: G;
  /** Does rows 0 to `rows` - 1 and returns once all are done. */
  run(call: C, rows: number): void;
}

/**
 * Workers, and the thread that has them. That one does its share of each call and then waits, so a call is an
 * ordinary function call; there may be no workers at all. One piece of work at a time: what the one before it was
 * given, results and all, is overwritten.
 */
export class RowPool implements Disposable {
  readonly #workers: Worker[] = [];
  readonly #turns: RowTurns;
  /** Kept from work to work: engines do not count shared memory when they decide whether to collect garbage. */
  #memory = new SharedArrayBuffer(0);

  /** A pool without workers. */
  constructor() {
    this.#turns = new RowTurns();
  }

  /** A pool of `threads` in all, 0 for one a core; of one where workers cannot be had. */
  static async open(threads = 0): Promise<RowPool> {
    if (!Number.isInteger(threads) || threads < 0) {
      throw new ArgumentError(
        "threads",
        `Cannot share rows: threads is ${threads}, expected a whole number, 0 for all cores`,
      );
    }
    const pool = new RowPool();
    const workers = Math.min((threads || navigator.hardwareConcurrency) - 1, MOST_WORKERS);
    try {
      await Promise.all(Array.from({ length: workers }, (_, i) => pool.#start(i)));
    } catch {
      // Alone the work takes longer and gives the same.
      pool[Symbol.dispose]();
    }
    return pool;
  }

  /** Threads that share rows. */
  get threads(): number {
    return this.#workers.length + 1;
  }

  /** Begins `work` with copies of what is `given`. */
  share<G, C>(work: RowWork<G, C>, given: G): SharedRows<G, C> {
    const shared = this.#place(given);
    const own = work.begin(shared);
    for (const worker of this.#workers) worker.postMessage({ work: work.name, given: shared });
    return {
      given: shared,
      run: (call, rows) => {
        this.#turns.begin(rows, this.#workers.length);
        for (const worker of this.#workers) worker.postMessage({ call });
        try {
          this.#turns.take(own, call);
        } finally {
          this.#turns.wait();
        }
        // What went wrong on another thread does so here, as the error that it is.
        for (const [from, to] of this.#turns.failed()) own(call, from, to);
      },
    };
  }

  /** Ends the workers. */
  [Symbol.dispose](): void {
    for (const worker of this.#workers.splice(0)) worker.terminate();
    this.#memory = new SharedArrayBuffer(0);
  }

  #start(index: number): Promise<void> {
    const worker = new Worker(new URL("../methods/row_worker.ts", import.meta.url), {
      type: "module",
    });
    this.#workers.push(worker);
    return new Promise((resolve, reject) => {
      worker.onmessage = () => resolve();
      worker.onerror = (event) => {
        event.preventDefault();
        reject(new Error(event.message));
      };
      worker.postMessage({ turns: this.#turns.state, index });
    });
  }

  /** The same with arrays in the pool's memory. */
  #place<T>(given: T): T {
    let bytes = 0;
    mapArrays(given, (array) => {
      bytes += Math.ceil(array.byteLength / LINE) * LINE;
      return array;
    });
    let memory: ArrayBufferLike = this.#memory;
    if (this.#workers.length === 0) memory = new ArrayBuffer(bytes);
    else if (bytes > memory.byteLength) memory = this.#memory = new SharedArrayBuffer(bytes);
    let at = 0;
    return mapArrays(given, (array) => {
      const Type = array.constructor as new (b: ArrayBufferLike, at: number, n: number) => Numbers;
      const placed = new Type(memory, at, array.length);
      placed.set(array);
      at += Math.ceil(array.byteLength / LINE) * LINE;
      return placed;
    });
  }
}

/** A typed array of numbers. */
type Numbers = Uint8Array | Int32Array | Float32Array | Float64Array;

/** The same with other typed arrays; what is no plain object stays as it is. */
function mapArrays<T>(value: T, change: (array: Numbers) => Numbers): T {
  if (typeof value !== "object" || value === null) return value;
  if (ArrayBuffer.isView(value)) return change(value as unknown as Numbers) as T;
  if (Object.getPrototypeOf(value) !== Object.prototype) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, part]) => [name, mapArrays(part, change)]),
  ) as T;
}
