/**
 * Generations side by side, in step: what several ask for at about the same time is one turn of the device.
 *
 * @module
 */
import { Company, type Round, type RoundOptions, type Turn } from "../speculation/mod.ts";
import { Breath, turn } from "./breath.ts";

/** Steps within a turn of the event loop that those who ask wait for the others: so many, and so often. */
const STEPS = 8;
const WAIT_STEPS = 16;

/** Turns of the event loop that they wait then: who has written out what a round gave asks after one. */
const WAIT_TURNS = 2;

/** Milliseconds of reading prompts in one turn of the device, after which rounds have theirs. */
const READ_MS = 10;

/** The next piece of a prompt. */
interface Reading {
  readonly read: () => void;
  readonly signal?: AbortSignal;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** A round. */
interface Asked extends Turn {
  readonly signal?: AbortSignal;
}

/** Brings the rounds of generations together. */
export class Lockstep implements Disposable {
  readonly #rounds: readonly Round[];
  readonly #company?: Company;
  readonly #busy: () => number;
  readonly #breath = new Breath();
  #readings: Reading[] = [];
  #asked: Asked[] = [];
  #isGoing = false;

  /** Shares the forwards of `rounds`; `busy` says how many generations are under way. */
  constructor(rounds: readonly Round[], busy: () => number) {
    this.#rounds = rounds;
    this.#busy = busy;
    if (rounds.length > 1) this.#company = new Company(rounds);
  }

  /** Runs a round of the generation in `seat`; gives the tokens committed. Throws the reason of `signal` where it is too late for it. */
  async round(seat: number, options: RoundOptions, signal?: AbortSignal): Promise<number> {
    if (this.#company === undefined) {
      await this.#breathe(signal);
      return this.#rounds[seat].run(options.logged, options.constraint);
    }
    return await new Promise((resolve, reject) => {
      const done: Turn["done"] = (result) =>
        "error" in result ? reject(result.error) : resolve(result.accepted);
      this.#asked.push({ ...options, seat, signal, done });
      this.#go();
    });
  }

  /** Runs `read`, which reads a piece of a prompt. Throws as `round`. */
  async read(read: () => void, signal?: AbortSignal): Promise<void> {
    if (this.#company === undefined) {
      read();
      return await this.#breathe(signal);
    }
    await new Promise<void>((resolve, reject) => {
      this.#readings.push({ read, signal, resolve, reject });
      this.#go();
    });
  }

  get #asking(): number {
    return this.#readings.length + this.#asked.length;
  }

  async #breathe(signal?: AbortSignal): Promise<void> {
    if (this.#breath.due) await this.#breath.take();
    signal?.throwIfAborted();
  }

  /** Takes turns until nobody asks. */
  async #go(): Promise<void> {
    if (this.#isGoing) return;
    this.#isGoing = true;
    while (this.#asking > 0) {
      await this.#others();
      if (this.#breath.due) await this.#breath.take();
      this.#read();
      const finish = this.#queue();
      // What rounds before gave is written out while the device works.
      await turn();
      finish();
      await this.#others();
    }
    this.#isGoing = false;
  }

  /** Waits for those who have got what they asked for to ask again: within this turn of the loop, as most do, then for the next. */
  async #others(): Promise<void> {
    for (let i = 0; i < WAIT_STEPS && this.#asking < this.#busy(); i++) {
      for (let step = 0; step < STEPS; step++) await null;
    }
    for (let i = 0; i < WAIT_TURNS && this.#asking < this.#busy(); i++) await turn();
  }

  #read(): void {
    const started = performance.now();
    // Each has a piece before one has two.
    for (let left = this.#readings.length; left > 0; left--) {
      const { read, signal, resolve, reject } = this.#readings.shift()!;
      try {
        signal?.throwIfAborted();
        read();
        resolve();
      } catch (error) {
        reject(error);
      }
      if (performance.now() - started > READ_MS) return;
    }
  }

  #queue(): () => void {
    const turns = this.#asked.filter(({ signal, done }) => {
      if (signal?.aborted) done({ error: signal.reason });
      return !signal?.aborted;
    });
    this.#asked = [];
    if (turns.length === 0) return () => {};
    // Whoever has heard otherwise does not hear this.
    const fail = (error: unknown): void => {
      for (const { done } of turns) done({ error });
    };
    try {
      const finish = this.#company!.queue(turns);
      return () => {
        try {
          finish();
        } catch (error) {
          fail(error);
        }
      };
    } catch (error) {
      fail(error);
      return () => {};
    }
  }

  /** Frees the graphs of shared forwards, when what is queued has run. */
  [Symbol.dispose](): void {
    if (this.#company === undefined) return;
    const { device } = this.#rounds[0].memory;
    if (!device.disposed) device.synchronize();
    this.#company[Symbol.dispose]();
  }
}
