/**
 * The map of a head that drafts fewer tokens than its target has.
 *
 * @module
 */
import { DRAFT_TENSORS } from "../../checkpoint/config/draft_vocabulary.ts";
import type { TensorToWrite } from "../../checkpoint/containers/safetensors_writer.ts";
import { tensorOf } from "../layouts/bytes.ts";

/** `d2t` i64 and `t2d` bool [vocabSize] of a head that drafts `tokens`, in that order. */
export function vocabularyMap(tokens: readonly number[], vocabSize: number): TensorToWrite[] {
  const { toTokens, hasToken } = DRAFT_TENSORS;
  const offsets = BigInt64Array.from(tokens, (token, id) => BigInt(token - id));
  const known = new Uint8Array(vocabSize);
  for (const token of tokens) known[token] = 1;
  return [
    tensorOf(toTokens, "i64", [tokens.length], offsets),
    tensorOf(hasToken, "bool", [vocabSize], known),
  ];
}
