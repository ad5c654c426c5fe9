/**
 * Rounding to the nearest number of a grid.
 *
 * @module
 */
import { expectFinite, type Grid } from "./grid.ts";

/**
 * Codes u8 [rows, k] of the rows of a weight f32 [rows, k], which are rows `firstRow` and on of the grid.
 * `importance`: the weight of each input's squared error, f32 [k]; all alike where absent. Deterministic.
 */
export function roundToNearest(
  weight: Float32Array,
  grid: Grid,
  importance?: Float32Array,
  firstRow = 0,
): Uint8Array<ArrayBuffer> {
  const { k, group } = grid;
  expectFinite(weight);
  const codes = new Uint8Array(weight.length);
  for (let at = 0; at < weight.length; at += k) {
    const row = firstRow + at / k;
    grid.fitRow?.(row, weight.subarray(at, at + k));
    for (let start = 0, g = 0; start < k; start += group, g++) {
      const end = Math.min(start + group, k);
      const values = weight.subarray(at + start, at + end);
      grid.fit(row, g, values, importance?.subarray(start, end));
      for (let j = 0; j < values.length; j++) codes[at + start + j] = grid.code(row, g, values[j]);
    }
  }
  return codes;
}
