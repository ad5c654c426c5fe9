import { assert, assertEquals } from "@std/assert";
import { allBlocks, type Block, cover, exactly } from "./blocks.ts";

const shown = (blocks: readonly Block[]) => blocks.map(({ from, end }) => `${from}-${end}`);

Deno.test("blocks: halves of halves, and of seats that are no power of two what there is", () => {
  assertEquals(shown(allBlocks(4, 64)), ["0-4", "0-2", "2-4"]);
  assertEquals(shown(allBlocks(4, 2)), ["0-2", "2-4"]);
  assertEquals(shown(allBlocks(5, 64)), ["0-5", "0-4", "0-2", "2-4"]);
  assertEquals(shown(allBlocks(3, 1)), []);
});

Deno.test("blocks: one forward where seats cost little, each its own where they cost as much", () => {
  assertEquals(shown(cover([0, 1, 2, 3], 4, 4, 0.1)), ["0-4"]);
  assertEquals(shown(cover([0, 3], 4, 4, 0.1)), ["0-4"]);
  assertEquals(shown(cover([0, 3], 4, 4, 2)), ["0-1", "3-4"]);
  assertEquals(shown(cover([0, 1, 7], 8, 8, 0.5)), ["0-2", "7-8"]);
  assertEquals(shown(cover([0, 1, 7], 8, 2, 0.01)), ["0-2", "7-8"]);
  assertEquals(shown(cover([4], 5, 8, 0.01)), ["4-5"]);
});

Deno.test("blocks: whatever is taken is in one block, of those that there are", () => {
  for (const seats of [1, 2, 3, 5, 8, 13]) {
    for (const abreast of [1, 2, 4, 16]) {
      const known = new Set(shown(allBlocks(seats, abreast)));
      for (let bits = 0; bits < 2 ** seats; bits++) {
        const taken = Array.from({ length: seats }, (_, i) => i).filter((i) => bits >> i & 1);
        for (const cost of [0, 0.2, 0.7]) {
          const blocks = cover(taken, seats, abreast, cost);
          for (const seat of taken) {
            const of = blocks.filter(({ from, end }) => from <= seat && seat < end);
            assertEquals(of.length, 1);
          }
          for (const [i, block] of blocks.entries()) {
            const { from, end } = block;
            assert(end - from === 1 || known.has(shown([block])[0]), `${from}-${end} of ${seats}`);
            assert(taken.some((seat) => from <= seat && seat < end), `block ${i} is empty`);
          }
        }
      }
    }
  }
});

Deno.test("blocks: exactly those taken, in as few as there are", () => {
  const all = (count: number) => Array.from({ length: count }, (_, i) => i);
  assertEquals(shown(exactly(all(8), 8, 4)), ["0-4", "4-8"]);
  assertEquals(shown(exactly([0, 1, 2, 4, 5, 6, 7], 8, 8)), ["0-2", "2-3", "4-8"]);
  assertEquals(shown(exactly([1, 2], 4, 4)), ["1-2", "2-3"]);
  assertEquals(shown(exactly(all(6), 6, 4)), ["0-4", "4-6"]);
  assertEquals(shown(exactly([], 6, 4)), []);
  const known = new Set(shown(allBlocks(7, 4)));
  for (let bits = 0; bits < 2 ** 7; bits++) {
    const taken = all(7).filter((seat) => bits >> seat & 1);
    const blocks = exactly(taken, 7, 4);
    assertEquals(blocks.flatMap(({ from, end }) => all(7).slice(from, end)), taken);
    assert(blocks.every(({ from, end }) => end - from === 1 || known.has(`${from}-${end}`)));
  }
});
