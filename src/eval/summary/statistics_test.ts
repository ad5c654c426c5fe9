import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import { normal } from "../../base/random.ts";
import { bootstrap, shareInterval } from "./statistics.ts";

Deno.test("shareInterval: Wilson's, at values from tables", () => {
  const cases: [share: number, n: number, low: number, high: number][] = [
    [0, 40, 0, 0.0876],
    [0.8, 10, 0.4902, 0.9433],
    [0.5, 100, 0.4038, 0.5962],
    [1, 5, 0.5655, 1],
  ];
  for (const [share, n, low, high] of cases) {
    const interval = shareInterval(share, n)!;
    assertAlmostEquals(interval[0], low, 1e-4);
    assertAlmostEquals(interval[1], high, 1e-4);
  }
  assertEquals(shareInterval(0, 0), null);
});

Deno.test("bootstrap: of a mean it is that of the normal distribution, and the same each time", () => {
  const next = normal(3);
  const n = 400;
  const values = Array.from({ length: n }, () => 7 + 2 * next());
  const mean = values.reduce((a, b) => a + b) / n;
  const deviation = Math.sqrt(values.reduce((sum, x) => sum + (x - mean) ** 2, 0) / n);
  const figure = (counts: Float64Array) => values.reduce((sum, x, i) => sum + counts[i] * x, 0) / n;
  const [low, high] = bootstrap(n, figure)!;
  // Ends of 2,000 draws vary by some hundredths of the interval.
  const half = 1.96 * deviation / Math.sqrt(n);
  assertAlmostEquals(low, mean - half, 0.15 * half);
  assertAlmostEquals(high, mean + half, 0.15 * half);
  assertEquals(bootstrap(n, figure), [low, high]);
});

Deno.test("bootstrap: none of one item, nor where draws have no figure", () => {
  assertEquals(bootstrap(1, () => 1), null);
  assertEquals(bootstrap(2, (counts) => counts[0] / counts[1]), null);
  let draws = 0;
  bootstrap(5, (counts) => {
    draws++;
    assert(counts.reduce((a, b) => a + b) === 5);
    return 0;
  });
  assertEquals(draws, 2000);
});
