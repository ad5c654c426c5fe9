/**
 * FP8: weights in e4m3, a scale for each output; activations in e4m3, a scale for each row.
 *
 * @module
 */
import type { StoredW8 } from "../checkpoint/formats/stored_linear.ts";
import { gemmFp8 } from "../ops/mod.ts";
import { asQuantized } from "./activation.ts";
import type { Scheme } from "./scheme.ts";
import { w8Scheme } from "./w8.ts";

/** The scheme FP8. */
export const fp8: Scheme<StoredW8> = w8Scheme(
  "fp8",
  "f8_e4m3",
  "f8_e4m3",
  (device, y, x, weight, options) => gemmFp8(device, y, asQuantized(x), weight, options),
);
