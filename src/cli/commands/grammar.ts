/**
 * Options of what a text follows: a schema, a grammar or a pattern, from files and the command line.
 *
 * @module
 */
import { ArgumentError } from "../../base/errors.ts";
import { compileGrammar, type GrammarOption, type Vocabulary } from "../../grammar/mod.ts";
import type { StringOption, Values } from "../options/option.ts";
import { readTextFile } from "./input.ts";

const JSON_SCHEMA = {
  name: "json-schema",
  type: "string",
  value: "FILE",
  summary: "The text is JSON that is valid by the schema in this file",
} as const satisfies StringOption;

const GRAMMAR = {
  name: "grammar",
  type: "string",
  value: "FILE",
  summary: "The text is one of the grammar in this file, in EBNF with a rule root",
} as const satisfies StringOption;

const REGEX = {
  name: "regex",
  type: "string",
  value: "PATTERN",
  summary: "The text matches this regular expression as a whole",
} as const satisfies StringOption;

/** What a text follows; at most one is given. */
export const GRAMMAR_OPTIONS = [JSON_SCHEMA, GRAMMAR, REGEX] as const;

/** Their names, which exclude one another. */
export const GRAMMAR_NAMES: readonly string[] = GRAMMAR_OPTIONS.map(({ name }) => name);

/** Every byte as a token: what cannot be compiled for it can be for no model. */
const BYTES: Vocabulary = {
  size: 256,
  tokens: Array.from({ length: 256 }, (_, byte) => Uint8Array.of(byte)),
  stopTokens: [],
};

/**
 * The grammar that `values` give, if any; it is read, and checked as far as it can be without a model. Throws a
 * `SpecMQuantError` with code `"file"` for a file that cannot be read, an `ArgumentError` that names the option and the
 * file for what cannot be compiled.
 */
export function grammarOption(
  values: Partial<Values<typeof GRAMMAR_OPTIONS>>,
): GrammarOption | undefined {
  const { "json-schema": schema, grammar, regex } = values;
  if (schema !== undefined) {
    return checked("jsonSchema", schema, { jsonSchema: readTextFile(schema) });
  }
  if (grammar !== undefined) return checked("grammar", grammar, { ebnf: readTextFile(grammar) });
  return regex === undefined ? undefined : checked("regex", regex, { regex });
}

function checked(argument: string, given: string, option: GrammarOption): GrammarOption {
  try {
    compileGrammar(option, BYTES);
  } catch (error) {
    if (!(error instanceof ArgumentError)) throw error;
    throw new ArgumentError(argument, `Cannot use ${given}: ${error.message}`);
  }
  return option;
}

/** A grammar as `--json` prints it: the schema itself, or the text. */
export function grammarJson(option: GrammarOption | undefined): unknown {
  if (option === undefined) return null;
  if (!("jsonSchema" in option)) return option;
  const { jsonSchema } = option;
  return { json_schema: typeof jsonSchema === "string" ? JSON.parse(jsonSchema) : jsonSchema };
}
