/**
 * A grammar as the constraint of one text.
 *
 * @module
 */
import { ArgumentError } from "../base/errors.ts";
import { type Kind, object } from "../base/options.ts";
import type { ModelConfig } from "../checkpoint/config/config.ts";
import { Grammar, type GrammarOption, type Matcher, TreeMasks } from "../grammar/mod.ts";
import { MAX_TREE_ROWS } from "../ops/mod.ts";
import type { Constraint } from "../speculation/mod.ts";
import type { Tokenizer } from "../text/tokenizer.ts";
import { grammarFor, vocabularyOf } from "./vocabulary.ts";

/** The grammar of a text. What is in it is checked where it is compiled. */
export const GRAMMAR_KIND: Kind = object(
  "a Grammar, or an object with one of jsonSchema, ebnf, regex",
  () => true,
);

/** The grammar of a generation's options, for the vocabulary of a model. */
export function grammarOf(
  given: Grammar | GrammarOption,
  tokenizer: Tokenizer,
  config: ModelConfig,
): Grammar {
  const vocabulary = vocabularyOf(tokenizer, config);
  if (!(given instanceof Grammar)) return grammarFor(given, vocabulary);
  if (given.vocabulary === vocabulary) return given;
  throw new ArgumentError(
    "grammar",
    `Cannot generate: grammar was compiled for another vocabulary, of ${given.vocabulary.size} rows, expected ` +
      `that of this model, as its engine compiles it`,
  );
}

/** Follows one text, token by token, and says what may come. */
export class ConstrainedText implements Constraint {
  readonly #matcher: Matcher;
  readonly #masks: TreeMasks;

  /** At the begin of a text of `grammar`. */
  constructor(grammar: Grammar) {
    this.#matcher = grammar.matcher();
    this.#masks = new TreeMasks(grammar, MAX_TREE_ROWS);
  }

  /** Whether nothing comes any more. */
  get isOver(): boolean {
    return this.#matcher.isOver;
  }

  /** Takes the next token, which was chosen under a mask made here. */
  accept(token: number): void {
    if (this.#matcher.accept(token)) return;
    throw new Error(`token ${token} was chosen where the grammar does not allow it`);
  }

  /** See {@linkcode Constraint}. */
  fill(tokens: Int32Array, parents: Int32Array, masks: Uint32Array): void {
    this.#masks.fill(this.#matcher, tokens, parents, masks);
  }

  /** See {@linkcode Constraint}. */
  forced(most: number): readonly number[] {
    return this.#matcher.forced(most);
  }
}
