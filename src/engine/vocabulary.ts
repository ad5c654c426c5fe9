/**
 * The vocabularies of tokenizers, as grammars need them, and the grammars compiled for them.
 *
 * @module
 */
import type { ModelConfig } from "../checkpoint/config/config.ts";
import {
  compileGrammar,
  type Grammar,
  type GrammarOption,
  type Vocabulary,
} from "../grammar/mod.ts";
import type { Tokenizer } from "../text/tokenizer.ts";

/** Grammars that are kept with all the states that texts have found. */
const KEPT = 4;

/** By tokenizer, and then by rows and stop tokens: equal ones are the same object, and share what is known of them. */
const VOCABULARIES = new WeakMap<Tokenizer, Map<string, Vocabulary>>();

/** The grammars used last, by what they were compiled from, the oldest first. */
const GRAMMARS = new WeakMap<Vocabulary, Map<string, Grammar>>();

/**
 * The vocabulary of a model with its tokenizer.
 *
 * @throws {UnsupportedModelError} the text of a token depends on the tokens beside it
 */
export function vocabularyOf(
  tokenizer: Tokenizer,
  { vocabSize, eosTokenIds }: Pick<ModelConfig, "vocabSize" | "eosTokenIds">,
): Vocabulary {
  let known = VOCABULARIES.get(tokenizer);
  if (known === undefined) VOCABULARIES.set(tokenizer, known = new Map());
  const key = `${vocabSize}:${eosTokenIds}`;
  let vocabulary = known.get(key);
  if (vocabulary === undefined) {
    vocabulary = {
      size: vocabSize,
      // Ids beyond the rows of logits are never chosen.
      tokens: tokenizer.tokenBytes().slice(0, vocabSize),
      stopTokens: eosTokenIds.filter((id) => id < vocabSize),
      encode: (text) => tokenizer.encode(text, { addSpecialTokens: false }),
    };
    known.set(key, vocabulary);
  }
  return vocabulary;
}

/** Compiles a grammar, or gives the one that was compiled from the same text before, with the states found since. */
export function grammarFor(option: GrammarOption, vocabulary: Vocabulary): Grammar {
  let known = GRAMMARS.get(vocabulary);
  if (known === undefined) GRAMMARS.set(vocabulary, known = new Map());
  const key = keyOf(option);
  const grammar = (key !== undefined && known.get(key)) || compileGrammar(option, vocabulary);
  if (key === undefined) return grammar;
  known.delete(key);
  known.set(key, grammar);
  for (const oldest of known.keys()) if (known.size > KEPT) known.delete(oldest);
  return grammar;
}

/** What an option says, as text; undefined for one that is no JSON, which compiling refuses. */
function keyOf(option: GrammarOption): string | undefined {
  try {
    return JSON.stringify(option);
  } catch {
    return undefined;
  }
}
