/**
 * The spread of repeated measurements.
 *
 * @module
 */

/** What repeated measurements come to. */
export interface Samples {
  /** How many there were. */
  readonly runs: number;
  /** The middle one. */
  readonly median: number;
  /** What a tenth of them stay below. */
  readonly p10: number;
  /** What nine tenths of them stay below. */
  readonly p90: number;
}

/** The value below which a share of the sorted `values` lies, between two neighbours in proportion. */
export function quantile(values: readonly number[], share: number): number {
  const at = (values.length - 1) * share;
  const below = Math.floor(at);
  const above = Math.min(below + 1, values.length - 1);
  return values[below] + (values[above] - values[below]) * (at - below);
}

/** Sums up one or more measurements. */
export function summarize(values: readonly number[]): Samples {
  const sorted = [...values].sort((a, b) => a - b);
  return {
    runs: sorted.length,
    median: quantile(sorted, 0.5),
    p10: quantile(sorted, 0.1),
    p90: quantile(sorted, 0.9),
  };
}
