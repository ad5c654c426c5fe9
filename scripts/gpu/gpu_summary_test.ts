import { assertEquals } from "@std/assert";
import { suiteText, summarizeSuite } from "./gpu_summary.ts";

Deno.test("summarizeSuite: items by stage, in order, with sums", () => {
  const results = "test\tb\t3\t0\t5\t\nbuild\tcpu\t1\t0\t9\t\ntest\ta\t2\t1\t4\tended with 1\n";
  const stages = summarizeSuite(results, "build\t9\ntest\t6\n");
  assertEquals(stages.map(({ name, seconds, passed, failed }) => [name, seconds, passed, failed]), [
    ["build", 9, 1, 0],
    ["test", 6, 5, 1],
  ]);
  assertEquals(stages[1].items.map(({ name, note }) => [name, note]), [
    ["a", "ended with 1"],
    ["b", null],
  ]);
  assertEquals(
    suiteText(stages),
    "ok     build: 1 passed, 0 failed, 9 s\n" +
      "FAILED test: 5 passed, 1 failed, 6 s\n" +
      "       a: 1 failed (ended with 1)",
  );
});
