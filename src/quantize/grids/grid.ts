/**
 * The numbers that a stored weight can hold.
 *
 * @module
 */
import { ArgumentError } from "../../base/errors.ts";
import type { GridParts } from "./grid_parts.ts";

/**
 * The numbers to choose from in one linear layer of n outputs and k inputs. What inputs of a row share (a
 * scale, a zero point) is fitted a group at a time; then every value has a nearest code, and every code a
 * value, exactly as the kernels will see it.
 */
export interface Grid {
  /** Outputs. */
  readonly n: number;
  /** Inputs. */
  readonly k: number;
  /** Inputs of a row that share what `fit` chooses; the last group may be short. */
  readonly group: number;
  /** What other threads make the same grid of; absent where they cannot. */
  readonly parts?: GridParts;
  /** Chooses what a whole row shares, before any of its groups; absent where rows share nothing. */
  fitRow?(row: number, values: Float32Array): void;
  /**
   * Chooses what group `g` of a row shares so that the squared error of `values` is least, each weighted by
   * its `importance` where that is given.
   */
  fit(row: number, g: number, values: Float32Array, importance?: Float32Array): void;
  /** The code, 0 to 255, of the number nearest to `value`; signed codes as two's complement. */
  code(row: number, g: number, value: number): number;
  /** The number that a code stands for. */
  value(row: number, g: number, code: number): number;
}

/** The smallest positive f16, for what would round to zero. */
export const TINY: number = 2 ** -24;

/** Shares of the widest scale that a search tries: clipping a few values makes the steps of all others finer. */
export const SHARES: readonly number[] = Array.from({ length: 31 }, (_, i) => 1 - i / 50);

/** A scale as f16 holds it: neither zero nor infinite. */
export function halfScale(scale: number): number {
  return Math.min(65504, Math.max(TINY, Math.f16round(scale)));
}

/** A scale as f32 holds it; a row of zeros gets 1. */
export function singleScale(scale: number): number {
  return Math.max(1e-30, Math.fround(scale));
}

/** Throws an ArgumentError where a value is not finite. */
export function expectFinite(values: Float32Array): void {
  for (let i = 0; i < values.length; i++) {
    if (!(Math.abs(values[i]) < Infinity)) {
      throw new ArgumentError("weight", `Cannot quantize a weight: it holds ${values[i]}`);
    }
  }
}

/** The largest magnitude among `values`. */
export function absmax(values: Float32Array): number {
  let most = 0;
  for (let i = 0; i < values.length; i++) {
    const size = Math.abs(values[i]);
    if (size > most) most = size;
  }
  return most;
}
