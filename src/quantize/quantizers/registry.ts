/**
 * Every quantizer, by the name of its scheme.
 *
 * @module
 */
import { ArgumentError } from "../../base/errors.ts";
import type { Quantizer } from "./quantizer.ts";
import { w4a16, type ZeroPoints } from "./w4a16.ts";
import { w4a8 } from "./w4a8.ts";
import { fp8, w8a8 } from "./w8a8.ts";

/** Group sizes of W4A16; -1 for a scale a channel. */
const GROUPS = [32, 64, 128, -1];

/** All quantizers; a new one is one file and one line here. */
export const QUANTIZERS: readonly Quantizer[] = [
  ...GROUPS.map((group) => w4a16(group)),
  w8a8,
  ...w4a8,
  fp8,
];

/** All of them with all that can be asked for beside the scheme. */
export function allQuantizers(): readonly Quantizer[] {
  const zeros = ["gptq", "awq"] as const;
  return [...QUANTIZERS, ...zeros.flatMap((zero) => GROUPS.map((group) => w4a16(group, zero)))];
}

/** The quantizer of a scheme, with zero points where they are asked for. An ArgumentError lists the known ones. */
export function findQuantizer(scheme: string, zeroPoints: ZeroPoints = "none"): Quantizer {
  const found = QUANTIZERS.find((quantizer) => quantizer.scheme === scheme);
  if (found === undefined) {
    throw new ArgumentError(
      "scheme",
      `Cannot quantize: the scheme is "${scheme}", expected one of ${
        QUANTIZERS.map((quantizer) => quantizer.scheme).join(", ")
      }`,
    );
  }
  if (zeroPoints === "none") return found;
  const group = GROUPS.find((candidate) => w4a16(candidate).scheme === scheme);
  if (group !== undefined) return w4a16(group, zeroPoints);
  throw new ArgumentError(
    "zero-points",
    `Cannot quantize to ${scheme} with zero points of ${zeroPoints}: its layout decides about them, ` +
      "expected none",
  );
}
