/**
 * 4-bit numbers in groups that are 8-bit integers of a channel: w = round((q - z) s) s_n.
 *
 * @module
 */
import { absmax, type Grid, halfScale, SHARES, singleScale } from "./grid.ts";

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

/** To the nearest integer, ties to even, as the kernels round. */
function nearest(value: number): number {
  const down = Math.floor(value);
  const rest = value - down;
  if (rest !== 0.5) return rest < 0.5 ? down : down + 1;
  return down % 2 === 0 ? down : down + 1;
}

/** The codes whose integers are 8 bits wide. */
function codeRange(s: number, z: number): readonly [low: number, high: number] {
  return [Math.max(0, z - Math.floor(128 / s)), Math.min(15, z + Math.floor(127 / s))];
}

/** The weighted squared error of rounding to the grid, or some value of at least `limit` once it passes that. */
function squaredError(
  values: Float32Array,
  importance: Float32Array | undefined,
  unit: number,
  s: number,
  z: number,
  limit: number,
): number {
  const [low, high] = codeRange(s, z);
  const inverse = 1 / (unit * s);
  let error = 0;
  for (let i = 0; i < values.length && error < limit; i++) {
    let q = Math.floor(values[i] * inverse + z + 0.5);
    if (q < low) q = low;
    else if (q > high) q = high;
    const difference = values[i] - nearest((q - z) * s) * unit;
    error += difference * difference * (importance === undefined ? 1 : importance[i]);
  }
  return error;
}

/**
 * A grid of two levels. No code is used whose integer would leave -128 to 127, so that kernels need not
 * saturate: QServe's protective range, kept code by code.
 */
export class TwoLevelGrid implements Grid {
  /** Outputs. */
  readonly n: number;
  /** Inputs. */
  readonly k: number;
  /** Inputs of a group. */
  readonly group: number;
  /** Groups of a row. */
  readonly groups: number;
  /** s_n of each row, as stored. */
  readonly channelScales: Float32Array<ArrayBuffer>;
  /** s of row r and group g at g n + r, as stored. */
  readonly scales: Float32Array<ArrayBuffer>;
  /** z of row r and group g at g n + r. */
  readonly zeros: Uint8Array<ArrayBuffer>;
  readonly #options: TwoLevelOptions;

  /** A grid for a weight [n, k]. */
  constructor(n: number, k: number, options: TwoLevelOptions) {
    this.n = n;
    this.k = k;
    this.group = options.group;
    this.groups = Math.ceil(k / options.group);
    this.channelScales = new Float32Array(n).fill(1);
    this.scales = new Float32Array(this.groups * n).fill(1);
    this.zeros = new Uint8Array(this.groups * n).fill(8);
    this.#options = options;
  }

  /** See {@link Grid.fitRow}. */
  fitRow(row: number, values: Float32Array): void {
    const { most, channelScale } = this.#options;
    const scale = absmax(values) / most;
    this.channelScales[row] = scale === 0
      ? 1
      : channelScale === "f16"
      ? halfScale(scale)
      : singleScale(scale);
  }

  /** See {@link Grid.fit}. */
  fit(row: number, g: number, values: Float32Array, importance?: Float32Array): void {
    const at = g * this.n + row;
    let [least, most] = [0, 0];
    for (let i = 0; i < values.length; i++) {
      if (values[i] < least) least = values[i];
      else if (values[i] > most) most = values[i];
    }
    const unit = this.channelScales[row];
    let [bestScale, bestZero, smallest] = [1, 8, Infinity];
    for (const [s, z] of this.#candidates(least / unit, most / unit)) {
      const error = squaredError(values, importance, unit, s, z, smallest);
      if (error < smallest) [bestScale, bestZero, smallest] = [s, z, error];
    }
    [this.scales[at], this.zeros[at]] = [bestScale, bestZero];
  }

  /** See {@link Grid.code}. */
  code(row: number, g: number, value: number): number {
    const at = g * this.n + row;
    const [s, z] = [this.scales[at], this.zeros[at]];
    const [low, high] = codeRange(s, z);
    const q = Math.floor(value / (this.channelScales[row] * s) + z + 0.5);
    return q < low ? low : q > high ? high : q;
  }

  /** See {@link Grid.value}. */
  value(row: number, g: number, code: number): number {
    return Math.fround(this.integer(row, g, code) * this.channelScales[row]);
  }

  /** The integer that a code stands for. */
  integer(row: number, g: number, code: number): number {
    const at = g * this.n + row;
    return nearest((code - this.zeros[at]) * this.scales[at]);
  }

  /** Scales and zero points to try for integers from `least` (at most 0) to `most` (at least 0). */
  *#candidates(least: number, most: number): Generator<[s: number, z: number]> {
    if (!this.#options.whole) {
      const widest = Math.max(-least, most) / 7;
      if (widest === 0) return yield [1, 8];
      for (const share of SHARES) yield [halfScale(widest * share), 8];
      return;
    }
    const widest = Math.min(127, Math.max(1, Math.ceil((most - least) / 15)));
    for (let s = widest; s >= Math.max(1, Math.floor(0.4 * widest)); s--) {
      const share = Math.min(1, (15 * s) / Math.max(1, most - least));
      // A zero point beyond -128 would only stand for integers that are not used.
      const zero = Math.min(15, Math.floor(128 / s), Math.round((-least * share) / s));
      yield [s, Math.max(0, zero)];
    }
  }
}
