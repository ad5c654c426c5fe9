import { assert, assertEquals } from "@std/assert";
import { depthLegend, paint, paintByDepth, proposerColor } from "./color.ts";

Deno.test("paintByDepth: drafts are the darker the deeper, the target is one colour", () => {
  for (const by of ["head", "draft", "suffix"]) {
    const shades = [1, 2, 3, 4, 5, 6, 7, 20].map((depth) => paintByDepth(by, depth, "a"));
    assertEquals(new Set(shades).size, 3, by);
    for (const same of [[0, 1, 2], [3, 4, 5], [6, 7]]) {
      assertEquals(new Set(same.map((at) => shades[at])).size, 1, by);
    }
  }
  const all = ["head", "draft", "suffix"].map((by) => paintByDepth(by, 1, "a"));
  assertEquals(new Set(all).size, 3);
  for (const by of ["target", "grammar", "another"]) {
    assertEquals(paintByDepth(by, 1, "a"), paint(proposerColor(by), "a"));
    assertEquals(paintByDepth(by, 9, "a"), paintByDepth(by, 1, "a"));
  }
  assertEquals(paintByDepth("head", 1, ""), "");
  const legend = depthLegend(["target", "head"]);
  for (const depth of [1, 4, 7]) {
    assert(legend.includes(paintByDepth("head", depth, depth === 1 ? "head 1" : `${depth}`)));
  }
});
