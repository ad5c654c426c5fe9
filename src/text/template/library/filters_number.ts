/**
 * Filters of numbers.
 *
 * @module
 */

import { signed } from "../values/arithmetic.ts";
import { floatOf, truncate } from "../values/conversions.ts";
import { roundTo } from "../values/decimal.ts";
import { fail, isRaised } from "../values/errors.ts";
import { filter, type Filters } from "./filter.ts";
import { parseFloatText, parseInteger } from "../values/number_text.ts";
import { asInt, type Bound } from "../values/signature.ts";
import {
  intOf,
  isInt,
  isNumber,
  isText,
  textOf,
  typeName,
  Undefined,
  type Value,
} from "../values/value.ts";

/** Python's `float(value)`. */
export function toFloat(value: Value): number {
  if (value instanceof Undefined) value.fail();
  if (isNumber(value)) return floatOf(value);
  if (!isText(value)) fail("TypeError", `a ${typeName(value)} is no float`);
  return parseFloatText(textOf(value)) ?? fail("ValueError", "the text is no float");
}

/** Python's `int(value, base)`, the base for text only. */
function toInt(value: Value, base: number): bigint {
  if (value instanceof Undefined) value.fail();
  if (isInt(value)) return intOf(value);
  if (typeof value === "number") return truncate(value);
  if (!isText(value)) fail("TypeError", `a ${typeName(value)} is no int`);
  if (base !== 0 && (base < 2 || base > 36)) fail("ValueError", "a base is 0 or 2 to 36");
  return parseInteger(textOf(value), base) ?? fail("ValueError", "the text is no int");
}

function int(bound: Bound): Value {
  const value = bound.get("value");
  try {
    return toInt(value, isText(value) ? bound.int("base", 10) : 10);
  } catch (error) {
    if (!isRaised(error, "TypeError", "ValueError")) throw error;
  }
  try {
    // So that "42.7" is 42.
    return truncate(toFloat(value));
  } catch (error) {
    if (!isRaised(error, "TypeError", "ValueError", "OverflowError")) throw error;
    return bound.get("default", 0n);
  }
}

function float(bound: Bound): Value {
  try {
    return toFloat(bound.get("value"));
  } catch (error) {
    if (!isRaised(error, "TypeError", "ValueError")) throw error;
    return bound.get("default", 0);
  }
}

/** An int rounded half to even to a multiple of a power of ten. */
function roundInt(value: bigint, digits: number): bigint {
  if (digits >= 0) return value;
  if (digits < -4300) return 0n;
  const unit = 10n ** BigInt(-digits);
  const size = value < 0n ? -value : value;
  const rest = size % unit;
  const down = size - rest;
  const up = rest * 2n > unit || (rest * 2n === unit && (down / unit) % 2n === 1n);
  const rounded = up ? down + unit : down;
  return value < 0n ? -rounded : rounded;
}

function round(bound: Bound): Value {
  const method = bound.get("method", "common");
  const value = bound.get("value");
  if (!isText(method) || !["common", "ceil", "floor"].includes(textOf(method))) {
    fail("FilterArgumentError", "the method of round is common, ceil or floor");
  }
  if (value instanceof Undefined) value.fail();
  if (!isNumber(value)) fail("TypeError", `a ${typeName(value)} cannot be rounded`);
  const precision = bound.get("precision", 0n);
  if (textOf(method) === "common") {
    if (precision === null) return isInt(value) ? intOf(value) : roundHalf(value);
    const digits = asInt(precision, "precision");
    if (isInt(value)) return roundInt(intOf(value), digits);
    const rounded = roundTo(value, digits);
    if (!Number.isFinite(rounded) && Number.isFinite(value)) {
      fail("OverflowError", "the rounded number is too large");
    }
    return rounded;
  }
  const digits = asInt(precision, "precision");
  if (digits < 0 || digits > 22) {
    fail("Unsupported", `round to ${digits} digits by ${textOf(method)}`);
  }
  const unit = 10 ** digits;
  const scaled = floatOf(value) * unit;
  const whole = truncate(textOf(method) === "ceil" ? Math.ceil(scaled) : Math.floor(scaled));
  return Number(whole) / unit;
}

function roundHalf(value: number): bigint {
  return truncate(roundTo(value, 0));
}

/** The filters of numbers. */
export const NUMBER_FILTERS: Filters = [
  filter("abs", "x /", (bound) => {
    const value = bound.get("x");
    if (value instanceof Undefined) value.fail();
    if (!isNumber(value)) fail("TypeError", `a ${typeName(value)} has no size`);
    if (isInt(value)) return intOf(value) < 0n ? signed("-", value) : intOf(value);
    return Math.abs(value);
  }),
  filter("int", "value default? base?", int),
  filter("float", "value default?", float),
  filter("round", "value precision? method?", round),
];
