/**
 * Log-probabilities as `/v1/chat/completions` gives them.
 *
 * @module
 */
import type { TopToken } from "../../engine/mod.ts";
import type { PlacedToken } from "./settled.ts";
import type { TokenTexts } from "./token_texts.ts";

/** One token. */
export interface ChatToken {
  /** Its text. */
  readonly token: string;
  /** Its natural log-probability. */
  readonly logprob: number;
  /** Its bytes; null where they are not known. */
  readonly bytes: readonly number[] | null;
}

/** What an answer, or a piece of one, says of its tokens. */
export interface ChatLogprobs {
  /** The tokens, with the likeliest ones in the place of each. */
  readonly content: ReadonlyArray<ChatToken & { readonly top_logprobs: readonly ChatToken[] }>;
  /** There are none. */
  readonly refusal: null;
}

/** The log-probabilities of `tokens`. */
export function chatLogprobs(tokens: readonly PlacedToken[], texts: TokenTexts): ChatLogprobs {
  const tokenOf = ({ id, logprob }: TopToken): ChatToken => ({
    token: texts.textOf(id),
    logprob,
    bytes: texts.bytesOf(id),
  });
  return {
    content: tokens.map((token) => ({
      ...tokenOf(token),
      top_logprobs: token.top.map(tokenOf),
    })),
    refusal: null,
  };
}
