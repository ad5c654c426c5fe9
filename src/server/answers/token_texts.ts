/**
 * What each token stands for, as answers with log-probabilities say it.
 *
 * @module
 */
import { UnsupportedModelError } from "../../base/errors.ts";
import type { Tokenizer } from "../../text/tokenizer.ts";

/** The texts of tokens. */
export class TokenTexts {
  readonly #tokenizer: Tokenizer;
  #bytes?: ReadonlyArray<Uint8Array | undefined>;

  /** Of the tokens of `tokenizer`. */
  constructor(tokenizer: Tokenizer) {
    this.#tokenizer = tokenizer;
  }

  /** The bytes of a token; null for special tokens, and where they depend on the tokens beside it. */
  bytesOf(id: number): readonly number[] | null {
    const bytes = this.#known()[id];
    return bytes === undefined ? null : [...bytes];
  }

  /** The text of a token; bytes that are no characters become U+FFFD. */
  textOf(id: number): string {
    const bytes = this.#known()[id];
    return bytes === undefined
      ? this.#tokenizer.decode([id], { skipSpecialTokens: false })
      : new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes);
  }

  /** The same, for use as a key: bytes that are no characters are written `bytes:\xe2\x80`, so that keys differ. */
  keyOf(id: number): string {
    const bytes = this.#known()[id];
    if (bytes === undefined) return this.textOf(id);
    try {
      return new TextDecoder("utf-8", { ignoreBOM: true, fatal: true }).decode(bytes);
    } catch {
      const hex = [...bytes].map((byte) => `\\x${byte.toString(16).padStart(2, "0")}`);
      return `bytes:${hex.join("")}`;
    }
  }

  #known(): ReadonlyArray<Uint8Array | undefined> {
    if (this.#bytes !== undefined) return this.#bytes;
    try {
      this.#bytes = this.#tokenizer.tokenBytes();
    } catch (error) {
      // The API has a word for it: null.
      if (!(error instanceof UnsupportedModelError)) throw error;
      this.#bytes = [];
    }
    return this.#bytes;
  }
}
