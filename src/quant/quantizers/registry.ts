/**
 * Every quantizer, by the name of its scheme.
 *
 * @module
 */
import { ArgumentError } from "../../base/errors.ts";
import type { Quantizer } from "./quantizer.ts";
import { rtnW4A16G128 } from "./rtn.ts";

/** All quantizers; a new one is one file and one line here. */
export const QUANTIZERS: readonly Quantizer[] = [rtnW4A16G128];

/** The quantizer of a scheme. An ArgumentError lists the known ones. */
export function findQuantizer(scheme: string): Quantizer {
  const found = QUANTIZERS.find((quantizer) => quantizer.scheme === scheme);
  if (found !== undefined) return found;
  throw new ArgumentError(
    "scheme",
    `Cannot quantize: the scheme is "${scheme}", expected one of ${
      QUANTIZERS.map((quantizer) => quantizer.scheme).join(", ")
    }`,
  );
}
