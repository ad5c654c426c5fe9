/**
 * What may follow a state whatever it is: most characters in a string, digits in a number.
 *
 * @module
 */
import { CHARACTERS, CLASS } from "./byte_classes.ts";
import type { State, States } from "./states.ts";

/** Finds how far bytes of some classes reach. */
export class Reach {
  readonly #states: States;
  /** A byte of each kind, how many there are, and the classes that have bytes of it. */
  readonly #byte: number[] = [];
  readonly #sizes: number[] = [];
  readonly #classes: number[] = [];

  /** For the states of a network. */
  constructor(states: States) {
    this.#states = states;
    for (const [byte, kind] of states.kinds.subarray(0, 0x80).entries()) {
      if (kind === this.#byte.length) this.#byte.push(byte);
      this.#sizes[kind] = (this.#sizes[kind] ?? 0) + 1;
      this.#classes[kind] |= 1 << CLASS[byte];
    }
  }

  /**
   * How many of up to `most` bytes of some classes, a bit each, may follow a state, whatever they are, and leave no rule;
   * -1 where that depends on which they are.
   */
  of(state: State, classes: number, most: number): number {
    let at = state;
    for (let count = 0; count < most; count++) {
      const { usual = this.#usual(at) } = at;
      if ((classes & ~at.usualClasses) !== 0) {
        return (classes & ~at.refusedClasses) === 0 ? count : -1;
      }
      if (usual === at) break;
      at = usual!;
    }
    return most;
  }

  /**
   * Finds the state behind most bytes of those that are characters of their own: what leads into a character of several bytes
   * is in a state between two, and depends on the byte.
   */
  #usual(state: State): State | null {
    const behind = this.#byte.map((byte) => this.#states.step(state, byte));
    const counts = new Map<State, number>();
    let most: State | null = null;
    for (const [kind, next] of behind.entries()) {
      if (next === null || next.leaves) continue;
      counts.set(next, (counts.get(next) ?? 0) + this.#sizes[kind]);
      if (most === null || counts.get(next)! > counts.get(most)!) most = next;
    }
    state.usualClasses = state.refusedClasses = CHARACTERS;
    for (const [kind, next] of behind.entries()) {
      if (next !== null) state.refusedClasses &= ~this.#classes[kind];
      if (next !== most || next === null) state.usualClasses &= ~this.#classes[kind];
    }
    return state.usual = most;
  }
}
