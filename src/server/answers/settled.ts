/**
 * Which tokens of a text under way are sure to be part of it: those of a stop string come before it is known to be one.
 *
 * @module
 */
import type { GenerationResult, Piece } from "../../engine/mod.ts";
import { StreamingDetokenizer } from "../../text/detokenizer.ts";
import type { Tokenizer } from "../../text/tokenizer.ts";

/** A token with where its text begins. */
export interface PlacedToken {
  /** Its id. */
  readonly id: number;
  /** Its natural log-probability. */
  readonly logprob: number;
  /** The likeliest tokens in its place, likeliest first. */
  readonly top: NonNullable<Piece["top"]>;
  /** How much text is before it, in UTF-16 units. */
  readonly offset: number;
}

/** Tokens of one text, each given once, when it is sure. */
export class SettledTokens {
  readonly #detokenizer: StreamingDetokenizer;
  readonly #unlisted: ReadonlySet<number>;
  readonly #ends: number[] = [];
  readonly #tokens: PlacedToken[] = [];
  #decoded = 0;
  #certain = 0;
  #given = 0;

  /** Of a text behind `prompt`, whose own text counts from 0; tokens of `unlisted` are left out. */
  constructor(tokenizer: Tokenizer, prompt: readonly number[], unlisted: Iterable<number>) {
    this.#detokenizer = new StreamingDetokenizer(tokenizer, { after: prompt });
    this.#unlisted = new Set(unlisted);
  }

  /** Takes a piece that has log-probabilities; gives the tokens that have become sure. */
  push({ text, token, logprob, top }: Piece): readonly PlacedToken[] {
    this.#tokens.push({ id: token, logprob: logprob!, top: top!, offset: this.#decoded });
    this.#decoded += this.#detokenizer.push([token]).length;
    this.#ends.push(this.#decoded);
    this.#certain += text.length;
    if (this.#certain === 0) return [];
    return this.#give(this.#ends.findIndex((end) => end >= this.#certain) + 1);
  }

  /** Gives the rest of the tokens that a result has. */
  end({ tokens }: GenerationResult): readonly PlacedToken[] {
    return this.#give(tokens.length);
  }

  #give(count: number): readonly PlacedToken[] {
    const tokens = this.#tokens.slice(this.#given, count);
    this.#given = Math.max(this.#given, count);
    return tokens.filter(({ id }) => !this.#unlisted.has(id));
  }
}
