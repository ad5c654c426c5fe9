/**
 * W8A8: 8-bit integer weights, a scale for each output; 8-bit integer activations, a scale for each row.
 *
 * @module
 */
import type { StoredW8 } from "../checkpoint/formats/stored_linear.ts";
import { gemmW8A8 } from "../ops/mod.ts";
import { asQuantized } from "./activation.ts";
import type { Scheme } from "./scheme.ts";
import { w8Scheme } from "./w8.ts";

/** The scheme W8A8. */
export const w8a8: Scheme<StoredW8> = w8Scheme(
  "w8a8",
  "i8",
  "i8",
  (device, y, x, weight, options) => gemmW8A8(device, y, asQuantized(x), weight, options),
);
