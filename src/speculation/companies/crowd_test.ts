import { assert, assertEquals } from "@std/assert";
import { Random } from "../../../tests/random.ts";
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
  const ways = Array.from({ length: 10 }, () => {
    const isPlain = crowd.isPlain(4);
    crowd.observe(4, isPlain, 1, 1);
    return isPlain;
  });
  assertEquals(ways, [...new Array(5).fill(false), ...new Array(5).fill(true)]);
});

/** What holds a machine up, turn by turn: now and then, for up to 30 turns, each takes up to three times as long. */
function* held(random: Random): Generator<number, never> {
  for (;;) {
    const slowness = 1 + 2 * random.uniform();
    const turns = random.uniform() < 0.04 ? random.integer(30) : 0;
    for (let i = 0; i < turns; i++) yield slowness * (1 + 0.3 * random.uniform());
    yield 1 + 0.3 * random.uniform();
  }
}

Deno.test("crowd: what else a machine does has nobody go the slower way for long", () => {
  let [longest, slow, all] = [0, 0, 0];
  for (let seed = 0; seed < 20; seed++) {
    const random = new Random(seed);
    const machine = held(random);
    const crowd = new Crowd();
    let inARow = 0;
    for (let i = 0; i < 4000; i++, all++) {
      const isPlain = crowd.isPlain(16);
      const tokens = isPlain ? 16 : 30 + random.integer(10);
      crowd.observe(16, isPlain, tokens, tokens * (isPlain ? 1 : 1.6) * machine.next().value);
      inARow = isPlain ? 0 : inARow + 1;
      if (!isPlain) slow++;
      longest = Math.max(longest, inARow);
    }
  }
  assert(longest <= 150, `${longest} turns`);
  assert(slow / all < 0.03, `${slow} of ${all}`);
});
