/**
 * Text of tokens that arrive a few at a time.
 *
 * @module
 */

import type { DecodeOptions, Tokenizer } from "./tokenizer.ts";

/** The sign that decoders write for bytes that are no, or not yet, a character. */
const REPLACEMENT = "\uFFFD";

// A cut through the middle of a character shows up in at most three tokens after the cut, since a
// character has at most three more bytes; one more token for decoders that treat the first apart.
const KEEP = 6;
const LIMIT = 24;

/**
 * Decodes a stream of tokens piece by piece: all pieces together are the text that
 * {@linkcode Tokenizer.decode} makes of all tokens, and no piece ends inside a character.
 *
 * A token's text can depend on the tokens before it (a character split over tokens, a space that
 * only the first word lacks). So a window of recent tokens is decoded again with each push, and
 * what it has more than before is the new piece.
 */
export class StreamingDetokenizer {
  readonly #tokenizer: Tokenizer;
  readonly #options: DecodeOptions;
  #window: number[] = [];
  /** How much of the window's text has been given out, in UTF-16 units. */
  #given = 0;
  #limit = LIMIT;

  /** Makes a detokenizer; special tokens are left out unless the options say otherwise. */
  constructor(tokenizer: Tokenizer, options: DecodeOptions = {}) {
    this.#tokenizer = tokenizer;
    this.#options = options;
  }

  /**
   * Takes the next tokens and returns the text that they complete, perhaps none.
   *
   * @throws {ArgumentError} an id is no whole number from 0
   */
  push(ids: readonly number[]): string {
    // Tokens without text would make the window's last tokens say nothing about a cut.
    this.#window = this.#window.concat(this.#tokenizer.textIds(ids, this.#options));
    const text = this.#decode(this.#window);
    // Only the last sign can still change: more bytes complete the character, or leave it as it is.
    const end = text.endsWith(REPLACEMENT) ? text.length - 1 : text.length;
    const piece = text.slice(this.#given, end);
    this.#given = Math.max(this.#given, end);
    if (this.#window.length >= this.#limit) this.#shrink(text);
    return piece;
  }

  /** Returns what is held back, and makes the detokenizer ready for another text. */
  flush(): string {
    const piece = this.#decode(this.#window).slice(this.#given);
    this.#window = [];
    this.#given = 0;
    this.#limit = LIMIT;
    return piece;
  }

  #decode(ids: readonly number[]): string {
    return this.#tokenizer.decode(ids, this.#options);
  }

  /** Forgets old tokens where the text of the others does not depend on them. */
  #shrink(text: string): void {
    const pending = text.length - this.#given;
    for (let keep = KEEP; keep < KEEP + 4; keep++) {
      const window = this.#window.slice(-keep);
      const tail = this.#decode(window);
      if (tail.length >= pending && text.endsWith(tail)) {
        this.#window = window;
        this.#given = tail.length - pending;
        this.#limit = LIMIT;
        return;
      }
    }
    // No cut fits here. Try again later, and ever more rarely, so that the work stays linear.
    this.#limit = this.#window.length * 2;
  }
}
