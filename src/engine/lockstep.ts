/**
 * Generations side by side, in step: what several ask for at about the same time is one turn of the device.
 *
 * @module
 */
import { Company, type Round, type RoundOptions, type Turn } from "../speculation/mod.ts";
import { Breath, turn } from "./breath.ts";

/** Turns of the event loop that those who ask wait for the others: who has written out what a round gave asks after one. */
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
    if (this.#isAlone) {
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
    if (this.#isAlone) {
      read();
      return await this.#breathe(signal);
    }
    await new Promise<void>((resolve, reject) => {
      this.#readings.push({ read, signal, resolve, reject });
      this.#go();
    });
  }

  /** Whether nobody else has anything to do: what is asked for is done at once. */
  get #isAlone(): boolean {
    return this.#company === undefined || (!this.#isGoing && this.#busy() <= 1);
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
      for (let i = 0; i < WAIT_TURNS && this.#asking < this.#busy(); i++) await turn();
      if (this.#breath.due) await this.#breath.take();
      this.#read();
      this.#run();
      // Whoever has got what it asked for may ask again.
      await turn();
    }
    this.#isGoing = false;
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

  #run(): void {
    const turns = this.#asked.filter(({ signal, done }) => {
      if (signal?.aborted) done({ error: signal.reason });
      return !signal?.aborted;
    });
    this.#asked = [];
    try {
      this.#company!.run(turns);
    } catch (error) {
      // Whoever has heard otherwise does not hear this.
      for (const { done } of turns) done({ error });
    }
  }

  /** Frees the graphs of shared forwards. */
  [Symbol.dispose](): void {
    this.#company?.[Symbol.dispose]();
  }
}
