/**
 * The tests: `value is ...`.
 *
 * @module
 */

import { operate } from "../values/arithmetic.ts";
import { isCase } from "../values/cases.ts";
import { before, contains, equals } from "../values/compare.ts";
import { Dict, View } from "../values/dict.ts";
import { fail } from "../values/errors.ts";
import { filter, type Filters } from "./filter.ts";
import { iteratorOf, lengthOf, Sized } from "../values/iterate.ts";
import { str } from "../values/repr.ts";
import {
  isCallable,
  isNumber,
  isText,
  Markup,
  typeName,
  Undefined,
  type Value,
} from "../values/value.ts";

const of = (name: string, test: (value: Value) => boolean) =>
  filter(name, "value", (bound) => test(bound.get("value")));

/** Tests of two values that are operators, each under several names. */
const compared = (names: string, test: (a: Value, b: Value) => boolean): Filters =>
  names.split(" ").map((name) =>
    filter(name, "a b /", (bound) => test(bound.get("a"), bound.get("b")))
  );

const rest = (value: Value, by: Value): Value => operate("%", value, by);

/** Whether two values are one and the same. */
function identical(a: Value, b: Value): boolean {
  if (typeName(a) !== typeName(b) || !equals(a, b)) return false;
  const simple = a === null || typeof a === "boolean" || a instanceof Undefined;
  const small = typeof a === "bigint" && a >= -5n && a <= 256n;
  if (simple || small) return !(a instanceof Undefined) || a === b;
  if (isText(a) || isNumber(a)) {
    fail(
      "Unsupported",
      `sameas of a ${typeName(a)}: whether Python keeps one or two of it is not defined`,
    );
  }
  return a === b;
}

/** The tests, but for those of filters and tests themselves. */
export const VALUE_TESTS: Filters = [
  of("odd", (value) => equals(rest(value, 2n), 1n)),
  of("even", (value) => equals(rest(value, 2n), 0n)),
  filter(
    "divisibleby",
    "value num",
    (bound) => equals(rest(bound.get("value"), bound.get("num")), 0n),
  ),
  of("defined", (value) => !(value instanceof Undefined)),
  of("undefined", (value) => value instanceof Undefined),
  of("none", (value) => value === null),
  of("boolean", (value) => typeof value === "boolean"),
  of("false", (value) => value === false),
  of("true", (value) => value === true),
  of("integer", (value) => typeof value === "bigint"),
  of("float", (value) => typeof value === "number"),
  of("number", isNumber),
  of("string", isText),
  of("mapping", (value) => value instanceof Dict),
  of(
    "sequence",
    (value) =>
      lengthOf(value) !== undefined && !(value instanceof View) && !(value instanceof Sized),
  ),
  of("iterable", (value) => iteratorOf(value) !== undefined),
  of("callable", isCallable),
  of("lower", (value) => isCase(str(value), "lower")),
  of("upper", (value) => isCase(str(value), "upper")),
  of("escaped", (value) => value instanceof Markup),
  filter("in", "value seq", (bound) => contains(bound.get("seq"), bound.get("value"))),
  filter("sameas", "value other", (bound) => identical(bound.get("value"), bound.get("other"))),
  ...compared("== eq equalto", equals),
  ...compared("!= ne", (a, b) => !equals(a, b)),
  ...compared("> gt greaterthan", (a, b) => before(b, a)),
  ...compared(">= ge", (a, b) => before(b, a, true)),
  ...compared("< lt lessthan", (a, b) => before(a, b)),
  ...compared("<= le", (a, b) => before(a, b, true)),
];
