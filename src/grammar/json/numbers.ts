/**
 * Numbers as JSON writes them, within bounds. What is written is what a reader of 64-bit floats finds: whole numbers
 * that such a float holds, and no number that rounds to one out of bounds.
 *
 * @module
 */
import type { CodePoints } from "../language/code_points.ts";
import { automaton, combination, multiples } from "../language/automaton.ts";
import {
  character,
  choice,
  EMPTY,
  type Expression,
  literal,
  NEVER,
  optional,
  repeat,
  sequence,
} from "../language/expression.ts";

/** Bounds of numbers. */
export interface NumberRange {
  /** The least number. */
  readonly min: number;
  /** The greatest number. */
  readonly max: number;
  /** Whether `min` itself is too small. */
  readonly above: boolean;
  /** Whether `max` itself is too great. */
  readonly below: boolean;
}

/** Digits behind the point. */
const MOST_DECIMALS = 20;
/** Digits before the point of a number without bounds. */
const MOST_DIGITS = 15;

const DIGIT: CodePoints = [[0x30, 0x39]];

function digits(first: number, last: number): Expression {
  return first > last ? NEVER : character([[0x30 + first, 0x30 + last]]);
}

function anyDigits(min: number, max: number): Expression {
  return repeat(character(DIGIT), min, max);
}

/** Whole numbers of up to 15 digits, without bounds. */
const ANY_INTEGER = sequence(
  optional(literal("-")),
  choice(literal("0"), sequence(digits(1, 9), anyDigits(0, MOST_DIGITS - 1))),
);

/** Numbers of up to 15 digits before the point, 20 behind it, and 2 of an exponent, without bounds. */
export const ANY_NUMBER: Expression = sequence(
  ANY_INTEGER,
  optional(sequence(literal("."), anyDigits(1, MOST_DECIMALS))),
  optional(sequence(
    character([[0x45, 0x45], [0x65, 0x65]]),
    optional(character([[0x2b, 0x2b], [0x2d, 0x2d]])),
    anyDigits(1, 2),
  )),
);

/** The whole numbers of a range of which all `divisors` are divisors. */
export function integers(range: NumberRange, divisors: readonly number[]): Expression {
  const { min, max, above, below } = range;
  let whole: Expression;
  if (min === -Infinity && max === Infinity) {
    whole = ANY_INTEGER;
  } else {
    const most = Number.MAX_SAFE_INTEGER;
    const low = Math.max(above && Number.isInteger(min) ? min + 1 : Math.ceil(min), -most);
    const high = Math.min(below && Number.isInteger(max) ? max - 1 : Math.floor(max), most);
    whole = choice(
      sequence(literal("-"), wholeFrom(Math.max(1, -high), -low)),
      wholeFrom(Math.max(0, low), high),
    );
  }
  if (divisors.length === 0) return whole;
  return combination(
    [automaton(whole), ...divisors.map(multiples)],
    (taken) => !taken.includes(false),
  );
}

/** The numbers of a range. With a bound, they have no exponent. */
export function decimals(range: NumberRange): Expression {
  const { min, max } = range;
  if (min === -Infinity && max === Infinity) return ANY_NUMBER;
  const [low, high] = [closed(min, range.above, 1), closed(max, range.below, -1)];
  return choice(
    sequence(literal("-"), magnitudes(negated(high), negated(low))),
    magnitudes(low, high),
  );
}

/** A bound: `strict` where the number itself is beyond it. */
interface Bound {
  readonly value: number;
  readonly strict: boolean;
}

/**
 * A bound that the number itself is in. A decimal that is within it stays so when it is rounded to a float; one that
 * is only not the bound might round to it.
 */
function closed(value: number, strict: boolean, direction: 1 | -1): Bound {
  if (!strict || !Number.isFinite(value)) return { value, strict: false };
  // The next float is too small to be written: every decimal but 0 itself will do.
  return value === 0 ? { value, strict } : { value: beside(value, direction), strict: false };
}

function negated({ value, strict }: Bound): Bound {
  return { value: -value, strict };
}

/** The next float above or below one that is not 0. */
function beside(value: number, direction: 1 | -1): number {
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, value);
  view.setBigInt64(0, view.getBigInt64(0) + (value > 0 === direction > 0 ? 1n : -1n));
  return view.getFloat64(0);
}

/** The numbers without a sign from `low`, or from 0, to `high`. */
function magnitudes(low: Bound, high: Bound): Expression {
  if (high.value < 0 || (high.value === 0 && high.strict)) return NEVER;
  const from = low.value < 0 ? { value: 0, strict: false } : low;
  if (from.value > high.value) return NEVER;
  const [lowWhole, lowPart] = written(from.value, true);
  const most = high.value >= 1e15 ? 10n ** 15n - 1n : undefined;
  const [highWhole, highPart] = most === undefined ? written(high.value, false) : [most, ""];
  if (lowWhole > highWhole) return NEVER;
  const options: Expression[] = [];
  if (lowWhole === highWhole) {
    const part = most === undefined
      ? between(lowPart, from.strict, highPart)
      : atLeast(lowPart, from.strict);
    options.push(sequence(literal(`${lowWhole}`), part));
  } else {
    options.push(sequence(literal(`${lowWhole}`), atLeast(lowPart, from.strict)));
    options.push(sequence(wholeFrom(lowWhole + 1n, highWhole - 1n), anyPart()));
    const part = most === undefined ? atMost(highPart) : anyPart();
    options.push(sequence(literal(`${highWhole}`), part));
  }
  return choice(...options);
}

/** A number's digits before and behind the point, rounded up or down to those that can be written. */
function written(value: number, up: boolean): [whole: bigint, part: string] {
  const [mantissa, exponent] = value.toExponential().split("e");
  const shown = mantissa.replace(".", "");
  const point = Number(exponent) + 1;
  const whole = point <= 0 ? "0" : shown.slice(0, point).padEnd(point, "0");
  const part = point <= 0 ? "0".repeat(-point) + shown : shown.slice(point);
  if (part.length <= MOST_DECIMALS) return [BigInt(whole), part.replace(/0+$/, "")];
  const cut = BigInt(whole + part.slice(0, MOST_DECIMALS)) + (up ? 1n : 0n);
  const scale = 10n ** BigInt(MOST_DECIMALS);
  return [cut / scale, `${cut % scale}`.padStart(MOST_DECIMALS, "0").replace(/0+$/, "")];
}

function anyPart(): Expression {
  return optional(sequence(literal("."), anyDigits(1, MOST_DECIMALS)));
}

/** A point and digits that are no less than `part`, or more than it where that is `strict`. */
function atLeast(part: string, strict: boolean): Expression {
  const pointed = sequence(literal("."), digitsFrom(part, strict, MOST_DECIMALS));
  return part === "" && !strict ? optional(pointed) : pointed;
}

/** Up to `left` digits, one at least, that are no less than `part`. */
function digitsFrom(part: string, strict: boolean, left: number): Expression {
  if (left === 0) return NEVER;
  if (part === "") {
    return strict
      ? sequence(repeat(digits(0, 0), 0, left - 1), digits(1, 9), anyDigits(0, left - 1))
      : anyDigits(1, left);
  }
  const digit = Number(part[0]);
  const rest = part.slice(1);
  const same = rest === "" && !strict ? anyDigits(0, left - 1) : digitsFrom(rest, strict, left - 1);
  return choice(
    sequence(digits(digit + 1, 9), anyDigits(0, left - 1)),
    sequence(digits(digit, digit), same),
  );
}

/** A point and digits that are no more than `part`, or neither. */
function atMost(part: string): Expression {
  return optional(sequence(literal("."), digitsTo(part, MOST_DECIMALS)));
}

/** Up to `left` digits, one at least, that are no more than `part`. */
function digitsTo(part: string, left: number): Expression {
  if (left === 0) return NEVER;
  if (part === "") return repeat(digits(0, 0), 1, left);
  const digit = Number(part[0]);
  return choice(
    sequence(digits(0, digit - 1), anyDigits(0, left - 1)),
    sequence(digits(digit, digit), optional(digitsTo(part.slice(1), left - 1))),
  );
}

/** A point and digits from `low` to `high`, where the digits before the point are the same. */
function between(low: string, strict: boolean, high: string): Expression {
  if (low === "" && !strict) return atMost(high);
  return combination(
    [automaton(atLeast(low, strict)), automaton(atMost(high))],
    ([a, b]) => a && b,
  );
}

/** The whole numbers from `low` to `high` without a sign, neither below 0. */
function wholeFrom(low: number | bigint, high: number | bigint): Expression {
  const [first, last] = [BigInt(low), BigInt(high)];
  if (first > last) return NEVER;
  const options: Expression[] = [];
  for (let length = `${first}`.length; length <= `${last}`.length; length++) {
    const least = length === 1 ? 0n : 10n ** BigInt(length - 1);
    const most = 10n ** BigInt(length) - 1n;
    options.push(sameLength(`${first > least ? first : least}`, `${last < most ? last : most}`));
  }
  return choice(...options);
}

/** The numbers from `low` to `high`, which have equally many digits. */
function sameLength(low: string, high: string): Expression {
  if (low === "") return EMPTY;
  const [first, last] = [Number(low[0]), Number(high[0])];
  const [rest, more] = [low.slice(1), high.slice(1)];
  if (first === last) return sequence(digits(first, first), sameLength(rest, more));
  const [zeros, nines] = [rest.replace(/./g, "0"), rest.replace(/./g, "9")];
  if (rest === zeros && more === nines) {
    return sequence(digits(first, last), anyDigits(rest.length, rest.length));
  }
  return choice(
    sequence(digits(first, first), sameLength(rest, nines)),
    sequence(digits(first + 1, last - 1), anyDigits(rest.length, rest.length)),
    sequence(digits(last, last), sameLength(zeros, more)),
  );
}
