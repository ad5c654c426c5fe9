/**
 * A grammar as an option of a generation.
 *
 * @module
 */
import { ArgumentError } from "../base/errors.ts";
import { show } from "../base/options.ts";
import { Grammar } from "./grammar.ts";
import type { Vocabulary } from "./vocabulary.ts";

/** The grammar that a text must follow: exactly one of these. */
export type GrammarOption =
  | {
    /** A JSON schema: an object, true or false, or such JSON as text. */
    readonly jsonSchema: unknown;
  }
  | {
    /** A grammar in EBNF with a rule `root`. */
    readonly ebnf: string;
  }
  | {
    /** A regular expression of JavaScript, which the whole text matches. */
    readonly regex: string;
  };

type Compile = (vocabulary: Vocabulary, grammar: never) => Grammar;

const KINDS: Readonly<Record<string, Compile>> = {
  jsonSchema: Grammar.jsonSchema,
  ebnf: Grammar.ebnf,
  regex: Grammar.regex,
};

/**
 * Compiles the grammar of an option.
 *
 * @throws {ArgumentError} there is not one grammar in it, or the one that there is cannot be compiled: its `argument`
 * is `jsonSchema`, `ebnf` or `regex`, its message says what is wrong and where
 */
export function compileGrammar(option: GrammarOption, vocabulary: Vocabulary): Grammar {
  const given = typeof option === "object" && option !== null
    ? Object.entries(option).filter(([, value]) => value !== undefined)
    : [];
  if (given.length !== 1 || !Object.hasOwn(KINDS, given[0][0])) {
    throw new ArgumentError(
      "grammar",
      `Cannot compile a grammar: grammar is ${show(option)}, expected an object with one of ${
        Object.keys(KINDS).join(", ")
      }`,
    );
  }
  const [kind, grammar] = given[0];
  return KINDS[kind](vocabulary, grammar as never);
}
