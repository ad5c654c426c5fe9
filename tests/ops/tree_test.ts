import { assert, assertEquals, assertThrows } from "@std/assert";
import { ArgumentError, NativeError } from "../../src/base/errors.ts";
import { rows } from "../../src/device/mod.ts";
import { treeExpand, treeSelect } from "../../src/ops/mod.ts";
import { backendTest } from "../backends.ts";
import { Random } from "../random.ts";
import { type Expansion, lineage, ReferenceTree } from "../reference/tree.ts";
import type { Rig } from "../rig.ts";

/** How likely values are to be equal: never, often (so that ties decide), or always. */
type Ties = "none" | "many" | "all";

function expansion(random: Random, topk: number, ties: Ties): Expansion {
  const one = () => {
    if (ties === "all") return -0.5;
    if (ties === "many") return -0.25 * random.integer(4);
    return Math.fround(-random.uniform() * 5);
  };
  const values = Array.from({ length: topk }, one).sort((a, b) => b - a);
  return { values, ids: random.permutation(100).slice(0, topk) };
}

/** The arrays of a tree on the device. */
function arrays(rig: Rig, depth: number, topk: number) {
  const candidates = topk + (depth - 1) * topk * topk;
  // The last level's own bits need no place: nothing grows from it.
  const maskWords = Math.max(1, Math.ceil((depth - 1) * topk / 64));
  return {
    scores: rig.output("f32", [candidates]),
    tokens: rig.output("i32", [candidates]),
    parents: rig.output("i32", [candidates]),
    frontNodes: rig.output("i32", [topk]),
    frontTokens: rig.output("i32", [topk]),
    frontRows: rig.output("i32", [topk]),
    frontMask: rig.output("u64", [topk, maskWords]),
    maskWords,
  };
}

/** Builds a tree on the device level by level, comparing the frontier with the reference's. */
function build(rig: Rig, depth: number, topk: number, ties: Ties, seed: number) {
  const random = new Random(seed);
  const device = arrays(rig, depth, topk);
  const reference = new ReferenceTree();
  const what = `depth ${depth}, topk ${topk}, ${ties} ties, seed ${seed}`;
  let masks: bigint[] = [0n];
  for (let level = 1; level <= depth; level++) {
    const expansions = reference.frontier.map(() => expansion(random, topk, ties));
    const before = reference.frontier;
    reference.expand(expansions, topk);
    treeExpand(rig.device, {
      scores: device.scores.tensor,
      tokens: device.tokens.tensor,
      parents: device.parents.tensor,
      frontNodes: device.frontNodes.tensor,
      frontTokens: device.frontTokens.tensor,
      frontRows: device.frontRows.tensor,
      frontMask: device.frontMask.tensor,
      values: rig.put("f32", [before.length, topk], expansions.flatMap(({ values }) => values)),
      ids: rig.put("i32", [before.length, topk], expansions.flatMap(({ ids }) => ids)),
      level,
      topk,
    });
    const frontier = reference.frontier.map((node) => node!);
    const grown = frontier.map(({ parent }) => before.indexOf(parent));
    masks = grown.map((row, f) => masks[row] | 1n << BigInt((level - 1) * topk + f));
    const words = masks.flatMap((mask) =>
      Array.from({ length: device.maskWords }, (_, w) => BigInt.asUintN(64, mask >> BigInt(64 * w)))
    );
    const at = `level ${level} of ${what}`;
    assertEquals([...device.frontNodes.values()], frontier.map(({ index }) => index), at);
    assertEquals([...device.frontTokens.values()], frontier.map(({ token }) => token), at);
    assertEquals([...device.frontRows.values()], grown, at);
    assertEquals(device.frontMask.words(), words, at);
  }
  const all = reference.candidates;
  assertEquals([...device.scores.values()], all.map(({ score }) => score), what);
  assertEquals([...device.tokens.values()], all.map(({ token }) => token), what);
  assertEquals([...device.parents.values()], all.map(({ parent }) => parent?.index ?? -1), what);
  return { device, reference, what };
}

function select(rig: Rig, built: ReturnType<typeof build>, size: number): void {
  const { device, reference } = built;
  const what = `size ${size}, ${built.what}`;
  const tokens = rig.output("i32", [size]);
  const parents = rig.output("i32", [size]);
  const depths = rig.output("i32", [size]);
  const mask = rig.output("u64", [size, 1]);
  treeSelect(rig.device, {
    outTokens: tokens.tensor,
    outParents: parents.tensor,
    outDepths: depths.tensor,
    outMask: mask.tensor,
    scores: device.scores.tensor,
    tokens: device.tokens.tensor,
    parents: device.parents.tensor,
    history: rig.put("i32", [5], [9, 8, 7, 6, 5]),
    cacheLength: rig.counter(3),
  });
  const kept = reference.select(size);
  const row = new Map(kept.map((node, i) => [node, i + 1]));
  const paths = kept.map((node) =>
    lineage(node).map((member) => {
      const at = row.get(member);
      assert(at !== undefined, `a parent was not kept: ${what}`);
      return at;
    })
  );
  assertEquals([...tokens.values()], [6, ...kept.map(({ token }) => token)], what);
  assertEquals([...parents.values()], [-1, ...paths.map((path) => path.at(-2) ?? 0)], what);
  assertEquals([...depths.values()], [0, ...paths.map((path) => path.length)], what);
  const masks = paths.map((path) => path.reduce((bits, j) => bits | 1n << BigInt(j), 1n));
  assertEquals(mask.words(), [1n, ...masks], what);
}

backendTest("treeExpand and treeSelect agree with an independent EAGLE-2", (rig) => {
  const random = new Random(2024);
  for (let depth = 1; depth <= 6; depth++) {
    for (const topk of [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 16]) {
      const ties = random.pick(["none", "none", "many", "all"] as const);
      const built = build(rig, depth, topk, ties, depth * 100 + topk);
      const most = Math.min(64, built.reference.candidates.length + 1);
      const sizes = [1, most, 1 + random.integer(most), 1 + random.integer(most)];
      for (const size of new Set(sizes)) select(rig, built, size);
    }
  }
});

backendTest("treeExpand and treeSelect break ties by the lower index", (rig) => {
  for (const ties of ["many", "all"] as const) {
    for (const [depth, topk] of [[3, 4], [6, 10], [2, 16], [5, 1]]) {
      for (let seed = 0; seed < 3; seed++) {
        const built = build(rig, depth, topk, ties, seed);
        const most = Math.min(64, built.reference.candidates.length + 1);
        for (let size = 1; size <= most; size += 7) select(rig, built, size);
      }
    }
  }
});

backendTest("treeExpand and treeSelect take the widest trees", (rig) => {
  select(rig, build(rig, 2, 64, "none", 1), 64);
  select(rig, build(rig, 4, 64, "many", 2), 64);
  select(rig, build(rig, 16, 16, "none", 3), 64);
  select(rig, build(rig, 5, 64, "none", 4), 64);
  select(rig, build(rig, 7, 10, "none", 5), 60);
});

backendTest("treeExpand names the limit of its mask", (rig) => {
  const built = build(rig, 2, 64, "none", 1); // one word
  const { frontNodes, frontTokens, frontRows, frontMask } = built.device;
  const error = assertThrows(() => {
    const longer = 64 + 2 * 64 * 64;
    treeExpand(rig.device, {
      scores: rig.output("f32", [longer]).tensor,
      tokens: rig.output("i32", [longer]).tensor,
      parents: rig.output("i32", [longer]).tensor,
      frontNodes: frontNodes.tensor,
      frontTokens: frontTokens.tensor,
      frontRows: frontRows.tensor,
      frontMask: frontMask.tensor,
      values: rig.put("f32", [64, 64], new Float32Array(4096)),
      ids: rig.put("i32", [64, 64], new Int32Array(4096)),
      level: 3,
      topk: 64,
    });
  }, NativeError);
  assertEquals(error.status, "SMQ_LIMIT");
  assert(error.message.includes("64"), error.message);
});

backendTest("the ops on trees refuse what does not fit, naming the argument", (rig) => {
  const { device } = rig;
  const arrayOf = arrays(rig, 2, 4);
  const expand = {
    scores: arrayOf.scores.tensor,
    tokens: arrayOf.tokens.tensor,
    parents: arrayOf.parents.tensor,
    frontNodes: arrayOf.frontNodes.tensor,
    frontTokens: arrayOf.frontTokens.tensor,
    frontRows: arrayOf.frontRows.tensor,
    frontMask: arrayOf.frontMask.tensor,
    values: rig.put("f32", [4, 4], new Float32Array(16)),
    ids: rig.put("i32", [4, 4], new Int32Array(16)),
    level: 2,
    topk: 4,
  };
  const i32 = rig.put("i32", [70], new Int32Array(70));
  const wide = rig.put("f32", [70], new Float32Array(70));
  const sized = (size: number) => ({
    outTokens: rows(i32, 0, size),
    outParents: rows(i32, 0, size),
    outDepths: rows(i32, 0, size),
    outMask: rig.output("u64", [size]).tensor,
    scores: wide,
    tokens: i32,
    parents: i32,
    history: i32,
    cacheLength: rig.counter(0),
  });
  const refused: [string, () => void][] = [
    [
      "treeExpand: values has shape [4, 4], expected [1, 4]",
      () => treeExpand(device, { ...expand, level: 1 }),
    ],
    [
      "treeExpand: scores has 20 candidates, expected at least 36 at level 3",
      () => treeExpand(device, { ...expand, level: 3 }),
    ],
    [
      "treeExpand: topk is 65, expected an integer from 1 to 64",
      () => treeExpand(device, { ...expand, topk: 65 }),
    ],
    [
      "treeExpand: maskWords is 5, expected an integer from 1 to 4",
      () => treeExpand(device, { ...expand, frontMask: rig.output("u64", [4, 5]).tensor }),
    ],
    [
      "treeSelect: size is 65, expected an integer from 1 to 64",
      () => treeSelect(device, sized(65)),
    ],
    ["treeSelect: size is 9, expected an integer from 1 to 8", () =>
      treeSelect(device, {
        ...sized(9),
        scores: rows(wide, 0, 7),
        tokens: rows(i32, 0, 7),
        parents: rows(i32, 0, 7),
      })],
    [
      "treeSelect: outMask has shape [3], expected [4]",
      () => treeSelect(device, { ...sized(4), outMask: rig.output("u64", [3]).tensor }),
    ],
  ];
  for (const [message, call] of refused) {
    assertThrows(call, ArgumentError, `Cannot run ${message}`);
  }
});
