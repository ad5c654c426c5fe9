/**
 * Products of a sample with some of the rows of a weight, as they are or scaled and rounded.
 *
 * @module
 */
import { arrived, type PortableGrid } from "../grids/portable_grid.ts";
import type { RowWork } from "../rows/row_work.ts";

/** What a trial of factors is given. */
export interface SmoothTrial {
  /** The numbers to choose from. */
  readonly grid: PortableGrid;
  /** f32 [n, k]. */
  readonly weights: Float32Array;
  /** Rows of input, f32 [rows, k]. */
  readonly sample: Float32Array;
  /** What each input's weights are multiplied with, f32 [k]. */
  readonly factors: Float32Array;
  /** The weight of each input's squared error, f32 [k]. */
  readonly importance: Float32Array;
  /** What comes out, f64 [n, rows]. */
  readonly products: Float64Array;
}

/** Multiplies the sample with weights: exact ones, or scaled and then rounded. */
export const smoothRows: RowWork<SmoothTrial, "exact" | "rounded"> = {
  name: "smooth",
  begin({ grid: portable, weights, sample, factors, importance, products }) {
    const grid = arrived(portable);
    const { k, group } = grid;
    const scaled = new Float32Array(k);
    const rows = sample.length / k;
    return (call, from, to) => {
      for (let row = from; row < to; row++) {
        const weight = weights.subarray(row * k, (row + 1) * k);
        if (call === "exact") scaled.set(weight);
        else {
          for (let j = 0; j < k; j++) scaled[j] = weight[j] * factors[j];
          grid.fitRow?.(row, scaled);
          for (let start = 0, g = 0; start < k; start += group, g++) {
            const end = Math.min(start + group, k);
            grid.fit(row, g, scaled.subarray(start, end), importance.subarray(start, end));
            for (let j = start; j < end; j++) {
              scaled[j] = grid.value(row, g, grid.code(row, g, scaled[j]));
            }
          }
        }
        multiply(products.subarray(row * rows, (row + 1) * rows), sample, scaled);
      }
    };
  },
};

/** x w for rows x [rows, k]. Two of them side by side, as a sum waits for its last term. */
function multiply(out: Float64Array, x: Float32Array, w: Float32Array): void {
  const k = w.length;
  for (let row = 0; row < out.length; row += 2) {
    const a = row * k;
    const b = row + 1 < out.length ? a + k : a;
    let [a0, a1, b0, b1] = [0, 0, 0, 0];
    for (let j = 0; j + 1 < k; j += 2) {
      a0 += x[a + j] * w[j];
      a1 += x[a + j + 1] * w[j + 1];
      b0 += x[b + j] * w[j];
      b1 += x[b + j + 1] * w[j + 1];
    }
    if (k % 2 === 1) {
      a0 += x[a + k - 1] * w[k - 1];
      b0 += x[b + k - 1] * w[k - 1];
    }
    out[row] = a0 + a1;
    if (b !== a) out[row + 1] = b0 + b1;
  }
}
