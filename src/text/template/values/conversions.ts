/**
 * Ints as floats and floats as ints, as Python converts them.
 *
 * @module
 */

import { floatText } from "./decimal.ts";
import { fail } from "./errors.ts";

/** The float of an int. */
export function floatOf(value: bigint | boolean | number): number {
  if (typeof value === "number") return value;
  const float = Number(value);
  if (!Number.isFinite(float)) fail("OverflowError", "an int is too large for a float");
  return float;
}

/** The int of a float, cut after the point. */
export function truncate(value: number): bigint {
  if (Number.isNaN(value)) fail("ValueError", "nan has no int");
  if (!Number.isFinite(value)) fail("OverflowError", `${floatText(value)} has no int`);
  return BigInt(Math.trunc(value));
}
