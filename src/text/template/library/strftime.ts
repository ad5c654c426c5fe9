/**
 * Dates as C's `strftime` writes them in the C locale, of GNU's C library as Python on Linux has it.
 *
 * @module
 */

import { grow } from "../values/budget.ts";
import { fail } from "../values/errors.ts";

const DAYS = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
const MONTHS = (
  "January February March April May June July August September October November December"
).split(" ");

/** The directives that take `E` or `O` before their letter, which mean nothing in the C locale. */
const MODIFIED: Readonly<Record<string, string>> = { E: "cCxXyY", O: "deHImMSuUVwWy" };

/** All letters that stand for something, but `%`. */
const KNOWN = "aAbBcCdDeFgGhHIjklmMnpPrRsStTuUVwWxXyY";

/** Directives that stand for others. */
const COMPOSED: Readonly<Record<string, string>> = {
  c: "%a %b %e %H:%M:%S %Y",
  D: "%m/%d/%y",
  F: "%Y-%m-%d",
  r: "%I:%M:%S %p",
  R: "%H:%M",
  T: "%H:%M:%S",
  x: "%m/%d/%y",
  X: "%H:%M:%S",
};

const dayOfYear = (date: Date): number =>
  Math.round(
    (Date.UTC(date.getFullYear(), date.getMonth(), date.getDate()) -
      Date.UTC(date.getFullYear(), 0, 1)) /
      86_400_000,
  );

/** The year and week of ISO 8601: weeks begin on Monday, and the first has the year's first Thursday. */
function isoWeek(date: Date): [year: number, week: number] {
  const thursday = new Date(
    date.getFullYear(),
    date.getMonth(),
    date.getDate() + 3 - (date.getDay() + 6) % 7,
  );
  return [thursday.getFullYear(), Math.floor(dayOfYear(thursday) / 7) + 1];
}

/** The number of a directive, and how wide it is; a width below 0 is filled with spaces. */
function number(letter: string, date: Date): [value: number, width: number] | undefined {
  const year = date.getFullYear();
  const hour = date.getHours();
  const weekday = date.getDay();
  switch (letter) {
    case "C":
      return [Math.floor(year / 100), 2];
    case "d":
      return [date.getDate(), 2];
    case "e":
      return [date.getDate(), -2];
    case "g":
      return [isoWeek(date)[0] % 100, 2];
    case "G":
      return [isoWeek(date)[0], 1];
    case "H":
      return [hour, 2];
    case "I":
      return [(hour + 11) % 12 + 1, 2];
    case "j":
      return [dayOfYear(date) + 1, 3];
    case "k":
      return [hour, -2];
    case "l":
      return [(hour + 11) % 12 + 1, -2];
    case "m":
      return [date.getMonth() + 1, 2];
    case "M":
      return [date.getMinutes(), 2];
    case "s":
      return [Math.floor(date.getTime() / 1000), 1];
    case "S":
      return [date.getSeconds(), 2];
    case "u":
      return [(weekday + 6) % 7 + 1, 1];
    case "U":
      return [Math.floor((dayOfYear(date) + 7 - weekday) / 7), 2];
    case "V":
      return [isoWeek(date)[1], 2];
    case "w":
      return [weekday, 1];
    case "W":
      return [Math.floor((dayOfYear(date) + 7 - (weekday + 6) % 7) / 7), 2];
    case "y":
      return [year % 100, 2];
    case "Y":
      return [year, 1];
  }
  return undefined;
}

/** The text of a directive that is no number. */
function text(letter: string, date: Date): string | undefined {
  switch (letter) {
    case "a":
      return DAYS[date.getDay()].slice(0, 3);
    case "A":
      return DAYS[date.getDay()];
    case "b":
    case "h":
      return MONTHS[date.getMonth()].slice(0, 3);
    case "B":
      return MONTHS[date.getMonth()];
    case "n":
      return "\n";
    case "p":
    case "P":
      return date.getHours() < 12 ? "AM" : "PM";
    case "t":
      return "\t";
    case "%":
      return "%";
  }
  return Object.hasOwn(COMPOSED, letter) ? strftime(COMPOSED[letter], date) : undefined;
}

interface Directive {
  /** `-`, `_`, `0`, `^` or `#`. */
  readonly flag: string;
  readonly width: string;
  readonly modifier: string;
  readonly letter: string;
}

/** What GNU's library makes of rarer combinations follows no rule that is written down. */
function checkKnown(match: string, { flag, width, modifier, letter }: Directive): void {
  const plain = flag + width + modifier === "";
  const known = plain ||
    (KNOWN.includes(letter) && (modifier === "" || MODIFIED[modifier].includes(letter)));
  if (!known || flag.length > 1 || (width !== "" && "-^#".includes(flag) && flag !== "")) {
    fail("Unsupported", `the date format "${match}"`);
  }
}

function write(match: string, directive: Directive, date: Date): string {
  checkKnown(match, directive);
  const { flag, letter } = directive;
  const width = Number(directive.width);
  grow(width);
  const value = number(letter, date);
  if (value !== undefined) {
    const [size, own] = value;
    if (flag === "-") return String(size);
    const spaces = flag === "_" || (flag !== "0" && own < 0);
    return String(size).padStart(width || Math.abs(own), spaces ? " " : "0");
  }
  let result = text(letter, date);
  if (result === undefined) return match;
  if (letter === "P" || (letter === "p" && flag === "#")) result = result.toLowerCase();
  else if (flag === "^" || (flag === "#" && "aAbBh".includes(letter))) {
    result = result.toUpperCase();
  }
  return result.padStart(width, flag === "0" ? "0" : " ");
}

/**
 * A date in a format. The date is taken as Python takes `datetime.now()`: local, and without a time zone, so `%z`
 * and `%Z` are empty. What is no directive stays as it is.
 */
export function strftime(format: string, date: Date): string {
  // Python puts these in itself, before C sees the format.
  const own = format.replace(/%([%zZf])/g, (match, letter) => {
    if (letter === "%") return match;
    return letter === "f" ? `${String(date.getMilliseconds()).padStart(3, "0")}000` : "";
  });
  return own.replace(
    /%([-_0^#]*)(\d*)([EO]?)([^])/gu,
    (match, flag, width, modifier, letter) => write(match, { flag, width, modifier, letter }, date),
  );
}
