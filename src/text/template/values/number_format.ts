/**
 * Numbers in the forms that C's `printf` and Python's `format` share: `d x o b`, `f e g`.
 *
 * @module
 */

import { exponential, fixed, significant } from "./decimal.ts";

/** The digits of an int of at least 0 in a form, e.g. `ff`; with `mark` as `0xff`. */
export function intDigits(value: bigint, form: string, mark: boolean): string {
  const base = { b: 2, o: 8, x: 16, X: 16 }[form] ?? 10;
  const digits = value.toString(base);
  const text = mark && base !== 10 ? `0${form}${digits}` : digits;
  return form === "X" ? text.toUpperCase() : text;
}

/** A form in which a float is written. */
export interface FloatForm {
  /** `f`, `e` or `g`, or the capital. */
  readonly form: string;
  /** Digits after the point, or with `g` significant ones. */
  readonly precision: number;
  /** Whether the point, and with `g` zeros at the end, are always written. */
  readonly full?: boolean;
  /** With `g`, whether something follows the point as in `1.0`. */
  readonly pointed?: boolean;
}

/** The digits of a float of at least 0 in a form, e.g. `1.50e+03`. */
export function floatDigits(value: number, options: FloatForm): string {
  const capital = options.form !== options.form.toLowerCase();
  const text = lowerDigits(value, options);
  return capital ? text.toUpperCase() : text;
}

function lowerDigits(
  value: number,
  { form, precision, full = false, pointed = false }: FloatForm,
): string {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? "nan" : "inf";
  const kind = form.toLowerCase();
  const point = full && precision === 0 ? "." : "";
  if (kind === "f") return fixed(value, precision) + point;
  if (kind === "e") {
    const [digits, exponent] = significant(value, precision);
    return exponential(digits, exponent).replace("e", `${point}e`);
  }
  const places = Math.max(precision, 1);
  const [digits, exponent] = significant(value, places - 1);
  const trim = (text: string) => full || !text.includes(".") ? text : text.replace(/\.?0+$/, "");
  if (exponent < -4 || exponent >= places - (pointed ? 1 : 0)) {
    const [mantissa, power] = exponential(digits, exponent).split("e");
    return `${trim(mantissa)}${full && places === 1 ? "." : ""}e${power}`;
  }
  const plain = exponent < 0
    ? `0.${"0".repeat(-exponent - 1)}${digits}`
    : `${digits.slice(0, exponent + 1)}.${digits.slice(exponent + 1)}`;
  const text = trim(plain);
  if (full) return text;
  const whole = text.endsWith(".") ? text.slice(0, -1) : text;
  return pointed && !whole.includes(".") ? `${whole}.0` : whole;
}
