import { assertEquals } from "@std/assert";
import { Counter, Gauge, Histogram } from "./metrics.ts";

Deno.test("metrics: counters, with and without labels", () => {
  const plain = new Counter("a_total", "What a is.");
  assertEquals(plain.render(), "# HELP a_total What a is.\n# TYPE a_total counter\na_total 0\n");
  const labelled = new Counter("b_total", "B.", true);
  labelled.add(1, { path: 'a"\\\n' });
  labelled.add(2, { path: 'a"\\\n' });
  assertEquals(
    labelled.render(),
    '# HELP b_total B.\n# TYPE b_total counter\nb_total{path="a\\"\\\\\\n"} 3\n',
  );
});

Deno.test("metrics: a histogram counts what is at most each bound", () => {
  const histogram = new Histogram("h", "H.", [1, 2]);
  for (const value of [0.5, 1, 1.5, 9]) histogram.observe(value);
  histogram.observe(2, 3);
  assertEquals(histogram.render().split("\n").slice(2), [
    'h_bucket{le="1"} 2',
    'h_bucket{le="2"} 6',
    'h_bucket{le="+Inf"} 7',
    "h_sum 18",
    "h_count 7",
    "",
  ]);
});

Deno.test("metrics: a gauge is asked when it is looked at", () => {
  let value = 1;
  const gauge = new Gauge("g", "G.", () => value);
  value = 5;
  assertEquals(gauge.render(), "# HELP g G.\n# TYPE g gauge\ng 5\n");
});
