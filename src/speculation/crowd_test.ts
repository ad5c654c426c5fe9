import { assert, assertEquals } from "@std/assert";
import { Crowd } from "./crowd.ts";

/** Runs `turns` turns of `count` sequences, of which each way makes so many tokens in a millisecond; gives the share that was plain. */
function plainShare(crowd: Crowd, count: number, turns: number, speeds: readonly [number, number]) {
  let plain = 0;
  for (let i = 0; i < turns; i++) {
    const isPlain = crowd.isPlain(count);
    if (isPlain) plain++;
    crowd.observe(count, isPlain, speeds[isPlain ? 1 : 0], 1);
  }
  return plain / turns;
}

Deno.test("crowd: the faster way is found, tried against the other, and left when it is faster no more", () => {
  const crowd = new Crowd();
  assert(plainShare(crowd, 8, 2000, [1, 3]) > 0.98);
  // A size of its own, whatever is known of others.
  assert(plainShare(crowd, 2, 2000, [3, 1]) < 0.02);
  assert(plainShare(crowd, 8, 4000, [3, 1]) < 0.5);
  assert(plainShare(crowd, 8, 2000, [3, 1]) < 0.02);
});

Deno.test("crowd: what is about as good is tried more often, but not often", () => {
  const share = plainShare(new Crowd(), 4, 5000, [1.05, 1]);
  assert(share > 0.02 && share < 0.12, `${share}`);
});

Deno.test("crowd: both ways are tried before one is chosen", () => {
  const crowd = new Crowd();
  const ways = Array.from({ length: 8 }, () => {
    const isPlain = crowd.isPlain(4);
    crowd.observe(4, isPlain, 1, 1);
    return isPlain;
  });
  assertEquals(ways, [false, false, false, false, true, true, true, true]);
});
