/**
 * GPTQ (arXiv 2210.17323): inputs are quantized one after the other, and what one gets wrong those behind it
 * make up for as well as they can.
 *
 * @module
 */
import { type Factor, factorize } from "./factor.ts";
import { expectFinite, type Grid } from "./grid.ts";

/** How GPTQ works. */
export interface GptqOptions {
  /** Added to the Hessian's diagonal, as a share of its mean: 0.01 is usual. */
  readonly damping: number;
  /** Whether the most active inputs come first, and groups follow that order. */
  readonly actOrder: boolean;
}

/** A weight as codes. */
export interface Coded {
  /** u8 [n, k]. */
  readonly codes: Uint8Array<ArrayBuffer>;
  /** The group of each input, i32 [k]; absent where groups are runs of inputs. */
  readonly groupOf?: Int32Array<ArrayBuffer>;
}

/** Rows that share each read of the factor. */
const ROWS = 4;

/** What GPTQ needs to know of a layer's inputs: it serves all weights that read them. */
export interface GptqInputs {
  /** The factored Hessian. */
  readonly factor: Factor;
  /** Which input comes when, i32 [k]; as they are where absent. */
  readonly order?: Int32Array<ArrayBuffer>;
}

/** Prepares `hessian`, f32 [k, k]: the sum of x^T x over rows of input, up to a factor. */
export function gptqInputs(hessian: Float32Array, k: number, options: GptqOptions): GptqInputs {
  const { damping, actOrder } = options;
  const order = actOrder
    ? Int32Array.from({ length: k }, (_, i) => i)
      .sort((a, b) => hessian[b * k + b] - hessian[a * k + a] || a - b)
    : undefined;
  return { factor: factorize(hessian, k, damping, order), ...(order && { order }) };
}

/** Codes of a weight f32 [n, k]. Deterministic; an ArgumentError where a value is not finite. */
export function gptq(weight: Float32Array, grid: Grid, inputs: GptqInputs): Coded {
  const { n, k, group } = grid;
  const { factor: { shares, costs }, order } = inputs;
  expectFinite(weight);
  const codes = new Uint8Array(n * k);
  const values = new Float32Array(ROWS * k); // the rows at work, in order
  const errors = new Float32Array(ROWS * k);
  const partial = new Float64Array(ROWS * group); // what inputs before this group leave to each of it
  const wanted = new Float32Array(group);
  const sums = new Float64Array(ROWS);
  for (let first = 0; first < n; first += ROWS) {
    const rows = Math.min(ROWS, n - first);
    for (let r = 0; r < rows; r++) {
      const from = (first + r) * k;
      for (let i = 0; i < k; i++) values[r * k + i] = weight[from + (order ? order[i] : i)];
      grid.fitRow?.(first + r, weight.subarray(from, from + k));
    }
    for (let start = 0, g = 0; start < k; start += group, g++) {
      const end = Math.min(start + group, k);
      for (let i = start; i < end; i++) {
        addUp(sums, shares, i * k, errors, k, 0, start);
        for (let r = 0; r < rows; r++) partial[r * group + i - start] = sums[r];
      }
      for (let r = 0; r < rows; r++) {
        for (let i = start; i < end; i++) {
          wanted[i - start] = values[r * k + i] + partial[r * group + i - start];
        }
        const part = wanted.subarray(0, end - start);
        grid.fit(first + r, g, part, costs.subarray(start, end));
      }
      for (let i = start; i < end; i++) {
        addUp(sums, shares, i * k, errors, k, start, i);
        for (let r = 0; r < rows; r++) {
          const value = values[r * k + i];
          const code = grid.code(first + r, g, value + partial[r * group + i - start] + sums[r]);
          errors[r * k + i] = value - grid.value(first + r, g, code);
          codes[(first + r) * k + (order ? order[i] : i)] = code;
        }
      }
    }
  }
  if (order === undefined || group >= k) return { codes };
  const groupOf = new Int32Array(k);
  order.forEach((input, i) => groupOf[input] = Math.floor(i / group));
  return { codes, groupOf };
}

/** sums[r] = the sum of errors[r, j] shares[at + j] for j from `from` to `to` - 1. */
function addUp(
  sums: Float64Array,
  shares: Float32Array,
  at: number,
  errors: Float32Array,
  k: number,
  from: number,
  to: number,
): void {
  let [s0, s1, s2, s3] = [0, 0, 0, 0];
  for (let j = from; j < to; j++) {
    const share = shares[at + j];
    s0 += errors[j] * share;
    s1 += errors[k + j] * share;
    s2 += errors[2 * k + j] * share;
    s3 += errors[3 * k + j] * share;
  }
  [sums[0], sums[1], sums[2], sums[3]] = [s0, s1, s2, s3];
}
