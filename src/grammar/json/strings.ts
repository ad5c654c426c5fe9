/**
 * Texts as JSON writes them.
 *
 * @module
 */
import { ALL, type CodePoints, complement, holds, intersection } from "../language/code_points.ts";
import {
  character,
  choice,
  type Expression,
  literal,
  mapCharacters,
  repeat,
  sequence,
} from "../language/expression.ts";

const CONTROLS: CodePoints = [[0, 0x1f]];
const ESCAPED: CodePoints = [...CONTROLS, [0x22, 0x22], [0x5c, 0x5c]];
const PLAIN = complement(ESCAPED);

/** Sets of characters are few objects, so that a grammar can share what is made of them. */
const WRITTEN = new WeakMap<CodePoints, Expression>();

/**
 * The strings whose text is one of an expression. Each character has one spelling: as it is, or, where it must be
 * escaped, as `JSON.stringify` has it.
 */
export function quoted(text: Expression): Expression {
  return sequence(literal('"'), mapCharacters(text, written), literal('"'));
}

/** Any string of `min` to `max` characters. */
export function anyString(min: number, max: number): Expression {
  return quoted(repeat(character(ALL), min, max));
}

function written(set: CodePoints): Expression {
  let expression = WRITTEN.get(set);
  if (expression === undefined) {
    const options: Expression[] = [];
    const plain = intersection(set, PLAIN);
    if (plain.length > 0) options.push(character(plain));
    for (const [first, last] of ESCAPED) {
      for (let point = first; point <= last; point++) {
        if (!holds(set, point)) continue;
        options.push(literal(JSON.stringify(String.fromCodePoint(point)).slice(1, -1)));
      }
    }
    WRITTEN.set(set, expression = choice(...options));
  }
  return expression;
}
