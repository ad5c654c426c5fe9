/**
 * What a grammar needs to know of a tokenizer.
 *
 * @module
 */
import { ArgumentError } from "../base/errors.ts";

/** The tokens of a model. */
export interface Vocabulary {
  /** Rows of logits: ids from 0, of which those at the end may have no token. */
  readonly size: number;
  /** The bytes of each token; `undefined` (or none) for one that is no text, such as a special token. */
  readonly tokens: ReadonlyArray<Uint8Array | undefined>;
  /** The tokens that end a text; there may be none. Their bytes count for nothing. */
  readonly stopTokens: readonly number[];
  /**
   * The ids of a text without special tokens, as the model has seen it in training. Without it no tokens are
   * {@linkcode Matcher.forced}.
   */
  readonly encode?: (text: string) => number[];
}

/** Throws the `ArgumentError` of a vocabulary that is none. */
export function checkVocabulary({ size, tokens, stopTokens }: Vocabulary): void {
  const fail = (message: string): never => {
    throw new ArgumentError("vocabulary", `Cannot compile a grammar: the vocabulary ${message}`);
  };
  if (!Number.isSafeInteger(size) || size < 1) fail(`has ${size} rows, expected 1 or more`);
  if (tokens.length > size) fail(`has ${tokens.length} tokens, expected up to its ${size} rows`);
  for (const id of stopTokens) {
    if (Number.isSafeInteger(id) && id >= 0 && id < size) continue;
    fail(`has the stop token ${id}, expected an id from 0 to ${size - 1}`);
  }
}
