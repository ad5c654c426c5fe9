/**
 * What makes the search for a scale short.
 *
 * @module
 */

/**
 * An error that part of a group makes is compared with the least of a whole group times this: sums of the same
 * terms in other orders differ by less.
 */
export const SLACK: number = 1 + 1e-9;

let ones = new Float32Array(0);

/** At least `count` times 1: the importance of values that are all alike. */
export function evenly(count: number): Float32Array {
  if (ones.length < count) ones = new Float32Array(count).fill(1);
  return ones;
}

/**
 * The values of a group that clipping hits first. Where their error alone is larger than what another scale makes
 * of all values, the others need not be looked at. Gathered anew for each group.
 */
export class LargestValues {
  /** The values, and behind them what is left of earlier groups. */
  values = new Float32Array(0);
  /** Their importance, likewise. */
  importance = new Float32Array(0);
  /** How many there are. */
  count = 0;

  /** Gathers the values of a magnitude of at least `least`. */
  gather(values: Float32Array, importance: Float32Array, least: number): void {
    if (this.values.length < values.length) {
      this.values = new Float32Array(values.length);
      this.importance = new Float32Array(values.length);
    }
    const kept = this.values;
    const weights = this.importance;
    let count = 0;
    for (let i = 0; i < values.length; i++) {
      // What is not kept is overwritten.
      kept[count] = values[i];
      weights[count] = importance[i];
      if (Math.abs(values[i]) >= least) count++;
    }
    this.count = count;
  }
}
