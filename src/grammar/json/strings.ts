/**
 * Texts as JSON writes them.
 *
 * @module
 */
import {
  ALL,
  charactersOf,
  type CodePoints,
  complement,
  intersection,
} from "../language/code_points.ts";
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
    const escapes = intersection(set, ESCAPED).flatMap(([first, last]) =>
      Array.from({ length: last - first + 1 }, (_, i) => escape(first + i))
    );
    if (escapes.length > 0) options.push(prefixed(escapes));
    WRITTEN.set(set, expression = choice(...options));
  }
  return expression;
}

function escape(point: number): string {
  return JSON.stringify(String.fromCodePoint(point)).slice(1, -1);
}

/** One of some texts, with what they have in common once: strings of a length repeat this many times. */
function prefixed(texts: readonly string[]): Expression {
  if (texts.every((text) => text.length === 1)) return character(charactersOf(texts.join("")));
  const byFirst = Map.groupBy(texts, (text) => text[0]);
  const ends = [...byFirst].filter(([, [text]]) => text.length === 1).map(([first]) => first);
  const options = [...byFirst].filter(([, [text]]) => text.length > 1).map(([first, group]) =>
    sequence(literal(first), prefixed(group.map((text) => text.slice(1))))
  );
  if (ends.length > 0) options.push(character(charactersOf(ends.join(""))));
  return choice(...options);
}
