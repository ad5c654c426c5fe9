/**
 * What can be asked of one generation.
 *
 * @module
 */
import { BOOLEAN, FUNCTION, integer, type Kinds, oneOf, SIGNAL, TEXT } from "../base/options.ts";
import type { Grammar, GrammarOption } from "../grammar/mod.ts";
import {
  CHOICE_KINDS,
  type ChoiceOptions,
  LOG_PROBS_OF,
  type LogProbsOf,
  MAX_TOP_LOG_PROBS,
} from "../speculation/mod.ts";
import { GRAMMAR_KIND } from "./constrained.ts";

/** Options of one generation; greedy where nothing is said of how tokens are chosen. */
export interface GenerateOptions extends ChoiceOptions {
  /** Most tokens to generate; what is left of the context where absent. */
  readonly maxTokens?: number;
  /** A string that ends the text, or several; they are not part of it. */
  readonly stop?: string | readonly string[];
  /** Go on after a stop token; under a grammar, where nothing can come behind one, it does nothing. */
  readonly ignoreEos?: boolean;
  /**
   * What the text follows: a JSON schema, a grammar in EBNF, a regular expression, or one of them compiled before. A text
   * that ends by itself is one of its texts; one that `maxTokens` cuts is the begin of one.
   */
  readonly grammar?: GrammarOption | Grammar;
  /** Give the log-probability of each token, and of this many of the likeliest in its place: 0 to 20. None where absent. */
  readonly logprobs?: number;
  /** Of which distribution; the model's own where absent. */
  readonly logprobsOf?: LogProbsOf;
  /** How its tokens are proposed, one of the session's `methods`; its own method where absent. The text is the same. */
  readonly method?: string;
  /** Give with the last piece of each round what the round was. */
  readonly rounds?: boolean;
  /** Ends the generation between two rounds, or two pieces of the prompt; its reason is thrown. */
  readonly signal?: AbortSignal;
  /** Hears the tokens of the prompt read, from 0 to all of them. */
  readonly progress?: (done: number, total: number) => void;
}

/** What each option may be. */
export const GENERATE_KINDS: Kinds<GenerateOptions> = {
  ...CHOICE_KINDS,
  maxTokens: integer(1),
  stop: {
    expected: "text that is not empty, or a list of such",
    fits: (value) =>
      (Array.isArray(value) ? value : [value]).every((one) =>
        typeof one === "string" && one !== ""
      ),
  },
  ignoreEos: BOOLEAN,
  grammar: GRAMMAR_KIND,
  logprobs: integer(0, MAX_TOP_LOG_PROBS),
  logprobsOf: oneOf(LOG_PROBS_OF),
  method: TEXT,
  rounds: BOOLEAN,
  signal: SIGNAL,
  progress: FUNCTION,
};
