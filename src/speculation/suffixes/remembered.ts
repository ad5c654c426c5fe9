/**
 * The texts of a sequence, one after another, as an index remembers them.
 *
 * @module
 */
import type { SuffixIndex } from "./suffix_index.ts";

/** Tokens that two texts share and that are remembered twice, before the first in which they differ. */
export const SHARED = 8;

/** Keeps an index at the end of the text, through what is taken back and through other texts. */
export class Remembered {
  readonly #index: SuffixIndex;
  /** The index ends with the text's tokens from `#from` to `#known`, the latter not included. */
  #from = 0;
  #known = 0;
  /** Of another text that has begun, how many tokens are surely those of the one in the index. */
  #kept?: number;

  /** Of no text yet; nobody else adds to `index`. */
  constructor(index: SuffixIndex) {
    this.#index = index;
  }

  /** Another text begins, or the same goes on: of the one before it has the first `kept` tokens at least. */
  resume(kept: number): void {
    this.#kept = Math.min(this.#kept ?? this.#known, kept);
  }

  /** Brings the index to the first `length` tokens of `text`. They begin with what it was brought to and not taken back. */
  read(text: Int32Array, length: number): void {
    if (this.#kept !== undefined) this.#part(this.#kept, text, length);
    this.#kept = undefined;
    while (this.#known < length) this.#index.push(text[this.#known++]);
  }

  /** Takes back what lies behind the first `length` tokens of the text; nothing while no text has been read since `resume`. */
  takeBack(length: number): void {
    if (this.#kept !== undefined || length >= this.#known) return;
    this.#index.pop(this.#known - length);
    this.#known = length;
  }

  /** Forgets all texts. */
  forget(): void {
    this.#index.clear();
    this.#from = this.#known = 0;
    this.#kept = undefined;
  }

  /** Goes on with the text in the index where `text` does; else begins another, and keeps how the one before ended. */
  #part(kept: number, text: Int32Array, length: number): void {
    const index = this.#index;
    const start = index.end - this.#known;
    let same = kept;
    if (kept >= this.#from) {
      while (same < Math.min(this.#known, length) && index.at(start + same) === text[same]) same++;
      if (same === this.#known) return;
    }
    index.cut();
    this.#from = this.#known = Math.max(0, Math.min(same, length) - SHARED);
  }
}
