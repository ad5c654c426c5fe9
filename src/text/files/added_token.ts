/**
 * Tokens beside a model's vocabulary, as files describe them.
 *
 * @module
 */

import { CheckpointError } from "../../base/errors.ts";

/** A token, and how it is found in a text. */
export interface AddedToken {
  /** Its text. */
  readonly content: string;
  /** Whether it only counts where no part of a word is beside it. */
  readonly single_word: boolean;
  /** Whether the space before it belongs to it. */
  readonly lstrip: boolean;
  /** Whether the space after it belongs to it. */
  readonly rstrip: boolean;
  /** Whether it is looked for in normalized text, normalized itself. */
  readonly normalized: boolean;
  /** Whether it is no text. */
  readonly special: boolean;
}

/** An added token of a `tokenizer.json`. */
export interface NumberedToken extends AddedToken {
  /** The id that the file names. */
  readonly id: number;
}

const FLAGS = ["single_word", "lstrip", "rstrip", "normalized", "special"] as const;

/**
 * A token with all its properties: of those that are not given only `normalized` may be true, where the token is
 * not special.
 *
 * @throws {CheckpointError} one of them is of another type
 */
export function completeToken(
  file: string,
  token: Partial<AddedToken> & { readonly content: string },
): AddedToken {
  for (const flag of FLAGS) {
    const value: unknown = token[flag];
    if (value === undefined || value === null || typeof value === "boolean") continue;
    throw new CheckpointError(
      file,
      `${flag} of its token ${JSON.stringify(token.content)} is ${JSON.stringify(value)}, ` +
        "expected true or false",
    );
  }
  const { content, single_word, lstrip, rstrip, normalized, special } = token;
  return {
    content,
    single_word: single_word ?? false,
    lstrip: lstrip ?? false,
    rstrip: rstrip ?? false,
    normalized: normalized ?? !special,
    special: special ?? false,
  };
}

/**
 * The `added_tokens` of a `tokenizer.json`.
 *
 * @throws {CheckpointError} they are no list of tokens
 */
export function numberedTokens(file: string, value: unknown): NumberedToken[] {
  if (value === undefined) return [];
  if (!Array.isArray(value)) {
    throw new CheckpointError(file, "its added_tokens are no list");
  }
  return value.map((token, i) => {
    if (!Number.isInteger(token?.id) || typeof token.content !== "string") {
      throw new CheckpointError(
        file,
        `its added token ${i} is ${JSON.stringify(token)}, expected an id and content`,
      );
    }
    return { ...completeToken(file, token), id: token.id };
  });
}
