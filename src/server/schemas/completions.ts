/**
 * What `/v1/completions` takes.
 *
 * @module
 */
import { z } from "zod";
import { MAX_TOP_LOG_PROBS } from "../../speculation/mod.ts";
import { SAMPLING, WITHOUT_EFFECT } from "./sampling.ts";

/** Most prompts of one request. */
const MOST_PROMPTS = 1024;

const TOKENS = z.array(z.int().min(0)).min(1);

/**
 * The body of a request.
 *
 * @internal
 */
export const COMPLETION_REQUEST = z.strictObject({
  model: z.string(),
  prompt: z.union([
    z.string(),
    TOKENS,
    z.array(z.string()).min(1).max(MOST_PROMPTS),
    z.array(TOKENS).min(1).max(MOST_PROMPTS),
  ]).describe("A text, token ids, or a list of either."),
  max_tokens: z.int().min(0).nullish().describe("16 where absent; 0 generates nothing."),
  echo: z.boolean().nullish().describe("Give the prompt before the text."),
  logprobs: z.int().min(0).max(MAX_TOP_LOG_PROBS).nullish().describe(
    "Log-probabilities of each token, with `echo` of the prompt's, too, and of this many others.",
  ),
  best_of: z.literal(1).nullish(),
  ...SAMPLING,
  ...WITHOUT_EFFECT,
});

/**
 * The body, checked.
 *
 * @internal
 */
export type CompletionRequest = z.infer<typeof COMPLETION_REQUEST>;
