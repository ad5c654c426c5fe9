/**
 * What changes between forwards of the same shape. All of it lies in device memory, so that one
 * captured graph serves every position.
 *
 * @module
 */
import type { Tensor } from "../device/mod.ts";

/**
 * Slots of a cache up to which attention of one row, and of a few, is quickest on a GPU by kernels that take rotation, too
 * (decisions 32 and 58).
 */
export const SHORT_SLOTS = 1024;

/** The most rows for which there is such a kernel. */
export const FEW_ROWS = 16;

/** Where the rows of a forward stand. */
export interface Step {
  /** Rows (tokens) of this forward. */
  readonly rows: number;
  /** Committed tokens, i32 [1]: the position of the first row. */
  readonly cacheLength: Tensor<"i32">;
  /** Position of each row behind `cacheLength`, i32 [rows]; 0, 1, 2, ... where absent. */
  readonly depths?: Tensor<"i32">;
  /** The rows that each row attends to, u64 [rows, words]; all rows before it where absent. */
  readonly mask?: Tensor<"u64">;
  /** Added to every position. */
  readonly positionOffset?: number;
  /** Where in the cache behind `cacheLength` the rows begin. */
  readonly slotOffset?: number;
  /** Slots of the cache that there are for this forward, its rows' own ones included; all of them where absent. */
  readonly slots?: number;
}
