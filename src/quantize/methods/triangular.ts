/**
 * Small matrices in f64: what is factored on the host.
 *
 * @module
 */

/**
 * Overwrites the upper triangle of the symmetric `a` [n, n] with R, upper triangular, so that R R^T is the
 * matrix; the last column comes first. Returns -1, or the column at which the matrix is not positive.
 */
export function upperFactor(a: Float64Array, n: number): number {
  for (let j = n - 1; j >= 0; j--) {
    const square = a[j * n + j] - dot(a, j * n, j * n, j + 1, n);
    if (!(square > 0)) return j;
    const size = Math.sqrt(square);
    a[j * n + j] = size;
    for (let i = 0; i < j; i++) {
      a[i * n + j] = (a[i * n + j] - dot(a, i * n, j * n, j + 1, n)) / size;
    }
  }
  return -1;
}

/** The inverse of an upper triangular matrix [n, n], with zeros below the diagonal. */
export function invertUpper(r: Float64Array, n: number): Float64Array {
  const inverse = new Float64Array(n * n);
  for (let i = n - 1; i >= 0; i--) {
    const size = r[i * n + i];
    inverse[i * n + i] = 1 / size;
    for (let m = i + 1; m < n; m++) {
      const factor = r[i * n + m] / size;
      for (let j = m; j < n; j++) inverse[i * n + j] -= factor * inverse[m * n + j];
    }
  }
  return inverse;
}

/** The sum of a[x + m] a[y + m] for m from `from` to `to` - 1. */
function dot(a: Float64Array, x: number, y: number, from: number, to: number): number {
  let sum = 0;
  for (let m = from; m < to; m++) sum += a[x + m] * a[y + m];
  return sum;
}
