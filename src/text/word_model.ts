/**
 * What cuts the pieces of a text into the tokens of a vocabulary.
 *
 * @module
 */

import { UnsupportedModelError } from "../base/errors.ts";
import { Bpe } from "./bpe.ts";
import type { JsonObject } from "./files.ts";
import { Unigram } from "./unigram.ts";

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

/**
 * The model that `tokenizer.json` describes.
 *
 * @throws {UnsupportedModelError} it is neither byte-pair encoding nor Unigram, or draws lots
 * @throws {Error} it is described wrongly
 */
export function wordModel(value: unknown): WordModel {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new Error("its model is no object");
  }
  const model = value as JsonObject;
  // The first files of this format do not name the kind.
  const type = model.type ?? ("merges" in model ? "BPE" : undefined);
  if (type === "BPE") return new Bpe(model);
  if (type === "Unigram") return new Unigram(model);
  throw new UnsupportedModelError(
    `a tokenizer whose model is ${JSON.stringify(type)}`,
    'expected "BPE" or "Unigram"',
  );
}
