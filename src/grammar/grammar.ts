/**
 * Grammars that a text must follow.
 *
 * @module
 */
import { ArgumentError } from "../base/errors.ts";
import { checkArgument, required, TEXT } from "../base/options.ts";
import { TokenAutomaton } from "./engine/automaton.ts";
import { SchemaError } from "./json/keywords.ts";
import { jsonTexts } from "./json/schema.ts";
import type { Rule } from "./language/expression.ts";
import { Matcher } from "./matcher.ts";
import { ebnf, EbnfError } from "./syntax/ebnf.ts";
import { matched, RegexError } from "./syntax/regex.ts";
import { checkVocabulary, type Vocabulary } from "./vocabulary.ts";

/** A compiled grammar for the vocabulary of one tokenizer. Any number of texts can follow it at once. */
export class Grammar {
  /** The vocabulary. */
  readonly vocabulary: Vocabulary;
  /** The states of the grammar; for {@linkcode TreeMasks}. */
  readonly automaton: TokenAutomaton;

  private constructor(vocabulary: Vocabulary, automaton: TokenAutomaton) {
    this.vocabulary = vocabulary;
    this.automaton = automaton;
  }

  /** Words of 32 tokens that a mask has: the rows of logits, rounded up. */
  get words(): number {
    return this.automaton.words;
  }

  /**
   * The texts of the JSON values that a schema (of draft 2020-12) allows; a schema is an object, true or false, or
   * such JSON as text. Every text that may end parses, and is valid by the schema: a keyword that cannot be enforced is
   * refused. Not every valid text is allowed: properties come in the order of the schema, see `docs/grammars.md`.
   *
   * @throws {ArgumentError} the schema is malformed, asks for what is not enforced, or no value is valid
   */
  static jsonSchema(vocabulary: Vocabulary, schema: unknown): Grammar {
    const value = typeof schema === "string" ? parsed(schema) : schema;
    return Grammar.#compile(vocabulary, "jsonSchema", "a JSON schema", () => jsonTexts(value));
  }

  /** The texts of all JSON values. */
  static json(vocabulary: Vocabulary): Grammar {
    return Grammar.jsonSchema(vocabulary, true);
  }

  /**
   * The texts of the rule `root` of a grammar in EBNF, e.g. `root ::= "yes" | "no" "!"*`.
   *
   * @throws {ArgumentError} the grammar is malformed, a rule begins with itself, or no text fits
   */
  static ebnf(vocabulary: Vocabulary, grammar: string): Grammar {
    checkArgument("compile a grammar", "ebnf", grammar, required(TEXT));
    return Grammar.#compile(vocabulary, "ebnf", "a grammar in EBNF", () => ebnf(grammar));
  }

  /**
   * The texts that a regular expression, one of JavaScript with the flag `u`, matches from begin to end.
   *
   * @throws {ArgumentError} it is malformed, looks around or back, or no text fits
   */
  static regex(vocabulary: Vocabulary, pattern: string): Grammar {
    checkArgument("compile a grammar", "regex", pattern, required(TEXT));
    return Grammar.#compile(vocabulary, "regex", "a regular expression", () => ({
      name: "root",
      body: matched(pattern),
    }));
  }

  static #compile(
    vocabulary: Vocabulary,
    argument: string,
    what: string,
    texts: () => Rule,
  ): Grammar {
    checkVocabulary(vocabulary);
    try {
      return new Grammar(vocabulary, new TokenAutomaton(texts(), vocabulary));
    } catch (error) {
      const known = [RangeError, SchemaError, EbnfError, RegexError];
      if (!known.some((one) => error instanceof one)) throw error;
      throw new ArgumentError(argument, `Cannot compile ${what}: ${(error as Error).message}`);
    }
  }

  /** A matcher at the begin of a text. */
  matcher(): Matcher {
    return new Matcher(this.automaton, this.vocabulary);
  }
}

function parsed(schema: string): unknown {
  try {
    return JSON.parse(schema);
  } catch (error) {
    throw new ArgumentError(
      "jsonSchema",
      `Cannot compile a JSON schema: it is no JSON: ${(error as Error).message}`,
    );
  }
}
