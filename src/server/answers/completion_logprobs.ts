/**
 * Log-probabilities as `/v1/completions` gives them.
 *
 * @module
 */
import type { Score, TopToken } from "../../engine/mod.ts";
import { StreamingDetokenizer } from "../../text/detokenizer.ts";
import type { Tokenizer } from "../../text/tokenizer.ts";
import type { PlacedToken } from "./settled.ts";
import type { TokenTexts } from "./token_texts.ts";

/** What an answer, or a piece of one, says of its tokens: four lists with an entry for each. */
export interface CompletionLogprobs {
  /** Their texts. */
  readonly tokens: readonly string[];
  /** Their natural log-probabilities; null for the first token of an echoed prompt. */
  readonly token_logprobs: readonly (number | null)[];
  /** The likeliest tokens and the token itself, by text; null for the first token of an echoed prompt. */
  readonly top_logprobs: readonly (Readonly<Record<string, number>> | null)[];
  /** Where each begins in the text. */
  readonly text_offset: readonly number[];
}

/** A token of the text or of its prompt. */
export type TextToken = Omit<PlacedToken, "logprob"> & { readonly logprob: number | null };

/** The log-probabilities of `tokens`, whose text begins at `offset`. */
export function completionLogprobs(
  tokens: readonly TextToken[],
  texts: TokenTexts,
  offset = 0,
): CompletionLogprobs {
  return {
    tokens: tokens.map(({ id }) => texts.keyOf(id)),
    token_logprobs: tokens.map(({ logprob }) => logprob),
    top_logprobs: tokens.map(({ id, logprob, top }) =>
      logprob === null ? null : byText([...top, { id, logprob }], texts)
    ),
    text_offset: tokens.map((token) => offset + token.offset),
  };
}

/** Log-probabilities by text. Of tokens with the same one the likeliest stays, so that it can be told that it is. */
function byText(tokens: readonly TopToken[], texts: TokenTexts): Record<string, number> {
  const found = new Map<string, number>();
  for (const { id, logprob } of tokens) {
    const text = texts.keyOf(id);
    if (!found.has(text)) found.set(text, logprob);
  }
  return Object.fromEntries(found);
}

/** The tokens of a prompt with their scores. */
export function scoredTokens({ tokens, logprobs, top }: Score, tokenizer: Tokenizer): TextToken[] {
  const detokenizer = new StreamingDetokenizer(tokenizer);
  let offset = 0;
  return tokens.map((id, i) => {
    const entry = { id, logprob: logprobs[i], top: top[i], offset };
    offset += detokenizer.push([id]).length;
    return entry;
  });
}

/** Two pieces as one. */
export function joined(a: CompletionLogprobs, b: CompletionLogprobs): CompletionLogprobs {
  return {
    tokens: [...a.tokens, ...b.tokens],
    token_logprobs: [...a.token_logprobs, ...b.token_logprobs],
    top_logprobs: [...a.top_logprobs, ...b.top_logprobs],
    text_offset: [...a.text_offset, ...b.text_offset],
  };
}
