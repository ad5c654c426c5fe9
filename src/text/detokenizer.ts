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

/** How {@linkcode StreamingDetokenizer} decodes. */
export interface StreamOptions extends DecodeOptions {
  /** The tokens that come before, such as a prompt: their text is not given out; none by default. */
  readonly after?: readonly number[];
}

/**
 * Decodes a stream of tokens piece by piece: all pieces together are the text that
 * {@linkcode Tokenizer.decode} makes of all tokens, and no piece ends inside a character. With
 * `after`, they are what that text has behind the text of the tokens before, its space included.
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
  constructor(tokenizer: Tokenizer, { after = [], ...options }: StreamOptions = {}) {
    this.#tokenizer = tokenizer;
    this.#options = options;
    const before = tokenizer.textIds(after, options);
    if (before.length === 0) return;
    const cut = this.#cuts(before, LIMIT).next().value ?? 0;
    this.#window = before.slice(cut);
    // A character that is not complete is given out when it is.
    this.#given = this.#decode(this.#window).replace(/\uFFFD+$/, "").length;
  }

  /**
   * Takes the next tokens and returns the text that they complete, perhaps none.
   *
   * @throws {ArgumentError} an id is no whole number from 0
   */
  push(ids: readonly number[]): string {
    // Tokens without text would make the window's last tokens say nothing about a cut.
    const more = this.#tokenizer.textIds(ids, this.#options);
    this.#window = this.#window.concat(more);
    // The text of bytes that follow each other is only certain when the last of them is there.
    if (more.every((id) => this.#tokenizer.isByte(id))) return "";
    let certain = this.#window.length;
    while (this.#tokenizer.isByte(this.#window[certain - 1])) certain--;
    const text = this.#decode(this.#window.slice(0, certain));
    // Only the last sign can still change: more bytes complete the character, or leave it as it is.
    const end = text.endsWith(REPLACEMENT) ? text.length - 1 : text.length;
    const piece = text.slice(this.#given, end);
    this.#given = Math.max(this.#given, end);
    if (this.#window.length >= this.#limit) this.#shrink(certain, text);
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

  /** Forgets old tokens where the text of the others, of which the first are `certain`, does not depend on them. */
  #shrink(certain: number, text: string): void {
    const pending = text.length - this.#given;
    let tries = 4;
    for (const cut of this.#cuts(this.#window.slice(0, certain), KEEP)) {
      const tail = this.#decode(this.#window.slice(cut, certain));
      if (tail.length >= pending && text.endsWith(tail)) {
        this.#window = this.#window.slice(cut);
        this.#given = tail.length - pending;
        this.#limit = LIMIT - KEEP + this.#window.length;
        return;
      }
      if (--tries === 0) break;
    }
    // No cut fits here. Try again later, and ever more rarely, so that the work stays linear.
    this.#limit = this.#window.length * 2;
  }

  /** Where the tokens could be cut so that at least `keep` stay, the last place first: never before a byte. */
  *#cuts(ids: readonly number[], keep: number): Generator<number, undefined> {
    for (let cut = ids.length - keep; cut > 0; cut--) {
      if (!this.#tokenizer.isByte(ids[cut])) yield cut;
    }
  }
}
