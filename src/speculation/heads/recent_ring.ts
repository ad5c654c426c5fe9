/**
 * The recent tokens of a head as a text goes on: those that came last of what its own vocabulary has not. They are a function of
 * the text alone, so that a text that is cut back has those that it would have had.
 *
 * @module
 */
import type { RecentVocabulary } from "../../model/mod.ts";

/** A ring of tokens: one that is neither the head's own nor among them takes the place of the one that came first. */
export class RecentRing {
  /** The token of each entry. */
  readonly tokens: Int32Array<ArrayBuffer>;
  /** Which tokens are no news: the head's own, and those of the ring. */
  readonly #has: Uint8Array<ArrayBuffer>;
  /** Tokens of the text that have been read. */
  #read = 0;
  /** Tokens that have come in; of each, where it stands in the text, and the token that had to go. */
  #count = 0;
  readonly #positions: Int32Array<ArrayBuffer>;
  readonly #gone: Int32Array<ArrayBuffer>;

  /** Of no text yet; texts have at most `longest` tokens. */
  constructor({ own, first, known }: RecentVocabulary, longest: number) {
    this.tokens = first.slice();
    this.#has = new Uint8Array(known);
    for (const token of own) if (token < known) this.#has[token] = 1;
    for (const token of first) this.#has[token] = 1;
    this.#positions = new Int32Array(longest);
    this.#gone = new Int32Array(longest);
  }

  /** Brings it to the first `length` tokens of `text`, which begins with what has been read and not taken back. */
  read(text: Int32Array, length: number): void {
    const [tokens, has] = [this.tokens, this.#has];
    for (; this.#read < length; this.#read++) {
      const token = text[this.#read];
      // What the head or its verifier does not know can never be chosen.
      if (token >= has.length || has[token] === 1) continue;
      const entry = this.#count % tokens.length;
      const gone = tokens[entry];
      this.#positions[this.#count] = this.#read;
      this.#gone[this.#count++] = gone;
      tokens[entry] = token;
      has[gone] = 0;
      has[token] = 1;
    }
  }

  /** Takes back what lies behind the first `length` tokens of the text. */
  takeBack(length: number): void {
    const [tokens, has] = [this.tokens, this.#has];
    while (this.#count > 0 && this.#positions[this.#count - 1] >= length) {
      const gone = this.#gone[--this.#count];
      const entry = this.#count % tokens.length;
      has[tokens[entry]] = 0;
      has[gone] = 1;
      tokens[entry] = gone;
    }
    this.#read = Math.min(this.#read, length);
  }
}
