/**
 * Evenly spaced numbers: w = (q - z) s.
 *
 * @module
 */
import { type Grid, halfScale, SHARES, singleScale } from "./grid.ts";

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
  readonly scales: Float32Array<ArrayBuffer>;
  /** z of row r and group g at g n + r; zeros where z is 0. */
  readonly zeros: Uint8Array<ArrayBuffer>;
  readonly #options: AffineOptions;

  /** A grid for a weight [n, k]. */
  constructor(n: number, k: number, options: AffineOptions) {
    this.n = n;
    this.k = k;
    this.group = Math.min(options.group, k);
    this.groups = Math.ceil(k / this.group);
    this.scales = new Float32Array(this.groups * n).fill(1);
    this.zeros = new Uint8Array(this.groups * n);
    this.#options = options;
  }

  /** What the file holds in place of the zero point where that is scaled: z s as f16. */
  offset(at: number): number {
    const exact = this.zeros[at] * this.scales[at];
    return this.#options.scaledZeros ? Math.f16round(exact) : exact;
  }

  /** See {@link Grid.fit}: the best of some scales, the larger of equals. */
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
    const widest = fixed ? Math.max(-least, most) / (high - zero) : (most - least) / (high - low);
    if (widest === 0) {
      this.scales[at] = 1;
      this.zeros[at] = fixed ? zero : zero[0];
      return;
    }
    let [bestScale, bestZero, smallest, previous] = [NaN, 0, Infinity, NaN];
    for (const share of SHARES) {
      const s = stored === "f16" ? halfScale(widest * share) : singleScale(widest * share);
      if (s === previous) continue;
      previous = s;
      const z = fixed
        ? zero
        : Math.min(zero[1], Math.max(zero[0], Math.round((-least * share) / s) + low));
      const error = squaredError(values, importance, s, z, low, high, smallest);
      if (error < smallest) [bestScale, bestZero, smallest] = [s, z, error];
    }
    // An error beyond f64 leaves nothing to choose from: the widest scale clips least.
    this.scales[at] = Number.isNaN(bestScale) ? previous : bestScale;
    this.zeros[at] = bestZero;
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

/** The weighted squared error of rounding to (q - z) s, or some value of at least `limit` once it passes that. */
function squaredError(
  values: Float32Array,
  importance: Float32Array | undefined,
  s: number,
  z: number,
  low: number,
  high: number,
  limit: number,
): number {
  const inverse = 1 / s;
  const bound = limit / (s * s);
  let error = 0;
  for (let i = 0; i < values.length; i++) {
    const exact = values[i] * inverse + z;
    let q = Math.floor(exact + 0.5);
    if (q > high) q = high;
    else if (q < low) q = low;
    const difference = exact - q;
    error += difference * difference * (importance === undefined ? 1 : importance[i]);
    if ((i & 31) === 31 && error >= bound) break;
  }
  return error * s * s;
}
