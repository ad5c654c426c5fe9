/**
 * Whether counts are those of a distribution.
 *
 * @module
 */

/** ln Γ(x), x > 0, by Stirling's series far enough up. */
function logGamma(x: number): number {
  let shift = 0;
  for (; x < 15; x++) shift -= Math.log(x);
  const inverse = 1 / (x * x);
  const series = (1 / 12 - inverse * (1 / 360 - inverse * (1 / 1260 - inverse / 1680))) / x;
  return shift + (x - 0.5) * Math.log(x) - x + 0.5 * Math.log(2 * Math.PI) + series;
}

/** The chance that a chi-square of so many degrees of freedom is `value` or more. */
export function chiSquareTail(value: number, freedom: number): number {
  if (value <= 0) return 1;
  const [a, x] = [freedom / 2, value / 2];
  const scale = Math.exp(a * Math.log(x) - x - logGamma(a));
  if (x < a + 1) {
    // The lower part as a series.
    let term = 1 / a;
    let sum = term;
    for (let n = 1; term > sum * 1e-15; n++) sum += term *= x / (a + n);
    return 1 - scale * sum;
  }
  // The upper part as a continued fraction, from far down.
  let fraction = 0;
  for (let n = 500; n > 0; n--) fraction = n * (n - a) / (x + 2 * n + 1 - a - fraction);
  return scale / (x + 1 - a - fraction);
}

/**
 * Pearson's test: the chance that counts of these probabilities differ from what is expected by as much as `counts` or
 * more. Cells of fewer than 5 expected are one; 0 where something was seen that is not possible.
 */
export function goodness(counts: ArrayLike<number>, probabilities: ArrayLike<number>): number {
  const total = Array.from(counts).reduce((a, b) => a + b, 0);
  let [value, cells, rare, rarely] = [0, 0, 0, 0];
  const add = (count: number, expected: number) => {
    value += (count - expected) ** 2 / expected;
    cells++;
  };
  for (let i = 0; i < counts.length; i++) {
    const expected = probabilities[i] * total;
    if (expected === 0) {
      if (counts[i] > 0) return 0;
    } else if (expected < 5) {
      rare += counts[i];
      rarely += expected;
    } else add(counts[i], expected);
  }
  if (rarely > 0) add(rare, rarely);
  return cells < 2 ? 1 : chiSquareTail(value, cells - 1);
}
