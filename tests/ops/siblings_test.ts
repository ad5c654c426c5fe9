import { assertEquals, assertThrows } from "@std/assert";
import { ArgumentError } from "../../src/base/errors.ts";
import { treeSiblings, type TreeSiblingsOptions } from "../../src/ops/mod.ts";
import { backendTest } from "../backends.ts";
import { Random } from "../random.ts";
import type { Rig } from "../rig.ts";

/** A sequence and what was guessed beside it: one row of guesses for each position, in the order of positions. */
interface Case {
  length: number;
  limit: number;
  depth: number;
  topk: number;
  ringRows: number;
  vocab: number;
  history: number[];
  /** Of the position behind each: `guesses[p]` are those of what follows position p. */
  guesses: { id: number; value: number }[][];
}

/** A case whose sequence's tokens are mostly among the guesses, and whose guesses are at times outside the vocabulary. */
function makeCase(random: Random, shape: Pick<Case, "depth" | "topk" | "ringRows">): Case {
  const vocab = 100;
  const length = random.integer(200);
  // At times nothing, or more than there is room for.
  const limit = length + random.integer(shape.depth + 3) - 1;
  const history = random.integers(300, vocab);
  const guesses = history.map((_, p) => {
    const ids = random.permutation(vocab + 4).slice(0, shape.topk);
    if (random.uniform() < 0.8) ids[random.integer(shape.topk)] = history[p + 1] ?? 0;
    const unique = ids.map((id, j) => ids.indexOf(id) === j ? id : vocab + 10 + j);
    return unique.map((id) => ({ id, value: Math.fround(-5 * random.uniform()) }))
      .sort((a, b) => b.value - a.value);
  });
  return { ...shape, length, limit, vocab, history, guesses };
}

/** The op on the device: [score, token, parent] of each candidate. */
function run(rig: Rig, { length, limit, depth, topk, ringRows, vocab, history, guesses }: Case) {
  const count = depth * (1 + topk);
  const [scores, tokens, parents] = [
    rig.output("f32", [count]),
    rig.output("i32", [count]),
    rig.output("i32", [count]),
  ];
  const ring = Array.from({ length: ringRows }, (_, row) => {
    const at = guesses.findIndex((_, p) => p >= length && p % ringRows === row);
    return guesses[at];
  });
  treeSiblings(rig.device, {
    scores: scores.tensor,
    tokens: tokens.tensor,
    parents: parents.tensor,
    values: rig.put("f32", [ringRows, topk], ring.flatMap((row) => row.map(({ value }) => value))),
    ids: rig.put("i32", [ringRows, topk], ring.flatMap((row) => row.map(({ id }) => id))),
    history: rig.put("i32", [history.length], history),
    cacheLength: rig.counter(length),
    limit: rig.counter(limit),
    depth,
    vocabulary: vocab,
  });
  const [s, t, p] = [scores.values(), tokens.values(), parents.values()];
  return Array.from({ length: count }, (_, i) => [s[i], t[i], p[i]]);
}

/** The same from the words of the contract. */
function expected({ length, limit, depth, topk, vocab, history, guesses }: Case) {
  const nothing = (parent: number) => [-Infinity, history[length], parent];
  const sequence: number[][] = [];
  const beside: number[][] = [];
  let before = 0;
  for (let i = 0; i < depth; i++) {
    const parent = i - 1;
    if (length + 1 + i > limit) {
      sequence.push(nothing(parent));
      for (let j = 0; j < topk; j++) beside.push(nothing(parent));
      continue;
    }
    const own = history[length + 1 + i];
    const here = guesses[length + i];
    sequence.push([1, own, parent]);
    for (const { id, value } of here) {
      const counts = id !== own && id < vocab;
      beside.push(counts ? [Math.fround(before + value), id, parent] : nothing(parent));
    }
    const known = here.find(({ id }) => id === own) ?? here[topk - 1];
    before = Math.fround(before + known.value);
  }
  return [...sequence, ...beside];
}

backendTest("treeSiblings gives the sequence and the guesses beside it", (rig) => {
  const random = new Random(31);
  for (
    const [depth, topk, ringRows] of [[1, 1, 1], [1, 7, 64], [6, 7, 64], [9, 2, 9], [63, 64, 64]]
  ) {
    for (let n = 0; n < 6; n++) {
      const one = makeCase(random, { depth, topk, ringRows });
      const what = `depth ${depth}, topk ${topk}, ${one.length} to ${one.limit}`;
      assertEquals(run(rig, one), expected(one), what);
    }
  }
});

backendTest("treeSiblings refuses what does not fit, naming the argument", (rig) => {
  const i32 = (...shape: number[]) => rig.output("i32", shape).tensor;
  const f32 = (...shape: number[]) => rig.output("f32", shape).tensor;
  const options: TreeSiblingsOptions = {
    scores: f32(12),
    tokens: i32(12),
    parents: i32(12),
    values: f32(8, 3),
    ids: i32(8, 3),
    history: i32(20),
    cacheLength: rig.counter(0),
    limit: rig.counter(0),
    depth: 3,
    vocabulary: 10,
  };
  const refused: [string, Partial<TreeSiblingsOptions>][] = [
    ["depth is 64, expected an integer from 1 to 63", { depth: 64 }],
    ["scores has 12 candidates, expected 16", { depth: 4 }],
    ["ids has shape [8, 2], expected [8, 3]", { ids: i32(8, 2) }],
    ["vocabulary is 0", { vocabulary: 0 }],
    ["limit has shape [2], expected [1]", { limit: i32(2) }],
  ];
  for (const [message, change] of refused) {
    const call = () => treeSiblings(rig.device, { ...options, ...change });
    assertThrows(call, ArgumentError, `Cannot run treeSiblings: ${message}`);
  }
});
