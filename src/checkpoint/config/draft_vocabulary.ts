/**
 * The tokens that a head drafts, and the output projection that says how likely they are. Where a head has a map, they are
 * fewer than its verifier's, or in another order; the keys are those of EAGLE-3's layout in every family.
 *
 * @module
 */
import { CheckpointError } from "../../base/errors.ts";
import type { Fields } from "../containers/json.ts";
import type { TensorSource } from "../containers/source.ts";
import type { ModelConfig } from "./config.ts";

/** The key of `config.json` that says how many recent tokens a head has. */
export const RECENT_TOKENS = "recent_tokens";

/** Names of tensors, by role. */
export const DRAFT_TENSORS = {
  /** hidden -> the tokens that it drafts. */
  output: "lm_head",
  /** What is to be added to each id of the head's to make it a token's. */
  toTokens: "d2t",
  /** Which tokens the head has. */
  hasToken: "t2d",
} as const;

/** Whether an output projection is stored in a quantized format. */
export function hasQuantizedOutput(source: TensorSource): boolean {
  return source.names().some((name) => /^lm_head\.(?!weight$|bias$)/.test(name));
}

/**
 * Whether a head has an output projection of its own, where its family does without: one that is mapped or quantized. Any
 * other is a copy of its verifier's, which trainers leave behind.
 */
export function hasOwnOutput(tensors: TensorSource): boolean {
  return tensors.find(DRAFT_TENSORS.toTokens) !== undefined || hasQuantizedOutput(tensors);
}

/** Entries of a head's logits: as many as its map has, `stored` where it has none, else the vocabulary. */
export function draftVocabulary(
  config: Fields,
  { vocabSize }: ModelConfig,
  tensors: TensorSource,
  stored: number = vocabSize,
): number {
  const { toTokens } = DRAFT_TENSORS;
  const mapped = tensors.find(toTokens)?.shape[0];
  const count = config.integer("draft_vocab_size", mapped ?? stored);
  if (count > vocabSize) {
    config.fail("draft_vocab_size", `at most the vocabulary of ${vocabSize}`);
  }
  if (mapped === undefined && count !== vocabSize) {
    const reason = `it is missing, expected one for ${count} of ${vocabSize} tokens`;
    throw new CheckpointError(tensors.file, reason, toTokens);
  }
  return count;
}

/** The recent tokens of a head that has `draftVocabSize` tokens of the vocabulary; none where nothing is said. */
export function recentTokens(
  config: Fields,
  { vocabSize }: ModelConfig,
  tensors: TensorSource,
  draftVocabSize: number,
): number {
  const count = config.integer(RECENT_TOKENS, 0, 0);
  const { toTokens } = DRAFT_TENSORS;
  if (count > 0 && tensors.find(toTokens) === undefined) {
    config.fail(RECENT_TOKENS, `0, or a head with a vocabulary of its own (${toTokens})`);
  }
  if (count > vocabSize - draftVocabSize) {
    config.fail(
      RECENT_TOKENS,
      `at most ${vocabSize - draftVocabSize}, the tokens that it does not have`,
    );
  }
  return count;
}
