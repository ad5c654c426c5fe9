/**
 * Quantized rows for tests: given, or for an op to write.
 *
 * @module
 */

import { rows as rowsOf } from "../../src/device/mod.ts";
import type { QuantizedForm, QuantizedRows } from "../../src/ops/mod.ts";
import { Random } from "../random.ts";
import type { Output, Rig } from "../rig.ts";

/** Random rows of `form`, i8 over their whole range, and what they stand for. */
export function quantized(
  rig: Rig,
  form: QuantizedForm,
  m: number,
  k: number,
  seed: number,
): QuantizedRows & { readonly x: Float64Array } {
  const random = new Random(seed);
  const drawn = form === "i8"
    ? Float64Array.from(random.integers(m * k, 255), (q) => q - 127)
    : random.normals(m * k, 120).map((q) => Math.max(-448, Math.min(448, q)));
  const values = rig.put(form, [m, k], drawn);
  const scales = rig.put("f32", [m], random.normals(m).map((s) => (0.5 + Math.abs(s)) / 100));
  const [q, s] = [rig.get(values), rig.get(scales)];
  const sums = Array.from(
    { length: m },
    (_, i) => form === "i8" ? q.subarray(i * k, (i + 1) * k).reduce((a, b) => a + b, 0) : 0,
  );
  const x = q.map((value, i) => value * s[Math.floor(i / k)]);
  return { values, scales, sums: rig.put("i32", [m], sums), x };
}

/** The rows `from` to `to - 1`. */
export function someRows(x: QuantizedRows, from: number, to: number): QuantizedRows {
  return {
    values: rowsOf(x.values, from, to),
    scales: rowsOf(x.scales, from, to),
    sums: rowsOf(x.sums, from, to),
  };
}

/** Poisoned rows for an op to write. */
export interface QuantizedOutput {
  readonly rows: QuantizedRows;
  readonly values: Output<QuantizedForm>;
  readonly scales: Output<"f32">;
  readonly sums: Output<"i32">;
}

/** Makes poisoned rows. */
export function quantizedOutput(
  rig: Rig,
  form: QuantizedForm,
  m: number,
  k: number,
): QuantizedOutput {
  const values = rig.output<QuantizedForm>(form, [m, k]);
  const scales = rig.output("f32", [m]);
  const sums = rig.output("i32", [m]);
  const rows = { values: values.tensor, scales: scales.tensor, sums: sums.tensor };
  return { rows, values, scales, sums };
}
