/**
 * Log-probabilities as `/v1/responses` gives them.
 *
 * @module
 */
import { chatLogprobs, type ChatToken } from "./chat_logprobs.ts";
import type { PlacedToken } from "./settled.ts";
import type { TokenTexts } from "./token_texts.ts";

/** One token; without bytes where they are not known. */
export interface ResponseToken extends ChatToken {
  /** Its bytes. */
  readonly bytes: readonly number[];
}

/** Tokens, with the likeliest ones in the place of each. */
export type ResponseLogprobs = ReadonlyArray<
  ResponseToken & { readonly top_logprobs: readonly ResponseToken[] }
>;

/** The log-probabilities of `tokens`. */
export function responseLogprobs(
  tokens: readonly PlacedToken[],
  texts: TokenTexts,
): ResponseLogprobs {
  const known = (token: ChatToken): ResponseToken => ({ ...token, bytes: token.bytes ?? [] });
  return chatLogprobs(tokens, texts).content.map((token) => ({
    ...known(token),
    top_logprobs: token.top_logprobs.map(known),
  }));
}
