/**
 * Rounding to the nearest number of a grid.
 *
 * @module
 */
import { expectFinite, type Grid } from "../grids/grid.ts";
import { adopt, portable } from "../grids/portable_grid.ts";
import { roundRows } from "./round_rows.ts";
import { RowPool } from "../rows/row_pool.ts";

/** How a weight is quantized, whatever the method. */
export interface RowOptions {
  /** The threads that share its rows; this one where absent. */
  readonly pool?: RowPool;
  /** Where the values of the codes are put, f32 [rows, k]; may be the weight. Nowhere where absent. */
  readonly values?: Float32Array;
}

/** How a weight is rounded. */
export interface RoundingOptions extends RowOptions {
  /** The weight of each input's squared error, f32 [k]; all alike where absent. */
  readonly importance?: Float32Array;
  /** Which row of the grid the first one is; 0 by default. */
  readonly firstRow?: number;
}

/** Codes u8 [rows, k] of the rows of a weight f32 [rows, k]. Deterministic, whatever the number of threads. */
export function roundToNearest(
  weight: Float32Array,
  grid: Grid,
  options: RoundingOptions = {},
): Uint8Array<ArrayBuffer> {
  const { pool = new RowPool(), values, importance, firstRow = 0 } = options;
  expectFinite(weight);
  const rows = weight.length / grid.k;
  const codes = new Uint8Array(weight.length);
  const { given, run } = pool.share(roundRows, {
    grid: portable(grid),
    values: weight,
    codes,
    importance,
    firstRow,
  });
  run("codes", rows);
  adopt(grid, given.grid);
  codes.set(given.codes);
  if (values !== undefined) {
    run("values", rows);
    values.set(given.values);
  }
  return codes;
}
