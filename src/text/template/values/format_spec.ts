/**
 * What follows the colon in `"{:>8.2f}".format(x)`.
 *
 * @module
 */

import { floatOf } from "./conversions.ts";
import { grow } from "./budget.ts";
import { pointCount, points } from "./characters.ts";
import { floatText } from "./decimal.ts";
import { fail } from "./errors.ts";
import { floatDigits, intDigits } from "./number_format.ts";
import { intText, str } from "./repr.ts";
import { intOf, isInt, isText, textOf, typeName, type Value } from "./value.ts";

const SPEC = /^(?:([^])?([<>=^]))?([-+ ])?(z)?(#)?(0)?(\d+)?([,_])?(?:\.(\d+))?([^])?$/u;

interface Spec {
  readonly fill: string;
  readonly align: string | undefined;
  readonly sign: string;
  readonly mark: boolean;
  readonly width: number;
  readonly group: string | undefined;
  readonly precision: number | undefined;
  readonly form: string;
  readonly zeros: boolean;
}

function parse(text: string): Spec {
  const match = SPEC.exec(text);
  if (match === null) fail("ValueError", `"${text}" is no format`);
  const [, fill, align, sign = "", zero, mark, zeros, width, group, precision, form = ""] = match;
  if (zero) fail("Unsupported", `the format "${text}": its "z"`);
  const wide = Number(width ?? 0);
  grow(wide);
  return {
    fill: fill ?? (zeros && !align ? "0" : " "),
    align: align ?? (zeros ? "=" : undefined),
    sign,
    mark: mark !== undefined,
    width: wide,
    group,
    precision: precision === undefined ? undefined : Number(precision),
    form,
    zeros: zeros !== undefined,
  };
}

function padded(text: string, { fill, width }: Spec, align: string): string {
  const missing = Math.max(0, width - pointCount(text));
  const left = align === "<" ? 0 : align === "^" ? missing >> 1 : missing;
  return fill.repeat(left) + text + fill.repeat(missing - left);
}

function grouped(digits: string, spec: Spec): string {
  const size = "box".includes(spec.form.toLowerCase() || "d") ? 4 : 3;
  const pattern = new RegExp(`(?<=.)(?=(?:.{${size}})+$)`, "g");
  return spec.group === undefined ? digits : digits.replace(pattern, spec.group);
}

/** Sign, mark, digits in groups and what follows them, filled to the width. */
function number(spec: Spec, negative: boolean, mark: string, digits: string, tail: string): string {
  const sign = negative ? "-" : spec.sign === "-" ? "" : spec.sign;
  const lead = sign + mark;
  if (spec.align !== "=") {
    return padded(lead + grouped(digits, spec) + tail, spec, spec.align ?? ">");
  }
  const room = spec.width - lead.length - tail.length;
  let body = grouped(digits, spec);
  // Zeros are digits too, and come in groups.
  if (spec.fill === "0" && spec.group !== undefined) {
    while (body.length < room) body = grouped(digits = `0${digits}`, spec);
  }
  return lead + spec.fill.repeat(Math.max(0, room - pointCount(body))) + body + tail;
}

function formatInt(value: bigint, text: string, spec: Spec): string {
  if (spec.precision !== undefined) fail("ValueError", `"${text}": an int has no precision`);
  const size = value < 0n ? -value : value;
  if (spec.form === "c") {
    if (spec.sign || spec.mark) fail("ValueError", `"${text}": a character has no sign`);
    if (size > 0x10ffffn || value < 0n) fail("OverflowError", "no character has such a number");
    return padded(String.fromCodePoint(Number(size)), spec, spec.align ?? "<");
  }
  if (spec.group === "," && !["", "d"].includes(spec.form)) {
    fail("ValueError", `"${text}": "," goes with "d" only`);
  }
  if (spec.group && spec.form === "n") fail("ValueError", `"${text}": no groups with "n"`);
  const decimal = ["", "d", "n"].includes(spec.form);
  const mark = spec.mark && !decimal ? `0${spec.form}` : "";
  return number(
    spec,
    value < 0n,
    mark,
    decimal ? intText(size) : intDigits(size, spec.form, false),
    "",
  );
}

function formatFloat(value: number, text: string, spec: Spec): string {
  if (spec.group && spec.form === "n") fail("ValueError", `"${text}": no groups with "n"`);
  const negative = value < 0 || Object.is(value, -0);
  const size = Math.abs(value);
  const { precision, mark: full } = spec;
  let digits: string;
  if (spec.form === "" && precision === undefined) {
    digits = floatText(size);
    if (full) fail("Unsupported", `the format "${text}": its "#"`);
  } else if (spec.form === "%") {
    digits = floatDigits(size * 100, { form: "f", precision: precision ?? 6, full }) + "%";
  } else {
    const form = spec.form === "" || spec.form === "n" ? "g" : spec.form;
    digits = floatDigits(size, {
      form,
      precision: precision ?? 6,
      full,
      pointed: spec.form === "",
    });
  }
  const whole = /^\d*/.exec(digits)![0];
  return number(spec, negative, "", whole, digits.slice(whole.length));
}

/** A value in the format `text`: `format(value, text)`. */
export function formatValue(value: Value, text: string): string {
  if (text === "") return str(value);
  const isNumeric = isInt(value) || typeof value === "number";
  if (!isNumeric && !isText(value)) {
    fail("TypeError", `a ${typeName(value)} cannot be formatted as "${text}"`);
  }
  const spec = parse(text);
  if (isInt(value) && ["", "b", "c", "d", "n", "o", "x", "X"].includes(spec.form)) {
    return formatInt(intOf(value), text, spec);
  }
  if (isNumeric && ["", "e", "E", "f", "F", "g", "G", "n", "%"].includes(spec.form)) {
    return formatFloat(floatOf(value), text, spec);
  }
  if (isText(value) && ["", "s"].includes(spec.form)) {
    if (spec.sign || spec.mark || spec.group || (spec.align === "=" && !spec.zeros)) {
      fail("ValueError", `"${text}" is no format of a str`);
    }
    const shown = points(textOf(value)).slice(0, spec.precision).join("");
    return padded(shown, spec, spec.align === "=" ? "<" : spec.align ?? "<");
  }
  return fail("ValueError", `a ${typeName(value)} has no format "${text}"`);
}
