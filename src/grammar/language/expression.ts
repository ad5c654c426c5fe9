/**
 * Grammars before they are compiled: rules, and the expressions that they stand for.
 *
 * @module
 */
import { charactersOf, type CodePoints } from "./code_points.ts";

/** A set of texts. */
export type Expression =
  | { readonly kind: "character"; readonly set: CodePoints }
  | { readonly kind: "sequence"; readonly parts: readonly Expression[] }
  | { readonly kind: "choice"; readonly options: readonly Expression[] }
  | {
    readonly kind: "repeat";
    readonly part: Expression;
    readonly min: number;
    readonly max: number;
  }
  | { readonly kind: "rule"; readonly rule: Rule };

/** An expression with a name. Rules may hold one another, and themselves. */
export interface Rule {
  /** What messages call it. */
  readonly name: string;
  /** The expression; set after the rules that it holds are known. */
  body: Expression;
  /** Whether it is a state of an automaton: it holds none but such, and each of them ends its text. */
  readonly isState?: boolean;
}

/** No text at all. */
export const NEVER: Expression = { kind: "choice", options: [] };

/** The empty text. */
export const EMPTY: Expression = { kind: "sequence", parts: [] };

/** One character of a set. */
export function character(set: CodePoints): Expression {
  return { kind: "character", set };
}

/** Exactly this text. */
export function literal(text: string): Expression {
  return sequence(...[...text].map((one) => character(charactersOf(one))));
}

/** One after the other. */
export function sequence(...parts: readonly Expression[]): Expression {
  return parts.length === 1 ? parts[0] : { kind: "sequence", parts };
}

/** One of them. */
export function choice(...options: readonly Expression[]): Expression {
  return options.length === 1 ? options[0] : { kind: "choice", options };
}

/** `min` to `max` times; `max` may be infinite. */
export function repeat(part: Expression, min: number, max: number): Expression {
  return { kind: "repeat", part, min, max };
}

/** It, or nothing. */
export function optional(part: Expression): Expression {
  return repeat(part, 0, 1);
}

/** A text of a rule. */
export function call(rule: Rule): Expression {
  return { kind: "rule", rule };
}

/** The expression with each set of characters in it replaced. */
export function mapCharacters(
  expression: Expression,
  map: (set: CodePoints) => Expression,
  done: Map<Rule, Rule> = new Map(),
): Expression {
  const again = (part: Expression) => mapCharacters(part, map, done);
  switch (expression.kind) {
    case "character":
      return map(expression.set);
    case "sequence":
      return { ...expression, parts: expression.parts.map(again) };
    case "choice":
      return { ...expression, options: expression.options.map(again) };
    case "repeat":
      return { ...expression, part: again(expression.part) };
    case "rule": {
      const { rule } = expression;
      let mapped = done.get(rule);
      if (mapped === undefined) {
        mapped = { ...rule, body: NEVER };
        done.set(rule, mapped);
        mapped.body = again(rule.body);
      }
      return call(mapped);
    }
  }
}
