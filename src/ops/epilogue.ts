/**
 * What a product does with its result.
 *
 * @module
 */

import type { Tensor } from "../device/mod.ts";
import { SMQ_LOGITS, SMQ_RESIDUAL, SMQ_STORE } from "../ffi/symbols.ts";
import { expectTensor, refuse } from "./check.ts";

/**
 * `"store"`: y, of x's dtype, = x w + bias. `"residual"`: y, f32, += it. `"logits"`: y, f32, = it.
 */
export type Epilogue = "store" | "residual" | "logits";

/** How a product ends. */
export interface ProductOptions {
  /** Of x's dtype [n]; none by default. */
  bias?: Tensor;
  /** Defaults to `"store"`. */
  epilogue?: Epilogue;
}

const CODES: Readonly<Record<Epilogue, number>> = {
  store: SMQ_STORE,
  residual: SMQ_RESIDUAL,
  logits: SMQ_LOGITS,
};

/** Checks y [m, n], whose rows may have gaps, and the bias [n]; gives the epilogue's number. */
export function expectProduct(
  op: string,
  y: Tensor,
  x: Tensor,
  n: number,
  { bias, epilogue = "store" }: ProductOptions,
): number {
  if (!Object.hasOwn(CODES, epilogue)) {
    refuse(op, "epilogue", `is "${epilogue}"`, Object.keys(CODES).join(", "));
  }
  const dtype = epilogue === "store" ? x.dtype : "f32";
  expectTensor(op, "y", y, [dtype], [x.shape[0], n], true);
  if (bias !== undefined) expectTensor(op, "bias", bias, [x.dtype], [n]);
  return CODES[epilogue];
}
