/**
 * Rounding to the nearest number of a grid, for some of the rows of a weight.
 *
 * @module
 */
import { arrived, type PortableGrid } from "../grids/portable_grid.ts";
import type { RowWork } from "../rows/row_work.ts";

/** What rounding is given. */
export interface Rounding {
  /** The numbers to choose from. */
  readonly grid: PortableGrid;
  /** f32 [rows, k], which become the values of their codes where that is asked for. */
  readonly values: Float32Array;
  /** u8 [rows, k]. */
  readonly codes: Uint8Array;
  /** The weight of each input's squared error, f32 [k]; all alike where absent. */
  readonly importance?: Float32Array;
  /** Which row of the grid is the first. */
  readonly firstRow: number;
}

/** Chooses codes, or puts what they stand for in place of the values. */
export const roundRows: RowWork<Rounding, "codes" | "values"> = {
  name: "round",
  begin({ grid: portable, values, codes, importance, firstRow }) {
    const grid = arrived(portable);
    const { k, group } = grid;
    return (call, from, to) => {
      for (let at = from * k; at < to * k; at += k) {
        const row = firstRow + at / k;
        if (call === "codes") grid.fitRow?.(row, values.subarray(at, at + k));
        for (let start = 0, g = 0; start < k; start += group, g++) {
          const end = Math.min(start + group, k);
          if (call === "codes") {
            grid.fit(
              row,
              g,
              values.subarray(at + start, at + end),
              importance?.subarray(start, end),
            );
            for (let i = at + start; i < at + end; i++) codes[i] = grid.code(row, g, values[i]);
          } else {
            for (let i = at + start; i < at + end; i++) values[i] = grid.value(row, g, codes[i]);
          }
        }
      }
    };
  },
};
