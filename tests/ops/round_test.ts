import { assertEquals, assertThrows } from "@std/assert";
import { ArgumentError } from "../../src/base/errors.ts";
import { rows } from "../../src/device/mod.ts";
import { advance, commit, cutBack, verify } from "../../src/ops/mod.ts";
import { backendTest } from "../backends.ts";
import { Random } from "../random.ts";
import { verify as reference } from "../reference/tree.ts";
import { type Rig, rowOf } from "../rig.ts";

const LENGTH = 5;

/** A random tree whose siblings differ, and the best token after each row, often a child's. */
function randomTree(m: number, seed: number) {
  const random = new Random(seed);
  const parents = [-1];
  const tokens = [random.integer(50)];
  const chain = random.pick([0.1, 0.7, 1]);
  for (let i = 1; i < m; i++) {
    parents.push(random.uniform() < chain ? i - 1 : random.integer(i));
    tokens.push(100 + i); // differs from every sibling
  }
  const best = tokens.map((_, row) => {
    const children = parents.flatMap((parent, i) => parent === row ? [i] : []);
    const follows = children.length > 0 && random.uniform() < 0.85;
    return follows ? tokens[random.pick(children)] : random.integer(50);
  });
  return { parents, tokens, best };
}

/** Runs verify and compares with what the reference says about the rows that exist. */
function check(
  rig: Rig,
  given: { tokens: number[]; parents: number[]; best: number[] },
  kind: "tree" | "sequence",
  limit?: number,
): void {
  const { tokens, parents, best } = given;
  const m = best.length;
  const before = new Random(m).integers(LENGTH + m + 3, 1000);
  if (kind === "sequence") before.splice(LENGTH, m, ...tokens);
  const history = rig.put("i32", [before.length], before);
  const result = rig.output("i32", [1 + m]);
  const path = rig.output("i32", [m]);
  verify(rig.device, {
    result: result.tensor,
    path: path.tensor,
    history,
    cacheLength: rig.counter(LENGTH),
    choice: rig.put("i32", [m], best),
    tokens: kind === "tree" ? rig.put("i32", [m], tokens) : undefined,
    parents: kind === "tree" ? rig.put("i32", [m], parents) : undefined,
    limit: limit === undefined ? undefined : rig.counter(limit),
  });
  const exist = limit === undefined ? m : Math.min(m, limit - LENGTH + 1);
  const expected = reference(tokens.slice(0, exist), parents.slice(0, exist), best);
  const accepted = expected.path.length;
  const what = `${kind} of ${m}, limit ${limit}`;
  const out = [...result.values(true)];
  assertEquals(out[0], accepted, `accept length of a ${what}`);
  assertEquals(out.slice(1, 1 + accepted), expected.tokens, `tokens of a ${what}`);
  assertEquals([...path.values(true)].slice(0, accepted), expected.path, `path of a ${what}`);
  before.splice(LENGTH + 1, accepted, ...expected.tokens);
  assertEquals([...rig.get(history)], before, `history after a ${what}`);
}

backendTest("verify follows the best child of a tree", (rig) => {
  for (const m of [1, 2, 7, 10, 30, 60, 64]) {
    for (let seed = 0; seed < 20; seed++) check(rig, randomTree(m, 1000 * m + seed), "tree");
  }
});

backendTest("verify follows a sequence in the history, up to its limit", (rig) => {
  const random = new Random(11);
  for (const m of [1, 2, 7, 10, 64]) {
    for (let agreed = 0; agreed < m; agreed += 3) {
      const tokens = random.integers(m, 50);
      const parents = tokens.map((_, i) => i - 1);
      const best = tokens.map((_, i) => i < agreed ? tokens[i + 1] : 77);
      check(rig, { tokens, parents, best }, "sequence");
      for (const limit of [LENGTH, LENGTH + 1, LENGTH + agreed, LENGTH + m - 1, LENGTH + m + 9]) {
        check(rig, { tokens, parents, best }, "sequence", limit);
      }
    }
  }
});

backendTest("commit moves the rows kept to the front in every cache, and nothing else", (rig) => {
  const random = new Random(5);
  for (const [m, rowBytes, count] of [[1, 2, 1], [7, 48, 3], [30, 250, 2], [64, 1024, 4]]) {
    for (const accepted of new Set([1, Math.ceil(m / 3), m])) {
      const slots = LENGTH + m + 2;
      const caches = Array.from(
        { length: count },
        () => rig.put("u8", [slots, rowBytes], random.integers(slots * rowBytes, 256)),
      );
      const before = caches.map((cache) => rig.device.download(cache));
      const others = random.permutation(m - 1).slice(0, accepted - 1).map((i) => i + 1);
      const path = [0, ...others.sort((a, b) => a - b)];
      const cacheLength = rig.counter(LENGTH);
      commit(rig.device, {
        caches: rig.put("u64", [count], caches.map(({ address }) => address)),
        rowBytes,
        // Behind the rows kept there may be anything.
        path: rig.put("i32", [m], [...path, ...Array(m - accepted).fill(-7)]),
        result: rig.put("i32", [1 + m], [accepted, ...Array(m).fill(3)]),
        cacheLength,
      });
      const what = `m ${m}, ${accepted} accepted, ${rowBytes} bytes`;
      assertEquals([...rig.get(cacheLength)], [LENGTH + accepted], what);
      caches.forEach((cache, c) => {
        const after = rig.device.download(cache);
        for (let slot = 0; slot < slots; slot++) {
          const kept = slot >= LENGTH && slot < LENGTH + accepted;
          const from = kept ? LENGTH + path[slot - LENGTH] : slot;
          const row = rowOf(after, slot, rowBytes).slice();
          // Slots past the new length are free: a row may or may not have been left there.
          if (slot >= LENGTH + accepted && slot < LENGTH + m) continue;
          assertEquals(row, rowOf(before[c], from, rowBytes).slice(), `slot ${slot}, ${what}`);
        }
      });
    }
  }
});

backendTest("advance adds, and cutBack takes the smaller", (rig) => {
  const length = rig.counter(10);
  const limit = rig.counter(20);
  const value = () => rig.get(length)[0];
  advance(rig.device, length, 5);
  assertEquals(value(), 15);
  advance(rig.device, length, -3);
  assertEquals(value(), 12);
  cutBack(rig.device, length, limit, 0);
  assertEquals(value(), 12);
  cutBack(rig.device, length, limit, -9);
  assertEquals(value(), 11);
  rig.setCounter(limit, 3);
  cutBack(rig.device, length, limit, 1);
  assertEquals(value(), 4);
  // Of what stands behind nothing, nothing is left.
  rig.setCounter(limit, 0);
  cutBack(rig.device, length, limit, -1);
  assertEquals(value(), 0);
});

backendTest("the ops of a round refuse what does not fit, naming the argument", (rig) => {
  const { device } = rig;
  const i32 = rig.put("i32", [80], new Int32Array(80));
  const one = rig.counter(1);
  const verifies = (m: number) => ({
    result: rows(i32, 0, m + 1),
    path: rows(i32, 0, m),
    choice: rows(i32, 0, m),
    history: i32,
    cacheLength: one,
  });
  const commits = {
    caches: rig.put("u64", [1], [i32.address]),
    rowBytes: 4,
    path: rows(i32, 0, 4),
    result: rows(i32, 0, 5),
    cacheLength: one,
  };
  const refused: [string, () => void][] = [
    [
      "verify: m is 65, expected an integer from 1 to 64",
      () => verify(device, verifies(65)),
    ],
    [
      "verify: result has shape [5], expected [4]",
      () => verify(device, { ...verifies(3), result: rows(i32, 0, 5) }),
    ],
    [
      "verify: parents is missing where tokens is given",
      () => verify(device, { ...verifies(3), tokens: rows(i32, 0, 3) }),
    ],
    [
      "verify: limit has shape [80], expected [1]",
      () => verify(device, { ...verifies(3), limit: i32 }),
    ],
    ["commit: rowBytes is 0", () => commit(device, { ...commits, rowBytes: 0 })],
    [
      "commit: result has shape [4], expected [5]",
      () => commit(device, { ...commits, result: rows(i32, 0, 4) }),
    ],
    ["advance: delta is 0.5", () => advance(device, one, 0.5)],
    ["cutBack: limit has shape [80], expected [1]", () => cutBack(device, one, i32, 0)],
  ];
  for (const [message, call] of refused) {
    assertThrows(call, ArgumentError, `Cannot run ${message}`);
  }
});
