/**
 * The operators `+ - * / // % **` and signs.
 *
 * @module
 */

import { grow, spend } from "./budget.ts";
import { floatOf } from "./conversions.ts";
import { fail } from "./errors.ts";
import { escape } from "./markup.ts";
import { percentFormat } from "./percent.ts";
import {
  intOf,
  isInt,
  isNumber,
  isText,
  Markup,
  textOf,
  Tuple,
  typeName,
  Undefined,
  type Value,
} from "./value.ts";

/** The operators between two numbers. */
export type Operator = "+" | "-" | "*" | "/" | "//" | "%" | "**";

/** The most bits of an int. */
const MAX_BITS = 1 << 20;

const bits = (value: bigint): number => value.toString(16).length * 4;

function floorDivide(a: bigint, b: bigint): bigint {
  const quotient = a / b;
  return a % b !== 0n && (a < 0n) !== (b < 0n) ? quotient - 1n : quotient;
}

/** The quotient of two ints, rounded once. */
function trueDivide(a: bigint, b: bigint): number {
  if (bits(a) <= 52 && bits(b) <= 52) return Number(a) / Number(b);
  const negative = (a < 0n) !== (b < 0n);
  const [top, bottom] = [a < 0n ? -a : a, b < 0n ? -b : b];
  // At least 66 bits of quotient, its last bit telling whether there is more.
  const shift = Math.max(0, 70 - bits(top) + bits(bottom));
  const scaled = top << BigInt(shift);
  const quotient = scaled / bottom | (scaled % bottom === 0n ? 0n : 1n);
  if (shift > 1000) fail("Unsupported", "a quotient as small as this");
  const result = Number(quotient) / 2 ** shift;
  if (!Number.isFinite(result)) fail("OverflowError", "a quotient is too large for a float");
  return negative ? -result : result;
}

function floatModulo(a: number, b: number): number {
  const rest = a % b;
  if (rest === 0) return b < 0 ? -0 : 0;
  return (rest < 0) !== (b < 0) ? rest + b : rest;
}

function floatFloor(a: number, b: number): number {
  let rest = a % b;
  let quotient = (a - rest) / b;
  if (rest !== 0 && (rest < 0) !== (b < 0)) {
    rest += b;
    quotient -= 1;
  }
  if (quotient === 0) return a / b < 0 || Object.is(a / b, -0) ? -0 : 0;
  const floor = Math.floor(quotient);
  return quotient - floor > 0.5 ? floor + 1 : floor;
}

function power(a: bigint, b: bigint): bigint {
  // A power that is a float is rounded by C's library, which JavaScript's does not follow to the last digit.
  if (b < 0n) fail("Unsupported", "a negative power");
  const size = a === 0n || a === 1n || a === -1n ? 1 : bits(a) * Number(b);
  if (size > MAX_BITS) fail("Limit", `an int of ${size} bits, expected at most ${MAX_BITS}`);
  return a ** b;
}

function ints(operator: Operator, a: bigint, b: bigint): Value {
  if (b === 0n && ["/", "//", "%"].includes(operator)) {
    fail("ZeroDivisionError", "division by zero");
  }
  switch (operator) {
    case "+":
      return a + b;
    case "-":
      return a - b;
    case "*":
      if (bits(a) + bits(b) > MAX_BITS) fail("Limit", `an int of more than ${MAX_BITS} bits`);
      spend(bits(a) * bits(b) / 64);
      return a * b;
    case "/":
      return trueDivide(a, b);
    case "//":
      return floorDivide(a, b);
    case "%":
      return a - floorDivide(a, b) * b;
    case "**":
      return power(a, b);
  }
}

function floats(operator: Operator, a: number, b: number): Value {
  if (b === 0 && ["/", "//", "%"].includes(operator)) fail("ZeroDivisionError", "division by zero");
  switch (operator) {
    case "+":
      return a + b;
    case "-":
      return a - b;
    case "*":
      return a * b;
    case "/":
      return a / b;
    case "//":
      return floatFloor(a, b);
    case "%":
      return floatModulo(a, b);
    case "**":
      return fail("Unsupported", "powers of floats");
  }
}

/** A text, list or tuple some times over; `undefined` for other values. */
function repeated(value: Value, times: bigint): Value | undefined {
  const repeat = (length: number): number => {
    const count = times > 0n ? Number(times) : 0;
    grow(length * count);
    return count;
  };
  if (typeof value === "string") return value.repeat(repeat(value.length));
  if (value instanceof Markup) return new Markup(value.text.repeat(repeat(value.text.length)));
  const list = Array.isArray(value) ? value : value instanceof Tuple ? value.items : undefined;
  if (list === undefined) return undefined;
  const items = Array.from({ length: repeat(list.length) }, () => list).flat() as Value[];
  return value instanceof Tuple ? new Tuple(items) : items;
}

/** Two texts, lists or tuples as one; `undefined` for other values. */
function joined(a: Value, b: Value): Value | undefined {
  if (isText(a) && isText(b)) {
    const escaped = a instanceof Markup || b instanceof Markup;
    const [left, right] = escaped ? [escape(a).text, escape(b).text] : [textOf(a), textOf(b)];
    grow(left.length + right.length);
    return escaped ? new Markup(left + right) : left + right;
  }
  if (Array.isArray(a) && Array.isArray(b)) {
    grow(a.length + b.length);
    return [...a, ...b];
  }
  return a instanceof Tuple && b instanceof Tuple ? new Tuple([...a.items, ...b.items]) : undefined;
}

/** What an operator between two values gives. */
export function operate(operator: Operator, a: Value, b: Value): Value {
  spend();
  if (isInt(a) && isInt(b)) return ints(operator, intOf(a), intOf(b));
  if (isNumber(a) && isNumber(b)) return floats(operator, floatOf(a), floatOf(b));
  if (operator === "%" && isText(a)) return percentFormat(a, b);
  let result: Value | undefined;
  if (operator === "+") result = joined(a, b);
  if (operator === "*") {
    result = isInt(b) ? repeated(a, intOf(b)) : isInt(a) ? repeated(b, intOf(a)) : undefined;
  }
  if (result !== undefined) return result;
  for (const value of [a, b]) if (value instanceof Undefined) value.fail();
  fail("TypeError", `"${operator}" does not go with a ${typeName(a)} and a ${typeName(b)}`);
}

/** A value with a sign. */
export function signed(sign: "+" | "-", value: Value): Value {
  if (value instanceof Undefined) value.fail();
  if (!isNumber(value)) fail("TypeError", `"${sign}" does not go with a ${typeName(value)}`);
  if (isInt(value)) return sign === "-" ? -intOf(value) : intOf(value);
  return sign === "-" ? -value : value;
}
