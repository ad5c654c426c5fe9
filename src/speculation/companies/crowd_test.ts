import { assert, assertEquals } from "@std/assert";
import { Random } from "../../../tests/random.ts";
import { Crowd, type TurnTaken } from "./crowd.ts";

/** Runs `turns` turns of `count` sequences, of which each way makes so many tokens in a millisecond; gives the share that was plain. */
function plainShare(crowd: Crowd, count: number, turns: number, speeds: readonly [number, number]) {
  let plain = 0;
  for (let i = 0; i < turns; i++) {
    const isPlain = crowd.isPlain(count);
    if (isPlain) plain++;
    crowd.observe(count, taken(isPlain, speeds[isPlain ? 1 : 0], 1));
  }
  return plain / turns;
}

/** A turn that was what it was to be. */
function taken(isPlain: boolean, tokens: number, ms: number): TurnTaken {
  return { askedPlain: isPlain, wasPlain: isPlain, tokens, ms };
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

Deno.test("crowd: a trial that is lost is over behind two turns, and the one that tells nothing", () => {
  const trials = (speed: number) => {
    const crowd = new Crowd();
    plainShare(crowd, 8, 100, [speed, 1]);
    const ways = Array.from(
      { length: 3000 },
      () => plainShare(crowd, 8, 1, [speed, 1]) ? "-" : "p",
    );
    return new Set(ways.join("").match(/p+/g));
  };
  assertEquals(trials(0.6), new Set(["ppp"]));
  assertEquals(trials(0.9), new Set(["ppppp"]));
});

Deno.test("crowd: both ways are tried before one is chosen", () => {
  const crowd = new Crowd();
  const ways = Array.from({ length: 10 }, () => {
    const isPlain = crowd.isPlain(4);
    crowd.observe(4, taken(isPlain, 1, 1));
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

/**
 * Runs 16 texts on such machines; `cost(i)` is what a token of a turn with proposals takes, in plain ones, or nothing where nobody
 * proposes though all may. Gives the most turns with proposals in a row, and their share.
 */
function onBusyMachines(cost: (turn: number) => number | undefined) {
  let [longest, proposing, all] = [0, 0, 0];
  for (let seed = 0; seed < 20; seed++) {
    const random = new Random(seed);
    const machine = held(random);
    const crowd = new Crowd();
    let inARow = 0;
    for (let i = 0; i < 4000; i++, all++) {
      const askedPlain = crowd.isPlain(16);
      const ms = askedPlain ? undefined : cost(i);
      const wasPlain = ms === undefined;
      const tokens = wasPlain ? 16 : 30 + random.integer(10);
      const took = tokens * (ms ?? 1) * machine.next().value;
      crowd.observe(16, { askedPlain, wasPlain, tokens, ms: took });
      inARow = wasPlain ? 0 : inARow + 1;
      if (!wasPlain) proposing++;
      longest = Math.max(longest, inARow);
    }
  }
  return { longest, share: proposing / all };
}

Deno.test("crowd: what else a machine does has nobody go the slower way for long", () => {
  const slower = onBusyMachines(() => 1.6);
  assert(slower.longest <= 25, `${slower.longest} turns`);
  assert(slower.share < 0.03, `${slower.share}`);
  const faster = onBusyMachines(() => 0.6);
  assert(faster.share > 0.9, `${faster.share}`);
});

Deno.test("crowd: policies that begin to propose at twice the cost are not believed for their plain turns before", () => {
  // By turns of 300, nobody proposes for a while.
  const { longest, share } = onBusyMachines((i) => i % 600 < 300 ? undefined : 2);
  assert(longest <= 25, `${longest} turns`);
  assert(share < 0.03, `${share}`);
});
