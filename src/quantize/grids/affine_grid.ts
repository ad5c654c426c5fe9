/**
 * Evenly spaced numbers: w = (q - z) s.
 *
 * @module
 */
import { type Grid, halfScale, SHARES, singleScale } from "./grid.ts";
import type { AffineNumbers, AffineOptions, GridParts } from "./grid_parts.ts";
import { evenly, LargestValues, SLACK } from "./largest_values.ts";

const POSITIVE = [1];
const UP_DOWN = [1, -1];
const DOWN_UP = [-1, 1];

/** A grid of evenly spaced numbers, with a scale and a zero point for each row and group. */
export class AffineGrid implements Grid {
  /** Outputs. */
  readonly n: number;
  /** Inputs. */
  readonly k: number;
  /** Inputs of a group. */
  readonly group: number;
  /** Groups of a row. */
  readonly groups: number;
  /** s of row r and group g at g n + r, as stored. */
  readonly scales: Float32Array;
  /** z of row r and group g at g n + r; zeros where z is 0. */
  readonly zeros: Uint8Array;
  readonly #options: AffineOptions;
  /** {@link offset} of each group. */
  readonly #offsets: Float64Array;
  readonly #largest = new LargestValues();

  /** A grid for a weight [n, k], of numbers of its own or of those that another grid has. */
  constructor(n: number, k: number, options: AffineOptions, numbers?: AffineNumbers) {
    this.n = n;
    this.k = k;
    this.group = Math.min(options.group, k);
    this.groups = Math.ceil(k / this.group);
    this.scales = numbers?.scales ?? new Float32Array(this.groups * n).fill(1);
    this.zeros = numbers?.zeros ?? new Uint8Array(this.groups * n);
    this.#offsets = numbers?.offsets ?? new Float64Array(this.groups * n);
    this.#options = options;
  }

  /** See {@link Grid.parts}. */
  get parts(): GridParts {
    const { n, k, scales, zeros } = this;
    const numbers = { scales, zeros, offsets: this.#offsets };
    return { kind: "affine", n, k, options: this.#options, numbers };
  }

  /** What the file holds in place of the zero point where that is scaled: z s as f16. */
  offset(at: number): number {
    return this.#offsets[at];
  }

  /**
   * See {@link Grid.fit}: the best of some scales, the larger of equals. Where the zero point is fixed and more codes
   * lie below it than above, scales below zero are tried too: whichever sign the largest value has, it may then fall
   * on the code that has no opposite.
   */
  fit(row: number, g: number, values: Float32Array, importance?: Float32Array): void {
    const { low, high, zero, scale: stored } = this.#options;
    const at = g * this.n + row;
    let least = 0;
    let most = 0;
    for (let i = 0; i < values.length; i++) {
      if (values[i] < least) least = values[i];
      else if (values[i] > most) most = values[i];
    }
    const fixed = typeof zero === "number";
    if (least === most) {
      this.#choose(at, 1, fixed ? zero : zero[0]);
      return;
    }
    const weights = importance ?? evenly(values.length);
    const largest = this.#largest;
    largest.gather(values, weights, Math.max(-least, most) / 2);
    // First the sign that is more likely: what comes behind is given up the earlier.
    const signs = !fixed || high - zero >= zero - low
      ? POSITIVE
      : most > -least
      ? DOWN_UP
      : UP_DOWN;
    let bestScale = NaN;
    let bestZero = 0;
    let smallest = Infinity;
    let previous = NaN;
    for (const sign of signs) {
      // At this scale nothing is clipped.
      const widest = !fixed
        ? (most - least) / (high - low)
        : sign > 0
        ? Math.max(most / (high - zero), -least / (zero - low))
        : Math.max(most / (zero - low), -least / (high - zero));
      for (let i = 0; i < SHARES.length; i++) {
        const share = SHARES[i];
        const s = sign *
          (stored === "f16" ? halfScale(widest * share) : singleScale(widest * share));
        if (s === previous) continue;
        previous = s;
        const z = fixed
          ? zero
          : Math.min(zero[1], Math.max(zero[0], Math.round((-least * share) / s) + low));
        const limit = smallest * SLACK;
        const { count } = largest;
        if (errorOf(largest.values, largest.importance, count, s, z, low, high, limit) > limit) {
          continue;
        }
        const error = errorOf(values, weights, values.length, s, z, low, high, smallest);
        if (error < smallest) {
          bestScale = s;
          bestZero = z;
          smallest = error;
        }
      }
    }
    // An error beyond f64 leaves nothing to choose from: the widest scale clips least.
    this.#choose(at, Number.isNaN(bestScale) ? previous : bestScale, bestZero);
  }

  #choose(at: number, scale: number, zero: number): void {
    this.scales[at] = scale;
    this.zeros[at] = zero;
    const exact = zero * this.scales[at];
    this.#offsets[at] = this.#options.scaledZeros ? Math.f16round(exact) : exact;
  }

  /** See {@link Grid.code}. */
  code(row: number, g: number, value: number): number {
    const { low, high } = this.#options;
    const at = g * this.n + row;
    const q = Math.floor((value + this.offset(at)) / this.scales[at] + 0.5);
    return (q < low ? low : q > high ? high : q) & 255;
  }

  /** See {@link Grid.value}. */
  value(row: number, g: number, code: number): number {
    const at = g * this.n + row;
    const q = this.#options.low < 0 ? (code << 24) >> 24 : code;
    return Math.fround(q * this.scales[at] - this.offset(at));
  }
}

/**
 * The weighted squared error of rounding the first `count` values to (q - z) s, or some part of it of about `limit`
 * or more once it gets there.
 */
function errorOf(
  values: Float32Array,
  importance: Float32Array,
  count: number,
  s: number,
  z: number,
  low: number,
  high: number,
  limit: number,
): number {
  const inverse = 1 / s;
  const bound = limit / (s * s);
  let error = 0;
  for (let i = 0; i < count;) {
    for (const end = Math.min(i + 32, count); i < end; i++) {
      const exact = values[i] * inverse + z;
      const difference = exact - Math.min(high, Math.max(low, Math.floor(exact + 0.5)));
      error += difference * difference * importance[i];
    }
    if (error >= bound) break;
  }
  return error * s * s;
}
