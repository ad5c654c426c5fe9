/**
 * The ops in f64, written plainly from their definitions.
 *
 * @module
 */

/** y = x w^T + bias; x [m, k], w [n, k]. */
export function product(
  x: Float64Array,
  w: Float64Array,
  bias: Float64Array | null,
  m: number,
  n: number,
  k: number,
): Float64Array {
  const y = new Float64Array(m * n);
  for (let i = 0; i < m; i++) {
    for (let j = 0; j < n; j++) {
      let sum = bias === null ? 0 : bias[j];
      for (let p = 0; p < k; p++) sum += x[i * k + p] * w[j * k + p];
      y[i * n + j] = sum;
    }
  }
  return y;
}

/** x / sqrt(mean(x^2) + eps) * weight, row by row. */
export function rmsNorm(x: Float64Array, weight: Float64Array, eps: number): Float64Array {
  const width = weight.length;
  const out = new Float64Array(x.length);
  for (let start = 0; start < x.length; start += width) {
    let squares = 0;
    for (let j = 0; j < width; j++) squares += x[start + j] ** 2;
    const scale = 1 / Math.sqrt(squares / width + eps);
    for (let j = 0; j < width; j++) out[start + j] = x[start + j] * scale * weight[j];
  }
  return out;
}

/** Rotates one head by the angles of a row of the table: cosines, then sines. */
export function rotate(head: Float64Array, table: Float64Array): Float64Array {
  const half = head.length / 2;
  return head.map((value, j) => {
    const [cos, sin] = [table[j % half], table[half + j % half]];
    return j < half ? value * cos - head[j + half] * sin : value * cos + head[j - half] * sin;
  });
}

/** Attention of one query head over ordered (key, value) pairs. */
export function attend(
  q: Float64Array,
  keys: Float64Array[],
  values: Float64Array[],
  scale: number,
): Float64Array {
  const scores = new Float64Array(keys.length);
  let top = -Infinity;
  for (let p = 0; p < keys.length; p++) {
    const key = keys[p];
    let sum = 0;
    for (let j = 0; j < q.length; j++) sum += key[j] * q[j];
    scores[p] = scale * sum;
    top = Math.max(top, scores[p]);
  }
  const weights = scores.map((score) => Math.exp(score - top));
  const total = weights.reduce((a, b) => a + b, 0);
  const out = new Float64Array(q.length);
  for (let p = 0; p < values.length; p++) {
    const [weight, value] = [weights[p] / total, values[p]];
    for (let j = 0; j < q.length; j++) out[j] += weight * value[j];
  }
  return out;
}

/** silu(gate) * up. */
export function siluMul(gate: number, up: number): number {
  return gate / (1 + Math.exp(-gate)) * up;
}

/** Logits minus the logarithm of the sum of their exponentials. */
export function logSoftmax(logits: Float64Array): Float64Array {
  const top = logits.reduce((a, b) => Math.max(a, b), -Infinity);
  const sum = logits.reduce((total, x) => total + Math.exp(x - top), 0);
  return logits.map((x) => x - top - Math.log(sum));
}

/** The indices of the `count` largest, descending, the lower index first among equals. */
export function topIndices(values: ArrayLike<number>, count: number): number[] {
  const order = Array.from(values, (_, i) => i);
  return order.sort((a, b) => values[b] - values[a] || a - b).slice(0, count);
}
