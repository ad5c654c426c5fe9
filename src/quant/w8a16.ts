/**
 * W8A16: 8-bit integer weights, a scale for each output; 16-bit activations. What output projections use.
 *
 * @module
 */
import type { StoredW8 } from "../checkpoint/formats/stored_linear.ts";
import { gemmW8A16 } from "../ops/mod.ts";
import { asRows } from "./activation.ts";
import type { Scheme } from "./scheme.ts";
import { w8Scheme } from "./w8.ts";

/** The scheme W8A16. */
export const w8a16: Scheme<StoredW8> = w8Scheme(
  "w8a16",
  "i8",
  "rows",
  (device, y, x, weight, options) => gemmW8A16(device, y, asRows(x), weight, options),
);
