/**
 * Orthogonal matrices that spread outliers over all dimensions, and cost little to apply.
 *
 * @module
 */
import { normal, uniform } from "../../base/random.ts";
import { ArgumentError } from "../../base/errors.ts";

/**
 * Q = diag(signs) (H x M) of `size` = p m dimensions: H the normalized Hadamard matrix of p, a power of two
 * (Sylvester's order), M an orthogonal matrix [m, m], x the Kronecker product. A vector is a row: x Q.
 */
export class Rotation {
  /** Dimensions. */
  readonly size: number;
  /** 1 or -1 for each dimension, f32 [size]. */
  readonly signs: Float32Array;
  /** M, f64 [m, m]. */
  readonly mixing: Float64Array;
  readonly #odd: number;

  /** The rotation of these parts. An ArgumentError where the sizes do not fit. */
  constructor(signs: Float32Array, mixing: Float64Array) {
    const odd = Math.sqrt(mixing.length);
    const power = signs.length / odd;
    if (!Number.isInteger(odd) || !Number.isInteger(power) || (power & (power - 1)) !== 0) {
      throw new ArgumentError(
        "mixing",
        `Cannot make a rotation of ${signs.length} dimensions with a matrix of ${mixing.length} ` +
          "elements: expected a square whose side leaves a power of two",
      );
    }
    this.size = signs.length;
    this.signs = signs;
    this.mixing = mixing;
    this.#odd = odd;
  }

  /** A random rotation of any number of dimensions; the same for the same seed. */
  static random(size: number, seed: number): Rotation {
    let odd = size;
    while (odd % 2 === 0) odd /= 2;
    const next = uniform(seed);
    const signs = Float32Array.from({ length: size }, () => next() < 0.5 ? -1 : 1);
    return new Rotation(signs, randomOrthogonal(odd, seed + 1));
  }

  /** Replaces every row x of `rows` f32 [count, size] by x Q. */
  apply(rows: Float32Array): void {
    const { size, signs } = this;
    for (let at = 0; at < rows.length; at += size) {
      const row = rows.subarray(at, at + size);
      for (let j = 0; j < size; j++) row[j] *= signs[j];
      this.#hadamard(row);
      this.#mix(row, false);
    }
  }

  /** Replaces every row y of `rows` f32 [count, size] by y Q^T, which undoes `apply`. */
  undo(rows: Float32Array): void {
    const { size, signs } = this;
    for (let at = 0; at < rows.length; at += size) {
      const row = rows.subarray(at, at + size);
      this.#mix(row, true);
      this.#hadamard(row);
      for (let j = 0; j < size; j++) row[j] *= signs[j];
    }
  }

  /** Sums and differences of halves, quarters, ...: dimension i m + r has place i in the Hadamard matrix. */
  #hadamard(row: Float32Array): void {
    const odd = this.#odd;
    for (let span = odd; span < row.length; span *= 2) {
      for (let start = 0; start < row.length; start += 2 * span) {
        for (let j = start; j < start + span; j++) {
          const [a, b] = [row[j], row[j + span]];
          row[j] = a + b;
          row[j + span] = a - b;
        }
      }
    }
    const scale = Math.sqrt(odd / row.length);
    for (let j = 0; j < row.length; j++) row[j] *= scale;
  }

  #mix(row: Float32Array, transposed: boolean): void {
    const odd = this.#odd;
    if (odd === 1) {
      if (this.mixing[0] < 0) { for (let j = 0; j < row.length; j++) row[j] = -row[j]; }
      return;
    }
    const mixed = new Float64Array(odd);
    for (let at = 0; at < row.length; at += odd) {
      for (let c = 0; c < odd; c++) {
        mixed[c] = 0;
        for (let r = 0; r < odd; r++) {
          mixed[c] += row[at + r] * this.mixing[transposed ? c * odd + r : r * odd + c];
        }
      }
      row.set(mixed, at);
    }
  }
}

/** A random orthogonal matrix f64 [size, size]: normal rows made orthogonal one after the other, twice for accuracy. */
function randomOrthogonal(size: number, seed: number): Float64Array<ArrayBuffer> {
  const next = normal(seed);
  const rows = Array.from(
    { length: size },
    () => Float64Array.from({ length: size }, () => next()),
  );
  const dot = (a: Float64Array, b: Float64Array) =>
    a.reduce((sum, value, i) => sum + value * b[i], 0);
  for (const [i, row] of rows.entries()) {
    for (let pass = 0; pass < 2; pass++) {
      for (const before of rows.slice(0, i)) {
        const share = dot(row, before);
        for (let j = 0; j < size; j++) row[j] -= share * before[j];
      }
    }
    const length = Math.sqrt(dot(row, row));
    for (let j = 0; j < size; j++) row[j] /= length;
  }
  const out = new Float64Array(size * size);
  rows.forEach((row, i) => out.set(row, i * size));
  return out;
}
