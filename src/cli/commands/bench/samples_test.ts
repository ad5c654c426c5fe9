import { assertEquals } from "@std/assert";
import { quantile, summarize } from "./samples.ts";

Deno.test("summarize: median and tenths between neighbours, in any order", () => {
  const values = [7, 1, 10, 4, 2, 9, 3, 8, 5, 6, 0];
  assertEquals(summarize(values), { runs: 11, median: 5, p10: 1, p90: 9 });
  assertEquals(summarize([4, 1]), { runs: 2, median: 2.5, p10: 1.3, p90: 3.7 });
  assertEquals(summarize([3]), { runs: 1, median: 3, p10: 3, p90: 3 });
});

Deno.test("quantile: the ends are the smallest and the largest", () => {
  assertEquals([0, 0.25, 1].map((share) => quantile([1, 2, 3, 5, 8], share)), [1, 2, 8]);
});
