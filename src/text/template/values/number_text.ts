/**
 * Text as numbers: what `int(...)` and `float(...)` read.
 *
 * @module
 */

import { grow } from "./budget.ts";
import { asciiDigits, strip } from "./characters.ts";
import { fail } from "./errors.ts";

const FLOAT = /^[-+]?(?:\d+(?:_\d+)*\.?(?:\d+(?:_\d+)*)?|\.\d+(?:_\d+)*)(?:e[-+]?\d+(?:_\d+)*)?$/i;
const NAMED = /^([-+]?)(?:(inf(?:inity)?)|nan)$/i;
const PREFIXES: Readonly<Record<number, string>> = { 2: "0b", 8: "0o", 16: "0x" };
/** The most digits that Python reads of an int, in bases that are no power of two. */
const MAX_DIGITS = 4300;

const clean = (text: string): string => asciiDigits(strip(text, null, true, true));

/** The int that a text is in a base, which is 0 or 2 to 36; `undefined` for other text. */
export function parseInteger(text: string, base: number): bigint | undefined {
  const match = /^([-+]?)(.*)$/s.exec(clean(text))!;
  let digits = match[2].toLowerCase();
  for (const [known, prefix] of Object.entries(PREFIXES)) {
    if (digits.startsWith(prefix) && (base === 0 || base === Number(known))) {
      base = Number(known);
      digits = digits.slice(2).replace(/^_/, "");
      break;
    }
  }
  if (base === 0) {
    base = 10;
    // A leading zero could be meant as octal.
    if (/^0[0_]*[1-9]/.test(digits)) return undefined;
  }
  if (!/^[0-9a-z]+(?:_[0-9a-z]+)*$/.test(digits)) return undefined;
  const plain = digits.replaceAll("_", "");
  const prefix = PREFIXES[base] ?? (base === 10 ? "" : undefined);
  if (plain.length > MAX_DIGITS) {
    // Python reads more only where each digit is some bits.
    if ((base & (base - 1)) !== 0) return undefined;
    if (prefix === undefined) fail("Unsupported", `an int as long as this in base ${base}`);
    grow(plain.length * 16);
  }
  const worths = [...plain].map((digit) => parseInt(digit, 36));
  if (worths.some((worth) => worth >= base)) return undefined;
  const value = prefix === undefined
    ? worths.reduce((sum, worth) => sum * BigInt(base) + BigInt(worth), 0n)
    : BigInt(prefix + plain);
  return match[1] === "-" ? -value : value;
}

/** The float that a text is; `undefined` for other text. */
export function parseFloatText(text: string): number | undefined {
  const digits = clean(text);
  const named = NAMED.exec(digits);
  if (named) return named[2] === undefined ? NaN : named[1] === "-" ? -Infinity : Infinity;
  return FLOAT.test(digits) ? Number(digits.replaceAll("_", "")) : undefined;
}
