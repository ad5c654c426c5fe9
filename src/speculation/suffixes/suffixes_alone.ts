/**
 * What suffixes would come to by themselves, while something else proposes: nothing of it needs a device.
 *
 * @module
 */
import type { Continuations } from "./continuations.ts";
import type { SuffixRound } from "../policy/policy.ts";

/** Goes through a text as rounds of nothing but suffixes would. */
export class SuffixesAlone {
  readonly #continuations: Continuations;
  readonly #rowsOf: (proposed: number) => number;
  readonly #rounds: SuffixRound[] = [];
  /** The place of the last committed token of the round under way; negative where none is. */
  #root = -1;
  /** Its nodes, the last of them that was accepted, and how many were. */
  #proposed = 1;
  #node = 0;
  #accepted = 0;

  /** Grows proposals by `continuations`, which nobody else does; `rowsOf` gives the rows that so many nodes are verified with. */
  constructor(continuations: Continuations, rowsOf: (proposed: number) => number) {
    this.#continuations = continuations;
    this.#rowsOf = rowsOf;
  }

  /** Another text begins, or the same goes on elsewhere. */
  begin(): void {
    this.#root = -1;
  }

  /**
   * The rounds that have ended over the first `length` tokens of `text`, in which the last one is no round's root yet; where none
   * is under way the first one's root is the token at `from`. `read` brings the index to the first so many tokens, and is
   * asked for more each time. What is given holds until the next call.
   */
  to(
    text: Int32Array,
    length: number,
    from: number,
    vocabulary: number,
    read: (length: number) => void,
  ): readonly SuffixRound[] {
    this.#rounds.length = 0;
    if (this.#root < 0) this.#start(text, from, vocabulary, read);
    for (;;) {
      const next = this.#root + this.#accepted + 1;
      if (next >= length) return this.#rounds;
      const child = this.#child(text[next]);
      if (child > 0) {
        this.#node = child;
        this.#accepted++;
      } else {
        this.#rounds.push({ rows: this.#rowsOf(this.#proposed), accepted: this.#accepted });
        this.#start(text, next, vocabulary, read);
      }
    }
  }

  #start(
    text: Int32Array,
    root: number,
    vocabulary: number,
    read: (length: number) => void,
  ): void {
    read(root + 1);
    this.#root = root;
    this.#node = this.#accepted = 0;
    this.#proposed = this.#continuations.grow(text, root + 1, vocabulary);
  }

  /** The node behind the last accepted one that has `token`; 0 where there is none. */
  #child(token: number): number {
    const { tokens, parents } = this.#continuations;
    for (let node = this.#node + 1; node < this.#proposed; node++) {
      if (parents[node] === this.#node && tokens[node] === token) return node;
    }
    return 0;
  }
}
