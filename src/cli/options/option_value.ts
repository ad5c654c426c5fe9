/**
 * The texts of a command line as values of options.
 *
 * @module
 */
import { MAX_I32 } from "../../base/i32.ts";
import type { Option } from "./option.ts";
import { suggestion } from "../../base/nearest.ts";
import { UsageError } from "./usage_error.ts";
import { wordList } from "./word_list.ts";

/** An option that takes a value. */
export type Valued = Exclude<Option, { type: "boolean" }>;

/** Digits, with a sign, a fraction and an exponent if need be: neither `0x10` nor `Infinity`. */
const NUMBER = /^[-+]?(\d+(\.\d*)?|\.\d+)(e[-+]?\d+)?$/i;

/** The value of `option` given as `given`, one text for each time. A UsageError where it does not fit. */
export function valueOf(option: Valued, given: readonly string[]): unknown {
  const { name, value } = option;
  if (given.includes("")) {
    throw new UsageError(
      `Cannot use --${name}: its value is missing, expected --${name} ${value} ` +
        `(or --${name}=${value} where the value begins with a dash)`,
    );
  }
  if (option.type === "list") return given;
  const text = given[0];
  if (text === undefined) return "default" in option ? option.default : undefined;
  switch (option.type) {
    case "integers":
      return integers(name, text);
    case "pairs":
      return pairs(name, text);
    case "words":
      return text.split(",").map((word) => choice(name, word.trim(), option.choices));
    case "string":
      return option.choices === undefined ? text : choice(name, text, option.choices);
    default:
      return numberOf(option, text);
  }
}

function choice(name: string, text: string, choices: readonly string[]): string {
  if (choices.includes(text)) return text;
  throw new UsageError(
    `Cannot use --${name} ${text}: expected ${wordList(choices)}${suggestion(text, choices)}`,
  );
}

function numberOf(
  option: Extract<Option, { type: "number" | "integer" }>,
  text: string,
): number {
  const number = NUMBER.test(text) ? Number(text) : NaN;
  const { name, type, min = -Infinity, max = Infinity } = option;
  const whole = type === "integer";
  // What goes to the library as an integer of its own; an option that takes more says so.
  const [least, most] = whole ? [Math.max(min, -MAX_I32), option.max ?? MAX_I32] : [min, max];
  const fits = whole ? Number.isInteger(number) : Number.isFinite(number);
  if (fits && number >= least && number <= most) return number;
  // The limits of native integers are news only to whoever goes beyond them.
  const from = option.min !== undefined || number < least ? ` from ${least}` : "";
  const to = option.max !== undefined || number > most ? ` to ${most}` : "";
  const kind = whole ? "a whole number" : "a number";
  throw new UsageError(`Cannot use --${name} ${text}: expected ${kind}${from}${to}`);
}

function pairs(name: string, text: string): Record<number, number> {
  const found: Record<number, number> = {};
  for (const part of text.split(",")) {
    const refuse = (found: string, expected: string): never => {
      throw new UsageError(
        `Cannot use --${name} ${text}: "${part}" ${found}, expected ${expected}`,
      );
    };
    const [, id, value] = /^\s*(\d+)\s*=\s*(\S+)\s*$/.exec(part) ?? [];
    const [key, number] = [Number(id), NUMBER.test(value) ? Number(value) : NaN];
    if (!Number.isFinite(number)) {
      refuse("is in it", "whole numbers with a number for each, as 5=-1.5, and commas between");
    }
    if (key > MAX_I32) refuse("is in it", `whole numbers of at most ${MAX_I32}`);
    if (Object.hasOwn(found, key)) refuse("is in it", `one number for ${key}`);
    found[key] = number;
  }
  return found;
}

function integers(name: string, text: string): number[] {
  return text.split(",").map((part) => {
    const number = /^\s*\d+\s*$/.test(part) ? Number(part) : NaN;
    if (number <= MAX_I32) return number;
    if (number > MAX_I32) {
      throw new UsageError(
        `Cannot use --${name} ${text}: ${part} is in it, expected at most ${MAX_I32}`,
      );
    }
    throw new UsageError(
      `Cannot use --${name} ${text}: "${part}" is in it, expected whole numbers with commas between`,
    );
  });
}
