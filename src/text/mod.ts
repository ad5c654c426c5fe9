/**
 * Text: tokenizer, chat template, streaming detokenizer, stop strings.
 *
 * @module
 */

export * from "./chat_template.ts";
export * from "./detokenizer.ts";
export * from "./stop.ts";
export * from "./tokenizer.ts";
export type { SpecialTokens } from "./files/special_tokens.ts";
