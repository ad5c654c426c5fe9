/**
 * Constrained text: grammars from JSON schemas, EBNF and regular expressions, and the tokens that they allow.
 *
 * @module
 */

export { Grammar } from "./grammar.ts";
export type { Matcher } from "./matcher.ts";
export { compileGrammar, type GrammarOption } from "./options.ts";
export { TreeMasks } from "./tree_masks.ts";
export type { Vocabulary } from "./vocabulary.ts";
