/**
 * What a product does with its result.
 *
 * @module
 */

import type { Tensor } from "../device/mod.ts";
import { SMQ_F16, SMQ_LOGITS, SMQ_RESIDUAL, SMQ_STORE } from "../ffi/symbols.ts";
import { ACTIVATION, dtypeCode, expectTensor, refuse } from "./check.ts";

/**
 * `"store"`: y, of the activations' dtype, = x w + bias. `"residual"`: y, f32, += it. `"logits"`: y,
 * f32, = it.
 */
export type Epilogue = "store" | "residual" | "logits";

/** How a product ends. */
export interface ProductOptions {
  /** Of the activations' dtype [n]; none by default. */
  bias?: Tensor;
  /** Defaults to `"store"`. */
  epilogue?: Epilogue;
}

const CODES: Readonly<Record<Epilogue, number>> = {
  store: SMQ_STORE,
  residual: SMQ_RESIDUAL,
  logits: SMQ_LOGITS,
};

function expectEpilogue(op: string, epilogue: Epilogue): void {
  if (!Object.hasOwn(CODES, epilogue)) {
    refuse(op, "epilogue", `is "${epilogue}"`, Object.keys(CODES).join(", "));
  }
}

/** Checks y [m, n], whose rows may have gaps, and the bias [n]; gives the epilogue's number. */
export function expectProduct(
  op: string,
  y: Tensor,
  x: Tensor,
  n: number,
  { bias, epilogue = "store" }: ProductOptions,
): number {
  expectEpilogue(op, epilogue);
  const dtype = epilogue === "store" ? x.dtype : "f32";
  expectTensor(op, "y", y, [dtype], [x.shape[0], n], true);
  if (bias !== undefined) expectTensor(op, "bias", bias, [x.dtype], [n]);
  return CODES[epilogue];
}

/**
 * The same where x is quantized: y, or else the bias, says what dtype the activations have. Gives its
 * number too.
 */
export function expectQuantizedProduct(
  op: string,
  y: Tensor,
  m: number,
  n: number,
  { bias, epilogue = "store" }: ProductOptions,
): { epilogue: number; dtype: number } {
  expectEpilogue(op, epilogue);
  const stored = epilogue === "store";
  expectTensor(op, "y", y, stored ? ACTIVATION : ["f32"], [m, n], true);
  if (bias !== undefined) expectTensor(op, "bias", bias, stored ? [y.dtype] : ACTIVATION, [n]);
  const like = stored ? y : bias;
  const dtype = like === undefined ? SMQ_F16 : dtypeCode(op, "y", like.dtype);
  return { epilogue: CODES[epilogue], dtype };
}
