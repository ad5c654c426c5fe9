/**
 * How the errors of quantized inputs can be made up for by inputs that are not quantized yet.
 *
 * @module
 */
import { ArgumentError } from "../../base/errors.ts";

/**
 * A symmetric positive matrix H as U D U^T with U unit upper triangular: in the loss e H e^T of errors e,
 * input i costs D_i (e_i + sum over j < i of e_j U_ji)^2, so the best value of input i, those before it
 * given, is w_i + sum over j < i of e_j U_ji. That is GPTQ's update in the form of arXiv 2307.13304: one
 * factorization and no inverse.
 */
export interface Factor {
  /** Inputs. */
  readonly k: number;
  /** U_ji at i k + j for j < i: what input i takes of the error of input j. f32 [k, k]. */
  readonly shares: Float32Array<ArrayBuffer>;
  /** D, f32 [k]. */
  readonly costs: Float32Array<ArrayBuffer>;
}

/** Columns that are worked on at once: their rows stay in a cache. */
const PANEL = 32;

/**
 * Factors H + damping mean(diag H) I, where `hessian` is f32 [k, k] and `order` says which input comes when.
 * An ArgumentError where H holds a number that is not finite.
 */
export function factorize(
  hessian: Float32Array,
  k: number,
  damping: number,
  order?: Int32Array,
): Factor {
  const at = (i: number) => order === undefined ? i : order[i];
  let mean = 0;
  for (let i = 0; i < k; i++) mean += hessian[i * k + i] / k;
  if (!(mean < Infinity)) {
    throw new ArgumentError("hessian", `Cannot factor a Hessian: its mean diagonal is ${mean}`);
  }
  const damp = mean > 0 ? damping * mean : 1;
  const r = new Float32Array(k * k);
  for (let i = 0; i < k; i++) {
    for (let j = i; j < k; j++) r[i * k + j] = hessian[at(i) * k + at(j)];
    r[i * k + i] += damp;
  }
  upperFactor(r, k);
  const costs = new Float32Array(k);
  const shares = new Float32Array(k * k);
  for (let i = 0; i < k; i++) {
    const size = r[i * k + i];
    costs[i] = size * size;
    for (let j = 0; j < i; j++) shares[i * k + j] = r[j * k + i] / size;
  }
  return { k, shares, costs };
}

/** Overwrites the upper triangle of `r` [k, k] with R, upper triangular, so that R R^T is the matrix. */
function upperFactor(r: Float32Array, k: number): void {
  for (let end = k; end > 0; end -= PANEL) {
    const start = Math.max(0, end - PANEL);
    // What the columns behind the panel contribute to it.
    for (let i = 0; i < end; i++) {
      for (let j = Math.max(i, start); j < end; j++) r[i * k + j] -= dot(r, i * k, j * k, end, k);
    }
    for (let j = end - 1; j >= start; j--) {
      const square = r[j * k + j] - dot(r, j * k, j * k, j + 1, end);
      if (!(square > 0)) {
        throw new ArgumentError(
          "hessian",
          `Cannot factor a Hessian: it is not positive at input ${j}; use more damping`,
        );
      }
      const size = Math.sqrt(square);
      r[j * k + j] = size;
      for (let i = 0; i < j; i++) {
        r[i * k + j] = (r[i * k + j] - dot(r, i * k, j * k, j + 1, end)) / size;
      }
    }
  }
}

/** The sum of a[x + m] a[y + m] for m from `from` to `to` - 1, in four parts that do not wait for each other. */
function dot(a: Float32Array, x: number, y: number, from: number, to: number): number {
  let [s0, s1, s2, s3] = [0, 0, 0, 0];
  let m = from;
  for (; m + 3 < to; m += 4) {
    s0 += a[x + m] * a[y + m];
    s1 += a[x + m + 1] * a[y + m + 1];
    s2 += a[x + m + 2] * a[y + m + 2];
    s3 += a[x + m + 3] * a[y + m + 3];
  }
  for (; m < to; m++) s0 += a[x + m] * a[y + m];
  return s0 + s1 + (s2 + s3);
}
