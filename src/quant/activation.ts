/**
 * The forms of activations: which one `x` has, and layers that bring rows into theirs by themselves.
 *
 * @module
 */
import { type Device, type Tensor, view } from "../device/mod.ts";
import { type QuantizedForm, type QuantizedRows, quantizeRows } from "../ops/mod.ts";
import type { Activations, Linear, LinearFacts } from "./scheme.ts";

/** Bytes of one 8-bit row of `k` inputs with its scale and sum. */
export function quantizedBytes(k: number): number {
  return k + 8;
}

/** 8-bit rows [m, k] in the first m * `quantizedBytes(k)` bytes of `memory`; k is a multiple of 4. */
export function quantizedRowsIn(
  memory: Tensor<"u8">,
  form: QuantizedForm,
  m: number,
  k: number,
): QuantizedRows {
  return {
    values: view(memory, form, [m, k]),
    scales: view(memory, "f32", [m], m * k),
    sums: view(memory, "i32", [m], m * (k + 4)),
  };
}

/** `x` as rows of the activation dtype, which it must be. */
export function asRows(x: Activations): Tensor {
  if ("address" in x) return x;
  throw new Error("a linear layer that reads rows got 8-bit rows");
}

/** `x` as 8-bit rows, which it must be. */
export function asQuantized(x: Activations): QuantizedRows {
  if ("values" in x) return x;
  throw new Error("a linear layer that reads 8-bit rows got rows");
}

/** What is known of a layer with `k` inputs that is given rows, whatever it reads. */
export function factsOfRows<F extends LinearFacts>(facts: F, k: number): F {
  if (facts.activationForm === "rows") return facts;
  return { ...facts, activationForm: "rows", scratch: facts.scratch + quantizedBytes(k) };
}

/** The same layer, reading rows of the activation dtype: it quantizes them into scratch where it has to. */
export function readingRows(device: Device, linear: Linear): Linear {
  const form = linear.activationForm;
  if (form === "rows") return linear;
  return {
    ...factsOfRows(linear, linear.k),
    queue(y, x, epilogue, scratch) {
      const rows = asRows(x);
      const quantized = quantizedRowsIn(scratch!, form, rows.shape[0], linear.k);
      quantizeRows(device, quantized, rows);
      linear.queue(y, quantized, epilogue);
    },
  };
}
