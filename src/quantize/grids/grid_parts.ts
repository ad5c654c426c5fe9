/**
 * What grids are made of: plain data, which threads can share.
 *
 * @module
 */

/** What an affine grid looks like. */
export interface AffineOptions {
  /** Least code. */
  readonly low: number;
  /** Largest code. */
  readonly high: number;
  /** The zero point of all groups, or the range in which each group's is chosen. */
  readonly zero: number | readonly [least: number, largest: number];
  /** How scales are stored. */
  readonly scale: "f16" | "f32";
  /** Inputs that share scale and zero point. */
  readonly group: number;
  /** Whether the file holds z s, rounded to f16, in place of z. */
  readonly scaledZeros?: boolean;
}

/** What is chosen in an affine grid, for row r and group g at g n + r. */
export interface AffineNumbers {
  /** s as stored. */
  readonly scales: Float32Array;
  /** z; zeros where z is 0. */
  readonly zeros: Uint8Array;
  /** What the file holds in place of z where that is scaled: z s as f16; else z s. */
  readonly offsets: Float64Array;
}

/** What a two-level grid looks like. */
export interface TwoLevelOptions {
  /** Inputs that share s and z. */
  readonly group: number;
  /** The integer that the largest weight of a channel becomes. */
  readonly most: number;
  /** How channel scales are stored. */
  readonly channelScale: "f16" | "f32";
  /** Whether s is a whole number and z chosen; else s is any f16 and z is 8. */
  readonly whole: boolean;
}

/** What is chosen in a two-level grid: for row r at r, and for row r and group g at g n + r. */
export interface TwoLevelNumbers {
  /** s_n of each row, as stored. */
  readonly channelScales: Float32Array;
  /** s of each group, as stored. */
  readonly scales: Float32Array;
  /** z of each group. */
  readonly zeros: Uint8Array;
  /** The least code of each group that may be used. */
  readonly low: Uint8Array;
  /** The largest one. */
  readonly high: Uint8Array;
}

/** What is chosen in a grid of floats. */
export interface FloatNumbers {
  /** The scale of each row, as stored. */
  readonly scales: Float32Array;
}

/** What a grid is made of: how it was made, and what has been chosen so far. */
export type GridParts =
  & {
    /** Outputs. */
    readonly n: number;
    /** Inputs. */
    readonly k: number;
  }
  & (
    | { readonly kind: "affine"; readonly options: AffineOptions; readonly numbers: AffineNumbers }
    | {
      readonly kind: "two-level";
      readonly options: TwoLevelOptions;
      readonly numbers: TwoLevelNumbers;
    }
    | { readonly kind: "float"; readonly numbers: FloatNumbers }
  );
