/**
 * The special tokens that a `tokenizer_config.json` names.
 *
 * @module
 */

import type { JsonObject } from "./files.ts";

/** The roles of special tokens that a chat template may use. */
export const SPECIAL_ROLES = ["bos_token", "eos_token", "unk_token", "pad_token"] as const;

/** Text of the special tokens by role; a role that the model does not have is absent. */
export type SpecialTokens = Readonly<Partial<Record<(typeof SPECIAL_ROLES)[number], string>>>;

/** The text of a token that is stored as a string or as `{ "content": string }`. */
export function tokenText(value: unknown): string | undefined {
  if (typeof value === "string") return value;
  if (typeof value !== "object" || value === null) return undefined;
  const content = (value as JsonObject).content;
  return typeof content === "string" ? content : undefined;
}

/** The special tokens of a tokenizer's configuration, by role. */
export function specialTokens(config: JsonObject): SpecialTokens {
  const tokens: Partial<Record<string, string>> = {};
  for (const role of SPECIAL_ROLES) {
    const text = tokenText(config[role]);
    if (text !== undefined) tokens[role] = text;
  }
  return tokens;
}
