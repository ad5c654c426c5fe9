/**
 * Space between the signs of JSON.
 *
 * @module
 */
import {
  call,
  character,
  choice,
  type Expression,
  literal,
  optional,
  repeat,
  sequence,
} from "../language/expression.ts";

/** Characters of indentation: an end, so that a model cannot go on with space for good. */
const MOST_INDENTATION = 32;

/** No space, one, or a new line with its indentation. */
export const SPACE: Expression = call({
  name: "space",
  body: optional(choice(
    literal(" "),
    sequence(literal("\n"), repeat(character([[0x09, 0x09], [0x20, 0x20]]), 0, MOST_INDENTATION)),
  )),
});

/** What is between two entries. */
export const COMMA: Expression = sequence(literal(","), SPACE);
