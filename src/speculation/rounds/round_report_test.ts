import { assertAlmostEquals, assertEquals } from "@std/assert";
import { chancesOf } from "./chances.ts";
import { nodesOf } from "./round_report.ts";

Deno.test("round report: the path that was taken, with rows left out that propose nothing", () => {
  const proposal = {
    tokens: [1, 2, 3, 9, 2],
    parents: [-1, 0, 0, 0, 2],
    chances: [1, 0.5, 0.25, null, undefined],
    by: (row: number) => `row ${row}`,
  };
  assertEquals(nodesOf(proposal, [3, 2]), [
    { token: 1, parent: -1, isAccepted: true },
    { token: 2, parent: 0, by: "row 1", chance: 0.5, isAccepted: false },
    { token: 3, parent: 0, by: "row 2", chance: 0.25, isAccepted: true },
    { token: 2, parent: 2, by: "row 4", isAccepted: true },
  ]);
  assertEquals(nodesOf(proposal, []).map(({ isAccepted }) => isAccepted), [
    true,
    false,
    false,
    false,
  ]);
});

Deno.test("round report: chances of candidates, by token and parent", () => {
  const candidates = {
    scores: Float32Array.of(-1, -Infinity, -2, -1.5),
    tokens: Int32Array.of(5, 6, 6, 5),
    parents: Int32Array.of(-1, -1, -1, 2),
  };
  const [root, first, second, deep, none] = chancesOf(
    Int32Array.of(4, 5, 6, 5, 4),
    Int32Array.of(-1, 0, 0, 2, 0),
    candidates,
    0,
  );
  assertEquals([root, none], [1, null]);
  for (const [chance, log] of [[first, -1], [second, -2], [deep, -1.5]]) {
    assertAlmostEquals(chance!, Math.exp(log!), 1e-6);
  }
});

Deno.test("round report: a sequence's chances are those of its guesses, as far as they go", () => {
  const chances = chancesOf(
    Int32Array.of(9, 5, 6, 7),
    Int32Array.of(-1, 0, 1, 2),
    {
      scores: Float32Array.of(1, 1, 1),
      tokens: Int32Array.of(5, 6, 7),
      parents: Int32Array.of(-1, 0, 1),
      // Behind positions 5, 6 and 7 of a ring of 4 rows.
      guesses: {
        width: 2,
        ids: Int32Array.of(0, 0, 4, 5, 6, 3, 1, 2),
        values: Float32Array.of(0, 0, -3, -1, -2, -4, -5, -6),
      },
    },
    5,
  );
  assertAlmostEquals(chances[1]!, Math.exp(-1), 1e-6);
  assertAlmostEquals(chances[2]!, Math.exp(-3), 1e-6);
  assertEquals(chances[3], undefined);
});
