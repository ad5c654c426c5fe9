/**
 * Scales that move from activations into the weights that read them (SmoothQuant, AWQ, QQQ).
 *
 * @module
 */
import { E4M3_MAX, E4M3_VALUES, toE4m3 } from "../../base/e4m3.ts";
import { portable } from "../grids/portable_grid.ts";
import type { Quantizer } from "../quantizers/quantizer.ts";
import { RowPool } from "../rows/row_pool.ts";
import { smoothRows } from "./smooth_rows.ts";

/** Weights that read one input, and what is known of it. */
export interface SmoothProblem {
  /** Inputs. */
  readonly k: number;
  /** The weights, f32 [n, k] each. */
  readonly weights: readonly Float32Array[];
  /** Largest magnitude of each input, f32 [k]. */
  readonly absmax: Float32Array;
  /** Mean square of each input, f32 [k]. */
  readonly squares: Float32Array;
  /** Some rows of input, f32 [rows, k]. */
  readonly sample: Float32Array;
  /** Inputs of the same number must have the same factor, i32 [k]; each its own where absent. */
  readonly shared?: Int32Array;
}

/** Powers of activation and weight that are tried: none, SmoothQuant's, AWQ's. */
const POWERS: readonly (readonly [activation: number, weight: number])[] = [
  [0, 0],
  ...[0.3, 0.4, 0.5, 0.6, 0.7, 0.8].map((alpha) => [alpha, 1 - alpha] as const),
  ...[0.25, 0.5, 0.75, 1].map((alpha) => [alpha, 0] as const),
];

/** Outputs of each weight that a trial looks at. */
const OUTPUTS = 128;

/** Factors stay within this and its inverse: norms must hold them. */
const MOST = 64;

/**
 * The factor that each input is divided by, and the weights multiplied with, f32 [k]: of those tried, the one
 * with the least error of products of the sample where weights and activations are rounded. All 1 where
 * nothing is better.
 */
export function smoothingFactors(
  problem: SmoothProblem,
  quantizer: Quantizer,
  pool: RowPool = new RowPool(),
): Float32Array<ArrayBuffer> {
  const { k, squares, sample } = problem;
  const weights = problem.weights.map((weight) => some(weight, k));
  const outputs = weights.map((weight) => weight.length / k);
  const n = outputs.reduce((sum, count) => sum + count, 0);
  const rows = sample.length / k;
  const { given, run } = pool.share(smoothRows, {
    grid: portable(quantizer.draft(n, k).grid),
    weights: joined(weights, n * k),
    sample,
    factors: new Float32Array(k),
    importance: new Float32Array(k),
    products: new Float64Array(n * rows),
  });
  run("exact", n);
  const exact = given.products.slice();
  const largest = groupMost(problem, weightMost(problem.weights, k));
  let best = new Float32Array(k).fill(1);
  let least = Infinity;
  for (const [a, w] of POWERS) {
    const factors = normalized(largest.activation, largest.weight, a, w);
    given.factors.set(factors);
    given.sample.set(roundedRows(sample, factors, k, quantizer.activations));
    given.importance.set(squares.map((square, j) => square / (factors[j] * factors[j])));
    run("rounded", n);
    const error = squaredError(given.products, exact, outputs, rows);
    if (error < least) [best, least] = [factors, error];
  }
  return best;
}

/** All weights as one. */
function joined(weights: readonly Float32Array[], size: number): Float32Array {
  const out = new Float32Array(size);
  let at = 0;
  for (const weight of weights) {
    out.set(weight, at);
    at += weight.length;
  }
  return out;
}

/** The squared error of products [outputs, rows], added up weight by weight and row by row. */
function squaredError(
  found: Float64Array,
  exact: Float64Array,
  outputs: readonly number[],
  rows: number,
): number {
  let error = 0;
  let first = 0;
  for (const count of outputs) {
    for (let row = 0; row < rows; row++) {
      for (let output = first; output < first + count; output++) {
        const at = output * rows + row;
        error += (found[at] - exact[at]) ** 2;
      }
    }
    first += count;
  }
  return error;
}

/** Some rows of a weight, evenly spread. */
function some(weight: Float32Array, k: number): Float32Array {
  const n = weight.length / k;
  if (n <= OUTPUTS) return weight;
  const out = new Float32Array(OUTPUTS * k);
  for (let i = 0; i < OUTPUTS; i++) {
    const row = Math.floor((i * n) / OUTPUTS);
    out.set(weight.subarray(row * k, (row + 1) * k), i * k);
  }
  return out;
}

function weightMost(weights: readonly Float32Array[], k: number): Float32Array {
  const most = new Float32Array(k);
  for (const weight of weights) {
    for (let i = 0; i < weight.length; i++) {
      const size = Math.abs(weight[i]);
      if (size > most[i % k]) most[i % k] = size;
    }
  }
  return most;
}

/** The largest activation and weight of each input, of all inputs that share its factor. */
function groupMost(
  { absmax, shared }: SmoothProblem,
  weight: Float32Array,
): { activation: Float32Array; weight: Float32Array } {
  if (shared === undefined) return { activation: absmax, weight };
  const widen = (values: Float32Array): Float32Array => {
    const most = new Map<number, number>();
    values.forEach((value, j) => most.set(shared[j], Math.max(most.get(shared[j]) ?? 0, value)));
    return values.map((_, j) => most.get(shared[j])!);
  };
  return { activation: widen(absmax), weight: widen(weight) };
}

/** activation^a / weight^w with a geometric mean of 1; 1 where either is zero. */
function normalized(
  activation: Float32Array,
  weight: Float32Array,
  a: number,
  w: number,
): Float32Array<ArrayBuffer> {
  const logs = Float64Array.from(
    activation,
    (size, j) => size > 0 && weight[j] > 0 ? a * Math.log(size) - w * Math.log(weight[j]) : 0,
  );
  const mean = logs.reduce((sum, value) => sum + value, 0) / logs.length;
  return Float32Array.from(logs, (value) => {
    const factor = value === 0 ? 1 : Math.exp(value - mean);
    return Math.min(MOST, Math.max(1 / MOST, factor));
  });
}

/** The rows divided by the factors and rounded as products read them. */
function roundedRows(
  sample: Float32Array,
  factors: Float32Array,
  k: number,
  form: Quantizer["activations"],
): Float32Array {
  const out = sample.map((value, at) => value / factors[at % k]);
  if (form === "rows") return out;
  for (let at = 0; at < out.length; at += k) {
    const row = out.subarray(at, at + k);
    const most = row.reduce((largest, value) => Math.max(largest, Math.abs(value)), 0);
    if (most === 0) continue;
    const scale = most / (form === "i8" ? 127 : E4M3_MAX);
    for (let j = 0; j < k; j++) {
      row[j] = (form === "i8" ? Math.round(row[j] / scale) : E4M3_VALUES[toE4m3(row[j] / scale)]) *
        scale;
    }
  }
  return out;
}
