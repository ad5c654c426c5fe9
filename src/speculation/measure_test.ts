/**
 * What is made of measured times.
 */
import { assertEquals } from "@std/assert";
import { neverLess } from "./measure.ts";

Deno.test("times that descend are their mean, and nothing behind them is held up by one of them", () => {
  assertEquals(neverLess([1, 2, 3]), [1, 2, 3]);
  assertEquals(neverLess([1, 3, 2, 5]), [1, 2.5, 2.5, 5]);
  // One that something else held up.
  assertEquals(neverLess([1, 9, 2, 4, 6]), [1, 5, 5, 5, 6]);
  assertEquals(neverLess([4, 3, 2]), [3, 3, 3]);
  assertEquals(neverLess([]), []);
});
