/**
 * What cuts the pieces of a text into the tokens of a vocabulary.
 *
 * @module
 */

/** The model of a tokenizer: its vocabulary, and how words are cut into it. */
export interface WordModel {
  /** The id of each token. */
  readonly ids: ReadonlyMap<string, number>;
  /** How many entries the vocabulary has. */
  readonly size: number;
  /**
   * Appends the ids of a word's tokens to `out`.
   *
   * @throws {Error} the vocabulary lacks the token for unknown text
   */
  cut(word: string, out: number[]): void;
}
