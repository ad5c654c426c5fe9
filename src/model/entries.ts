/**
 * What the entries of a head's logits stand for.
 *
 * @module
 */
import type { HeadConfig } from "../checkpoint/head.ts";
import type { ModelConfig } from "../checkpoint/config/config.ts";

/** The entry of each token that a head or its verifier knows, -1 for those without, where `tokens` are the tokens of all entries. */
export function entriesOf(
  tokens: Int32Array,
  head: HeadConfig,
  verifier: ModelConfig,
): Int32Array<ArrayBuffer> {
  const entries = new Int32Array(Math.max(head.model.vocabSize, verifier.vocabSize)).fill(-1);
  tokens.forEach((token, entry) => entries[token] = entry);
  return entries;
}
