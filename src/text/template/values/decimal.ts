/**
 * Floats as decimal text, exactly: the shortest that reads back, or rounded half to even as C does.
 *
 * @module
 */

import { fail } from "./errors.ts";

/** More digits than any text needs, and few enough to be quick. */
const MAX_DIGITS = 1100;

/** `x` times a power of ten as a fraction, for a finite `x` of at least 0. */
function fraction(x: number, power: number): [numerator: bigint, denominator: bigint] {
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, x);
  const bits = view.getBigUint64(0);
  const field = Number(bits >> 52n) & 0x7ff;
  const mantissa = (bits & 0xfffffffffffffn) | (field === 0 ? 0n : 1n << 52n);
  const exponent = Math.max(field, 1) - 1075;
  let numerator = exponent > 0 ? mantissa << BigInt(exponent) : mantissa;
  let denominator = exponent < 0 ? 1n << BigInt(-exponent) : 1n;
  if (power > 0) numerator *= 10n ** BigInt(power);
  else denominator *= 10n ** BigInt(-power);
  return [numerator, denominator];
}

/** `x` times a power of ten as a whole number, rounded half to even. */
function scaled(x: number, power: number): bigint {
  const [numerator, denominator] = fraction(x, power);
  const quotient = numerator / denominator;
  const twice = (numerator % denominator) * 2n;
  return twice > denominator || (twice === denominator && quotient % 2n === 1n)
    ? quotient + 1n
    : quotient;
}

function checkDigits(digits: number): void {
  if (digits > MAX_DIGITS) {
    fail("Limit", `a number with ${digits} digits, expected at most ${MAX_DIGITS}`);
  }
}

/** A finite number of at least 0 with `digits` digits after the point. */
export function fixed(x: number, digits: number): string {
  checkDigits(digits);
  const text = String(scaled(x, digits)).padStart(digits + 1, "0");
  return digits === 0 ? text : `${text.slice(0, -digits)}.${text.slice(-digits)}`;
}

/** The first `digits + 1` digits of a finite number of at least 0, and its power of ten. */
export function significant(x: number, digits: number): [digits: string, exponent: number] {
  checkDigits(digits);
  if (x === 0) return ["0".repeat(digits + 1), 0];
  let exponent = Number(x.toExponential().split("e")[1]);
  // The shortest digits may be those of the next power of ten, and so may the rounded ones.
  let text = String(scaled(x, digits - exponent));
  if (text.length <= digits) text = String(scaled(x, digits - --exponent));
  if (text.length > digits + 1) text = String(scaled(x, digits - ++exponent));
  return [text, exponent];
}

/** `digits` and a power of ten as C writes them: `1.5e+07`. */
export function exponential(digits: string, exponent: number): string {
  const tail = digits.length > 1 ? `.${digits.slice(1)}` : "";
  const size = String(Math.abs(exponent)).padStart(2, "0");
  return `${digits[0]}${tail}e${exponent < 0 ? "-" : "+"}${size}`;
}

/** A float rounded to a number of digits after the point, which may be negative. */
export function roundTo(x: number, digits: number): number {
  if (!Number.isFinite(x) || digits > 323) return x;
  const size = Math.abs(x);
  const rounded = digits < -308
    ? 0
    : Number(digits < 0 ? `${scaled(size, digits)}e${-digits}` : fixed(size, digits));
  return x < 0 || Object.is(x, -0) ? -rounded : rounded;
}

/** A float as `repr` writes it: the shortest text that reads back. */
export function floatText(x: number): string {
  if (Number.isNaN(x)) return "nan";
  if (!Number.isFinite(x)) return x < 0 ? "-inf" : "inf";
  const sign = x < 0 || Object.is(x, -0) ? "-" : "";
  const [mantissa, power] = Math.abs(x).toExponential().split("e");
  const digits = mantissa.replace(".", "");
  const exponent = Number(power);
  if (exponent < -4 || exponent >= 16) return sign + exponential(digits, exponent);
  if (exponent < 0) return `${sign}0.${"0".repeat(-exponent - 1)}${digits}`;
  const whole = digits.slice(0, exponent + 1).padEnd(exponent + 1, "0");
  return `${sign}${whole}.${digits.slice(exponent + 1) || "0"}`;
}
