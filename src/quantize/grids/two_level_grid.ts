/**
 * 4-bit numbers in groups that are 8-bit integers of a channel: w = round((q - z) s) s_n.
 *
 * @module
 */
import { absmax, type Grid, halfScale, SHARES, singleScale } from "./grid.ts";
import type { GridParts, TwoLevelNumbers, TwoLevelOptions } from "./grid_parts.ts";
import { evenly, LargestValues, SLACK } from "./largest_values.ts";

/** An f64 that is larger than 2^52 in size has no fraction: adding this one rounds a small number. */
const WHOLE = 1.5 * 2 ** 52;

/** To the nearest integer, ties to even, as the kernels round. */
function nearest(value: number): number {
  return value + WHOLE - WHOLE;
}

/** The least code whose integer is 8 bits wide. */
function leastCode(s: number, z: number): number {
  return Math.max(0, z - Math.floor(128 / s));
}

/** The largest one. */
function largestCode(s: number, z: number): number {
  return Math.min(15, z + Math.floor(127 / s));
}

/** The whole scale at which no integer from `least` (at most 0) to `most` (at least 0) is clipped. */
function wholeScale(least: number, most: number): number {
  return Math.min(127, Math.max(1, Math.ceil((most - least) / 15)));
}

/** The least whole scale to try. */
function narrowest(widest: number): number {
  return Math.max(1, Math.floor(0.4 * widest));
}

/** The zero point of a whole scale. */
function wholeZero(s: number, least: number, most: number): number {
  const share = Math.min(1, (15 * s) / Math.max(1, most - least));
  // A zero point beyond -128 would only stand for integers that are not used.
  const zero = Math.min(15, Math.floor(128 / s), Math.round((-least * share) / s));
  return Math.max(0, zero);
}

/**
 * The weighted squared error of rounding the first `count` values to the grid, or some part of it of at least
 * `limit` once it gets there.
 */
function errorOf(
  values: Float32Array,
  importance: Float32Array,
  count: number,
  unit: number,
  s: number,
  z: number,
  limit: number,
): number {
  const low = leastCode(s, z);
  const high = largestCode(s, z);
  const inverse = 1 / (unit * s);
  let error = 0;
  for (let i = 0; i < count;) {
    for (const end = Math.min(i + 32, count); i < end; i++) {
      const q = Math.min(high, Math.max(low, Math.floor(values[i] * inverse + z + 0.5)));
      const difference = values[i] - nearest((q - z) * s) * unit;
      error += difference * difference * importance[i];
    }
    if (error >= limit) break;
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
  readonly channelScales: Float32Array;
  /** s of row r and group g at g n + r, as stored. */
  readonly scales: Float32Array;
  /** z of row r and group g at g n + r. */
  readonly zeros: Uint8Array;
  readonly #options: TwoLevelOptions;
  /** The codes of each group that may be used. */
  readonly #low: Uint8Array;
  readonly #high: Uint8Array;
  readonly #largest = new LargestValues();

  /** A grid for a weight [n, k], of numbers of its own or of those that another grid has. */
  constructor(n: number, k: number, options: TwoLevelOptions, numbers?: TwoLevelNumbers) {
    this.n = n;
    this.k = k;
    this.group = options.group;
    this.groups = Math.ceil(k / options.group);
    this.channelScales = numbers?.channelScales ?? new Float32Array(n).fill(1);
    this.scales = numbers?.scales ?? new Float32Array(this.groups * n).fill(1);
    this.zeros = numbers?.zeros ?? new Uint8Array(this.groups * n).fill(8);
    this.#low = numbers?.low ?? new Uint8Array(this.groups * n);
    this.#high = numbers?.high ?? new Uint8Array(this.groups * n).fill(15);
    this.#options = options;
  }

  /** See {@link Grid.parts}. */
  get parts(): GridParts {
    const { n, k, channelScales, scales, zeros } = this;
    const numbers = { channelScales, scales, zeros, low: this.#low, high: this.#high };
    return { kind: "two-level", n, k, options: this.#options, numbers };
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
    let least = 0;
    let most = 0;
    for (let i = 0; i < values.length; i++) {
      if (values[i] < least) least = values[i];
      else if (values[i] > most) most = values[i];
    }
    const unit = this.channelScales[row];
    const weights = importance ?? evenly(values.length);
    const largest = this.#largest;
    largest.gather(values, weights, Math.max(-least, most) / 2);
    let bestScale = 1;
    let bestZero = 8;
    let smallest = Infinity;
    const { whole } = this.#options;
    const [low, high] = [least / unit, most / unit];
    const widest = whole ? wholeScale(low, high) : Math.max(-low, high) / 7;
    const tries = whole ? widest - narrowest(widest) + 1 : widest === 0 ? 1 : SHARES.length;
    for (let i = 0; i < tries; i++) {
      const s = whole ? widest - i : widest === 0 ? 1 : halfScale(widest * SHARES[i]);
      const z = whole ? wholeZero(s, low, high) : 8;
      const limit = smallest * SLACK;
      const { count } = largest;
      if (errorOf(largest.values, largest.importance, count, unit, s, z, limit) > limit) continue;
      const error = errorOf(values, weights, values.length, unit, s, z, smallest);
      if (error < smallest) {
        bestScale = s;
        bestZero = z;
        smallest = error;
      }
    }
    this.scales[at] = bestScale;
    this.zeros[at] = bestZero;
    this.#low[at] = leastCode(this.scales[at], bestZero);
    this.#high[at] = largestCode(this.scales[at], bestZero);
  }

  /** See {@link Grid.code}. */
  code(row: number, g: number, value: number): number {
    const at = g * this.n + row;
    const unit = this.channelScales[row] * this.scales[at];
    const q = Math.floor(value / unit + this.zeros[at] + 0.5);
    return Math.min(this.#high[at], Math.max(this.#low[at], q));
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
}
