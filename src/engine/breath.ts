/**
 * How long synchronous work gives way to everything else in the process: timers, sockets, Ctrl-C.
 *
 * @module
 */
import { setImmediate } from "node:timers";

/** Milliseconds of work between two breaths. */
const WORK_MS = 50;

/**
 * Turns of the event loop in one breath. Deno looks at what comes from outside its loop (signals, sockets) when
 * the loop has nothing to do, and else once in some dozens of turns: 32 are enough with Deno 2.9, 24 are not, and
 * one at a time leave Ctrl-C unheard for a second and more. A timer would make the loop idle, but comes back
 * after 1 to 2 ms; these turns take 0.15 ms.
 */
const TURNS = 64;

/** Lets everything else in the process run: sockets, timers and signals are heard. */
export async function breathe(): Promise<void> {
  for (let i = 0; i < TURNS; i++) await turn();
}

/** Lets what has been written go out, and nothing more: one turn of the event loop is enough for that. */
export function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** Knows when it is time to breathe. */
export class Breath {
  #last: number = performance.now();

  /** Whether the last breath is long ago. */
  get due(): boolean {
    return performance.now() - this.#last > WORK_MS;
  }

  /** Breathes. */
  async take(): Promise<void> {
    await breathe();
    this.#last = performance.now();
  }
}
