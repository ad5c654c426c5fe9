/** Trees of what came behind the end of a text, against all paths there are. */
import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import { Random } from "../../../tests/random.ts";
import { Continuations, PLACES } from "./continuations.ts";
import { SuffixIndex } from "./suffix_index.ts";

const RUNS = [8, 4, 2, 1];

/** Where the longest run at the end of `text` stood, and what it has in common there. */
function placesOf(text: readonly number[]): { place: number; common: number }[] {
  for (const run of RUNS) {
    const found = [];
    for (let place = text.length - 1; place > 0; place--) {
      let common = 0;
      while (common < 32 && common < place && text[place - 1 - common] === text.at(-1 - common)) {
        common++;
      }
      if (common >= run) found.push({ place, common });
    }
    if (found.length > 0) return found.slice(0, PLACES);
  }
  return [];
}

/** The worth of a path behind `text`, from what its places say. */
function worthOf(text: readonly number[], path: readonly number[]): number {
  let worth = 1;
  let places = placesOf(text);
  for (const [depth, token] of path.entries()) {
    // What is behind the end of the text is what stands there when it repeats itself.
    const next = ({ place }: { place: number }) => text[place + depth % (text.length - place)];
    const weigh = (some: typeof places) =>
      some.reduce((sum, { common }) => sum + common + depth, 0);
    const same = places.filter((one) => next(one) === token);
    const most = Math.max(...places.map(({ common }) => common)) + depth;
    worth *= weigh(same) / weigh(places) * most / (most + 2);
    places = same;
  }
  return worth;
}

Deno.test("trees have the likeliest paths of all", () => {
  let [branched, nodes] = [0, 0];
  for (let seed = 0; seed < 200; seed++) {
    const random = new Random(seed);
    const letters = 2 + random.integer(6);
    const text = random.integers(5 + random.integer(120), letters);
    const index = new SuffixIndex(1024, PLACES);
    for (const token of text) index.push(token);
    const [rows, depth, least] = [
      2 + random.integer(20),
      1 + random.integer(6),
      random.integer(3) / 9,
    ];
    const tree = new Continuations(index, rows, depth, least);
    const count = tree.grow(Int32Array.from(text), text.length, letters);
    const pathOf = (node: number): number[] =>
      node === 0 ? [] : [...pathOf(tree.parents[node]), tree.tokens[node]];
    const paths = Array.from({ length: count }, (_, node) => pathOf(node));
    assertEquals(new Set(paths.map(String)).size, count, "paths of their own");
    const worths = paths.map((path) => worthOf(text, path));
    // All paths of the tree with one more token, and whether it would have been better.
    const all = paths.filter(({ length }) => length < depth).flatMap((path) =>
      Array.from({ length: letters }, (_, token) => [...path, token])
    ).filter((path) => !paths.map(String).includes(String(path)))
      .map((path) => worthOf(text, path)).filter((worth) => worth > 0 && worth >= least);
    for (const [node, path] of paths.entries()) {
      assertEquals(tree.depths[node], path.length);
      if (node === 0) continue;
      assert(tree.parents[node] < node);
      assert(worths[node] >= least - 1e-12 && path.length <= depth);
      if (node > 1) assert(worths[node] <= worths[node - 1] + 1e-12, "best first");
      if (tree.parents[node] !== node - 1) branched++;
    }
    if (count === rows) {
      assert(
        Math.max(0, ...all) <= worths[count - 1] + 1e-12,
        `seed ${seed}: a better one is left`,
      );
    } else assertEquals(all, [], `seed ${seed}: there are more`);
    nodes += count;
  }
  assert(branched > 50 && nodes > 500, `${branched} branches of ${nodes} nodes`);
});

Deno.test("what repeats itself goes on", () => {
  const index = new SuffixIndex(1024, PLACES);
  const text = [9, 1, 2, 3, 1, 2, 3, 1];
  for (const token of text) index.push(token);
  const tree = new Continuations(index, 8, 7, 0);
  assertEquals(tree.grow(Int32Array.from(text), text.length, 10), 8);
  assertEquals([...tree.tokens.subarray(1)], [2, 3, 1, 2, 3, 1, 2]);
  assertEquals([...tree.parents], [-1, 0, 1, 2, 3, 4, 5, 6]);
  assertAlmostEquals(worthOf(text, [2]), 4 / 6);
});

Deno.test("no node has a token that the verifier does not know, or stands where a text ended", () => {
  const index = new SuffixIndex(1024, PLACES);
  for (const token of [1, 2, 3, 700, 4]) index.push(token);
  index.cut();
  for (const token of [1, 2]) index.push(token);
  const text = Int32Array.of(1, 2);
  const tree = new Continuations(index, 8, 7, 0);
  assertEquals(tree.grow(text, 2, 1000), 4);
  assertEquals([...tree.tokens.subarray(1, 4)], [3, 700, 4]);
  assertEquals(tree.grow(text, 2, 700), 2);
  assertEquals(tree.grow(text, 2, 3), 1);
  // Nothing has stood before.
  index.push(5);
  assertEquals(tree.grow(Int32Array.of(1, 2, 5), 3, 1000), 1);
});
