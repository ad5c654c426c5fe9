/**
 * Intervals of 95 in 100.
 *
 * @module
 */
import { uniform } from "../../base/random.ts";

/** Where a figure lies, 95 times in 100. */
export type Interval = readonly [low: number, high: number];

/** Draws of a bootstrap. */
const DRAWS = 2000;

/** The same each time, so that the same answers make the same report. */
const SEED = 1;

/** Normal deviation that 95 in 100 stay within. */
const Z = 1.959964;

/**
 * The interval of a figure of items that were drawn from many (percentile bootstrap); `figure` computes it from how often
 * each item counts. Null for fewer than two items, and where some draws have no such figure.
 */
export function bootstrap(
  items: number,
  figure: (counts: Float64Array) => number,
): Interval | null {
  if (items < 2) return null;
  const next = uniform(SEED);
  const counts = new Float64Array(items);
  const drawn = new Float64Array(DRAWS);
  for (let i = 0; i < DRAWS; i++) {
    counts.fill(0);
    for (let j = 0; j < items; j++) counts[Math.floor(next() * items)]++;
    drawn[i] = figure(counts);
  }
  if (!drawn.every(Number.isFinite)) return null;
  drawn.sort();
  const at = (share: number) => drawn[Math.round(share * (DRAWS - 1))];
  return [at(0.025), at(0.975)];
}

/** The interval of a share of `n` independent items (Wilson's). Null for none. */
export function shareInterval(share: number, n: number): Interval | null {
  if (n === 0) return null;
  const z2 = Z * Z;
  const center = (share + z2 / (2 * n)) / (1 + z2 / n);
  const half = (Z / (1 + z2 / n)) * Math.sqrt((share * (1 - share)) / n + z2 / (4 * n * n));
  return [Math.max(0, center - half), Math.min(1, center + half)];
}
