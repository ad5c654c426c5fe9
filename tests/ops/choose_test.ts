import {
  assert,
  assertEquals,
  assertGreater,
  assertNotEquals,
  assertThrows,
  fail,
} from "@std/assert";
import { ArgumentError } from "../../src/base/errors.ts";
import { Graph } from "../../src/device/mod.ts";
import { CHOICE_NAN, CHOICE_NONE, choose, type ChooseOptions } from "../../src/ops/mod.ts";
import { backendTest } from "../backends.ts";
import {
  chooseOptions,
  type Choosing,
  lineage,
  type Rows,
  runChoose,
  settingsWords,
  textOf,
} from "../choosing.ts";
import { Random } from "../random.ts";
import {
  argmax,
  chosen,
  counts,
  cut,
  noise,
  philox,
  processed,
  type ReferenceOptions,
} from "../reference/choice.ts";
import { type Rig, rowOf } from "../rig.ts";

/** The largest |score - expected| / |expected|: a product and a difference may be rounded together. */
const RELATIVE = 1e-6;

/** Where two noisy scores lie nearer, f32 and f64 may choose differently. */
const MARGIN = 1e-4;

/** Rows of logits; every third row has many equal values. */
function someLogits(m: number, vocab: number, spread = 4): Float64Array {
  const random = new Random(m * vocab);
  return random.normals(m * vocab, spread).map((x, i) =>
    Math.fround(Math.floor(i / vocab) % 3 === 2 ? Math.round(x / 4) : x)
  );
}

/** A tree of `m` rows with tokens below `vocab`. */
function randomTree(m: number, vocab: number, seed: number): Rows {
  const random = new Random(seed);
  const parents = Array.from({ length: m }, (_, i) => i === 0 ? -1 : random.integer(i));
  const depths: number[] = [];
  for (const parent of parents) depths.push(parent < 0 ? 0 : depths[parent] + 1);
  return { parents, depths, tokens: random.integers(m, vocab) };
}

/** What the reference says of row `i`: its scores and position. */
function expected(given: Choosing, options: ReferenceOptions, i: number) {
  const { logits, vocab, chosenFrom = vocab, length = 0, tree } = given;
  const row = Float64Array.from(logits).subarray(i * vocab, i * vocab + chosenFrom);
  const allowed = given.allowed && new Set(given.allowed[i]);
  const seen = counts(textOf(given, i), options.generated);
  const scores = cut(processed(row, options, seen, (id) => allowed?.has(id) ?? true), options);
  return { scores, position: Math.max(length, 0) + (tree ? tree.depths[i] : i) + 1 };
}

/** Compares the choices and scores of all rows with the reference. */
function check(rig: Rig, given: Choosing, options: ReferenceOptions, what: string): void {
  const { m, vocab, chosenFrom = vocab } = given;
  const { choice, scores } = runChoose(rig, given, options, true);
  assertEquals(runChoose(rig, given, options).choice, choice, `${what}: without scores`);
  let clear = 0;
  for (let i = 0; i < m; i++) {
    const reference = expected(given, options, i);
    const found = rowOf(scores, i, vocab);
    const different = found.findIndex((score, id) => {
      const value = id < chosenFrom ? reference.scores[id] : -Infinity;
      return score !== value &&
        !(Math.abs(score - value) <= RELATIVE * Math.max(1, Math.abs(value)));
    });
    if (different >= 0) {
      const pair = `${found[different]}, expected ${reference.scores[different] ?? -Infinity}`;
      fail(`${what}: score ${different} of row ${i} is ${pair}`);
    }
    const { position } = reference;
    const token = chosen(reference.scores, options, position);
    if (choice[i] === token) {
      clear++;
      continue;
    }
    assert(choice[i] >= 0, `${what}: row ${i} has choice ${choice[i]}, expected ${token}`);
    const shift = noise(options.seed ?? 0, position, chosenFrom);
    const value = (id: number) => reference.scores[id] + (options.temperature ? shift[id] : 0);
    const distance = value(token) - value(choice[i]);
    assert(distance <= MARGIN, `${what}: row ${i} has choice ${choice[i]}, expected ${token}`);
  }
  assertGreater(clear, 0.9 * m, `${what}: rows with the very choice of the reference`);
}

const CUTS: readonly ReferenceOptions[] = [
  {},
  { topK: 1 },
  { topK: 5 },
  { topK: 40 },
  { topK: 100000 },
  { topP: 0.9 },
  { topP: 0.3 },
  { topP: 0 },
  { minP: 0.1 },
  { minP: 1 },
  { topK: 20, topP: 0.7, minP: 0.05 },
];

/** Every setting at once. */
const ALL: ReferenceOptions = {
  temperature: 0.9,
  topK: 200,
  topP: 0.95,
  minP: 0.001,
  repetitionPenalty: 1.2,
  presencePenalty: 0.3,
  frequencyPenalty: 0.2,
  logitBias: { 3: 2, 7: -1 },
  seed: 2 ** 40 + 17,
  generated: 12,
};

const PENALTIES: readonly ReferenceOptions[] = [
  { repetitionPenalty: 1.5 },
  { repetitionPenalty: 0.7 },
  { presencePenalty: 2 },
  { frequencyPenalty: 0.7 },
  { presencePenalty: -1, frequencyPenalty: -0.5 },
  { repetitionPenalty: 1.2, presencePenalty: 0.5, frequencyPenalty: 0.25, temperature: 0.8 },
];

backendTest("greedy takes the lowest id among the largest", (rig) => {
  const sizes = [
    [1, 1],
    [1, 8],
    [2, 24],
    [7, 999],
    [7, 1000],
    [64, 300],
    [3, 33000],
    [1, 65537],
    [1, 128256],
  ];
  for (const [m, vocab] of sizes) {
    const logits = someLogits(m, vocab);
    for (const chosenFrom of new Set([vocab, Math.ceil(vocab / 3)])) {
      const rows = Array.from(
        { length: m },
        (_, i) => argmax(rowOf(logits, i, vocab).subarray(0, chosenFrom)),
      );
      // With scores wanted, or a bias of nothing, the way there is another.
      const given = { m, vocab, logits, chosenFrom };
      const what = `m ${m}, vocab ${vocab}, from ${chosenFrom}`;
      assertEquals(runChoose(rig, given).choice, rows, what);
      assertEquals(runChoose(rig, given, {}, true).choice, rows, `${what}, with scores`);
      assertEquals(runChoose(rig, given, { logitBias: { 0: 0 } }).choice, rows, `${what}, bias`);
    }
  }
  const rows = [[2, 2, 2, 2], [0, -0, 0, Infinity], [-0, 0, 0, -1], [-1, -0, 0, -0], [
    -Infinity,
    -3e38,
    -Infinity,
    -3e38,
  ]];
  const given = { m: rows.length, vocab: 4, logits: rows.flat() };
  assertEquals(runChoose(rig, given).choice, [0, 3, 0, 1, 1]);
  assertEquals(runChoose(rig, given, {}, true).choice, [0, 3, 0, 1, 1]);
});

backendTest("temperature 0 is not touched by what comes behind it", (rig) => {
  const given = { m: 3, vocab: 100, logits: someLogits(3, 100) };
  const options = { topK: 1, topP: 0.1, minP: 0.9, seed: 5 };
  const plain = runChoose(rig, given);
  assertEquals(runChoose(rig, given, options).choice, plain.choice);
  const { scores, choice } = runChoose(rig, given, options, true);
  assertEquals(choice, plain.choice);
  assertEquals(scores, given.logits);
});

const MODES: readonly ReferenceOptions[] = [
  {},
  { temperature: 1 },
  { temperature: 0.7, topK: 3 },
  { temperature: 0.7, topP: 0.9 },
  { temperature: 1.5, minP: 0.1, repetitionPenalty: 1.1 },
];

backendTest("a NaN and a row that allows nothing are no tokens, for that row alone", (rig) => {
  for (const [vocab, at] of [[4, 1], [3, 2], [1000, 0], [1003, 8], [33000, 32999]]) {
    const m = 5;
    const logits = someLogits(m, vocab);
    logits[vocab + at] = NaN;
    rowOf(logits, 3, vocab).fill(-Infinity);
    logits[4 * vocab] = Infinity;
    for (const options of MODES) {
      const what = `vocab ${vocab}, ${JSON.stringify(options)}`;
      const { choice } = runChoose(rig, { m, vocab, logits }, options);
      assertEquals(choice[1], CHOICE_NAN, what);
      assertEquals(choice[3], CHOICE_NONE, what);
      assertEquals(choice[4], 0, what);
      for (const i of [0, 2]) assert(choice[i] >= 0 && choice[i] < vocab, what);
      // Behind what is chosen from it is not seen.
      if (at < 2) continue;
      const before = { m, vocab, logits, chosenFrom: at };
      assertGreater(runChoose(rig, before, options).choice[1], -1, what);
    }
  }
  // What the settings leave nothing of.
  const vocab = 40;
  const logits = new Float64Array(3 * vocab).fill(-3e38);
  const allowed = [[1, 39], [], [0]];
  const { choice } = runChoose(rig, { m: 3, vocab, logits, allowed });
  assertEquals(choice, [1, CHOICE_NONE, 0]);
  for (const cuts of CUTS) {
    const options = { ...cuts, temperature: 0.5 };
    const { choice } = runChoose(rig, { m: 3, vocab, logits, allowed }, options);
    assertEquals(choice, [CHOICE_NONE, CHOICE_NONE, CHOICE_NONE], "beyond f32");
  }
});

backendTest("bias is added to the tokens that have one", (rig) => {
  for (const [m, vocab] of [[1, 7], [5, 999], [2, 33000]]) {
    const logits = someLogits(m, vocab);
    const random = new Random(vocab);
    const logitBias: Record<number, number> = { 0: -2.5, [vocab - 1]: 20 };
    while (Object.keys(logitBias).length < Math.min(vocab / 2, 300)) {
      logitBias[random.integer(vocab)] = random.normal() * 5;
    }
    for (const chosenFrom of [vocab, Math.ceil(vocab / 2)]) {
      const given = { m, vocab, logits, chosenFrom };
      const what = `m ${m}, vocab ${vocab}, from ${chosenFrom}`;
      for (const temperature of [0, 0.8]) check(rig, given, { logitBias, temperature }, what);
    }
    assertEquals(runChoose(rig, { m, vocab, logits }, { logitBias: { 3: 1e4 } }).choice[m - 1], 3);
  }
});

backendTest("penalties count the text of a sequence, a row's own included", (rig) => {
  for (const [m, vocab] of [[1, 8], [6, 50], [64, 33]]) {
    const random = new Random(vocab);
    const length = 90;
    // Tokens that no row has, too.
    const history = random.integers(length + m, Math.min(vocab, 40)).map((token, p) =>
      p === 10 ? -1 : p === 11 ? vocab : token
    );
    const given = { m, vocab, logits: someLogits(m, vocab), history, length };
    for (const options of PENALTIES) {
      for (const generated of [0, 60, length + 2, 1000]) {
        const what = `m ${m}, ${JSON.stringify(options)}, from ${generated}`;
        check(rig, given, { ...options, generated }, what);
      }
    }
  }
});

backendTest("penalties count a row's own path in a tree, and no other", (rig) => {
  for (const [m, vocab] of [[1, 9], [12, 30], [64, 50]]) {
    const tree = randomTree(m, Math.min(vocab, 20), m);
    const length = 25;
    const history = new Random(m).integers(length, Math.min(vocab, 20));
    // Behind the text, where a sequence would stand, lies what no row has read.
    history.push(...Array.from({ length: m }, (_, i) => i % vocab));
    const given = { m, vocab, logits: someLogits(m, vocab), history, length, tree };
    for (const options of PENALTIES) {
      for (const generated of [0, 20, length, length + 1]) {
        const what = `m ${m}, ${JSON.stringify(options)}, from ${generated}`;
        check(rig, given, { ...options, generated }, what);
      }
    }
  }
  // Every row would take token 0, then 1, and so on: with a strong penalty it takes the first one that its path lacks.
  const vocab = 12;
  const tree = {
    tokens: [0, 1, 2, 1, 3, 2, 0],
    parents: [-1, 0, 0, 2, 3, 1, 5],
    depths: [0, 1, 1, 2, 3, 2, 3],
  };
  const m = tree.tokens.length;
  const logits = Array.from({ length: m * vocab }, (_, i) => 12 - i % vocab);
  const { choice } = runChoose(rig, { m, vocab, logits, tree }, { presencePenalty: 50 });
  const firsts = tree.tokens.map((_, i) => {
    const path = new Set(lineage(tree, i).map((row) => tree.tokens[row]));
    return Array.from({ length: vocab }, (_, id) => id).find((id) => !path.has(id));
  });
  assertEquals(firsts, [1, 2, 1, 3, 4, 3, 3]);
  assertEquals(choice, firsts);
});

backendTest("a row chooses from what it allows", (rig) => {
  for (const [m, vocab] of [[1, 1], [4, 33], [7, 1000], [64, 95], [2, 33001]]) {
    const random = new Random(m + vocab);
    const allowed = Array.from({ length: m }, (_, i) => {
      const some = random.integers(1 + i % 5, vocab);
      return i % 3 === 0 ? some : [...some, 0, vocab - 1];
    });
    for (const chosenFrom of [vocab, Math.max(1, vocab - 40)]) {
      const firsts = allowed.map((ids) => [...ids, 0]);
      const given = { m, vocab, logits: someLogits(m, vocab), allowed: firsts, chosenFrom };
      for (const options of MODES) {
        check(rig, given, options, `m ${m}, vocab ${vocab}, ${JSON.stringify(options)}`);
      }
    }
  }
});

backendTest("top-k, top-p and min-p keep what the reference keeps, ties by id", (rig) => {
  for (const [m, vocab] of [[1, 1], [1, 6], [6, 50], [6, 999], [64, 33]]) {
    const logits = someLogits(m, vocab);
    for (const chosenFrom of new Set([vocab, Math.ceil(vocab / 2)])) {
      for (const cuts of CUTS) {
        const options = { ...cuts, temperature: 0.75, seed: 3 };
        const what = `m ${m}, vocab ${vocab}, from ${chosenFrom}, ${JSON.stringify(cuts)}`;
        check(rig, { m, vocab, logits, chosenFrom }, options, what);
      }
    }
  }
});

backendTest(
  "all settings together on a wide vocabulary, of which few or all are chosen from",
  (rig) => {
    const [m, vocab] = [2, 128256];
    const tree = randomTree(m, 15, 8);
    const history = new Random(m).integers(30, 15);
    const allowed = Array.from(
      { length: m },
      () => new Random(9).permutation(vocab).slice(vocab / 4),
    );
    const given = { m, vocab, logits: someLogits(m, vocab), tree, history, length: 25, allowed };
    for (const chosenFrom of [vocab, 900]) {
      check(rig, { ...given, chosenFrom }, ALL, `${chosenFrom}`);
    }
  },
);

backendTest("a cut finds its place in rows of any spread", (rig) => {
  // More than a block of the CUDA library holds, and than a step of its search tells apart.
  const vocab = 20000;
  const random = new Random(77);
  const sign = () => random.integer(2) ? 1 : -1;
  const kinds: [string, (id: number) => number][] = [
    ["around zero", () => random.normal() * 3],
    ["close together", () => 20 + random.normal() * 1e-3],
    ["far apart", () => random.normal() * 1e4],
    ["of any magnitude", () => sign() * Math.exp(3 - random.integer(80_000) / 1000)],
    ["apart from one another", (id) => id % 1000 ? -1e30 : random.normal()],
    ["two of them", (id) => id % 3 ? -1 : -1 - 2 ** -23],
    ["repeated", (id) => Math.sin(id % 256) * 2],
    ["equal", () => -0],
  ];
  const logits = kinds.flatMap(([, value]) =>
    Array.from({ length: vocab }, (_, id) => Math.fround(value(id)))
  );
  const given = { m: kinds.length, vocab, logits };
  for (
    const cuts of [{ topK: 50 }, { topK: 7000 }, { topP: 0.5 }, { topP: 0.93 }, {
      topK: 9000,
      topP: 0.7,
    }]
  ) {
    check(rig, given, { ...cuts, temperature: 1, seed: 11 }, JSON.stringify(cuts));
  }
  // Its distance to the largest is rounded up to 8, which is not that of a number as large as it is.
  assertEquals(kept(rig, [8 + 2 ** -20, 2 ** -20 + 2 ** -24, 2 ** -21, -1], { topK: 2 }), [0, 1]);
});

/** The ids that a row keeps. */
function kept(rig: Rig, row: readonly number[], options: ReferenceOptions): number[] {
  const given = { m: 1, vocab: row.length, logits: row };
  const { scores } = runChoose(rig, given, { temperature: 1, ...options }, true);
  return [...scores.keys()].filter((id) => scores[id] > -Infinity);
}

backendTest("a cut in the midst of equals", (rig) => {
  const equal = [1, 1, 1, 1];
  assertEquals(kept(rig, equal, { topK: 2 }), [0, 1, 2, 3]);
  assertEquals(kept(rig, equal, { topP: 0.5 }), [0, 1]);
  assertEquals(kept(rig, equal, { topP: 0.500001 }), [0, 1, 2]);
  assertEquals(kept(rig, equal, { topP: 0 }), [0]);
  assertEquals(kept(rig, equal, { minP: 1 }), [0, 1, 2, 3]);
  // The largest, one that weighs half of it, and four that weigh a quarter.
  const [half, quarter] = [-Math.log(2), -Math.log(4)];
  const row = [quarter, half, quarter, 0, quarter, quarter];
  assertEquals(kept(rig, row, { topP: 0.3 }), [3]);
  assertEquals(kept(rig, row, { topP: 0.59 }), [1, 3]);
  assertEquals(kept(rig, row, { topP: 0.65 }), [0, 1, 3]);
  assertEquals(kept(rig, row, { topP: 0.75 }), [0, 1, 2, 3]);
  assertEquals(kept(rig, row, { topP: 0.95 }), [0, 1, 2, 3, 4, 5]);
  assertEquals(kept(rig, row, { topK: 3 }), [0, 1, 2, 3, 4, 5]);
  assertEquals(kept(rig, row, { topK: 2 }), [1, 3]);
  assertEquals(kept(rig, row, { topK: 2, topP: 0.6 }), [3]);
  assertEquals(kept(rig, row, { topK: 3, topP: 0.75, minP: 0.3 }), [1, 3]);
  assertEquals(kept(rig, row, { topK: 3, topP: 0.75, minP: 0.2 }), [0, 1, 2, 3]);
  // Zeros of both signs are equal.
  assertEquals(kept(rig, [-0, 0, -0, 0, -1], { topP: 0.4 }), [0, 1]);
  assertEquals(kept(rig, [-0, 0, -0, 0, -1], { topK: 1 }), [0, 1, 2, 3]);
  // What is -infinity is never kept, whatever the cut leaves room for.
  assertEquals(kept(rig, [-Infinity, 2, -Infinity, 1], { topK: 3 }), [1, 3]);
  assertEquals(kept(rig, [-Infinity, 2, -Infinity, 2], { topP: 0.99 }), [1, 3]);
});

backendTest("a row's choice has the same bits alone and among others in any place", (rig) => {
  for (const vocab of [300, 8201]) {
    const m = 64;
    const length = 20;
    const logits = someLogits(m, vocab);
    const tree = randomTree(m, 15, 8);
    const random = new Random(vocab);
    const history = random.integers(length, 15);
    const allowed = Array.from({ length: m }, () => random.integers(vocab, vocab));
    for (
      const options of vocab > 1000
        ? [ALL]
        : [{}, { ...ALL, temperature: 0 }, { temperature: 1 }, ALL]
    ) {
      const given = { m, vocab, logits, tree, history, length, allowed };
      const all = runChoose(rig, given, options, true);
      assertGreater(new Set(all.choice).size, 20);
      const bytes = (of: Uint8Array, i: number) => of.slice(i * vocab * 4, (i + 1) * vocab * 4);
      for (const i of [0, 13, 40, 63]) {
        // Alone it stands at the end of the same text, at the same position.
        const ancestors = lineage(tree, i).slice(0, -1).map((row) => tree.tokens[row]);
        const alone = {
          m: 1,
          vocab,
          logits: rowOf(logits, i, vocab),
          history: [...history, ...ancestors, tree.tokens[i]],
          length: length + ancestors.length,
          allowed: [allowed[i]],
        };
        const single = runChoose(rig, alone, options, true);
        assertEquals(single.choice[0], all.choice[i], `row ${i} alone`);
        assertEquals(single.bytes, bytes(all.bytes, i), `scores of row ${i} alone`);
        assertEquals(runChoose(rig, alone, options).choice[0], all.choice[i]);
      }
      // The leaves in another order, behind the rest.
      const isParent = new Set(tree.parents);
      const order = [...Array(m).keys()].sort((a, b) =>
        Number(!isParent.has(a)) - Number(!isParent.has(b)) ||
        (isParent.has(a) ? a - b : b - a)
      );
      const place = new Map(order.map((row, i) => [row, i]));
      const moved = runChoose(
        rig,
        {
          ...given,
          logits: order.flatMap((i) => [...rowOf(logits, i, vocab)]),
          allowed: order.map((i) => allowed[i]),
          tree: {
            tokens: order.map((i) => tree.tokens[i]),
            depths: order.map((i) => tree.depths[i]),
            parents: order.map((i) => place.get(tree.parents[i]) ?? -1),
          },
        },
        options,
        true,
      );
      for (const [i, row] of order.entries()) {
        assertEquals(moved.choice[i], all.choice[row], `row ${row} in place ${i}`);
        assertEquals(bytes(moved.bytes, i), bytes(all.bytes, row), `scores of row ${row}`);
      }
    }
  }
});

Deno.test("the reference's noise is made of Philox4x32-10", () => {
  // The known answers that come with the generator (Random123, kat_vectors).
  const ones = 0xffffffff;
  const answers: [counter: number[], key: number[], words: number[]][] = [
    [[0, 0, 0, 0], [0, 0], [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8]],
    [[ones, ones, ones, ones], [ones, ones], [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd]],
    [
      [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344],
      [0xa4093822, 0x299f31d0],
      [0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1],
    ],
  ];
  for (const [counter, key, words] of answers) assertEquals(philox(key, counter), words);
});

backendTest("noise is that of the seed, the position and the token", (rig) => {
  // Without differences between logits the noise alone decides, and there is no row that does not see all of it.
  for (const [m, vocab] of [[64, 1], [64, 7], [30, 1001], [2, 33001]]) {
    const logits = new Float64Array(m * vocab).fill(-1.5);
    for (const seed of [0, 1, 2 ** 31 + 5, 2 ** 32, 2 ** 53 - 1]) {
      for (const length of [0, 1, 1_000_000]) {
        const given = { m, vocab, logits, tree: randomTree(m, 5, length), length };
        const options = { temperature: 2, seed };
        // Nothing of the text is read, which is not there.
        const { choice } = runChoose(rig, { ...given, history: [0] }, options);
        given.tree.depths.forEach((depth, i) => {
          const shift = noise(seed, length + depth + 1, vocab);
          const best = argmax(shift);
          const what = `seed ${seed}, position ${length + depth + 1}, vocab ${vocab}`;
          const near = shift[best] - shift[choice[i]] <= 1e-5;
          assert(choice[i] === best || near, `${what}: chose ${choice[i]}, expected ${best}`);
        });
      }
    }
  }
});

backendTest("noise changes with each word of the seed and with the position", (rig) => {
  const [m, vocab] = [64, 1000];
  const logits = new Float64Array(m * vocab);
  const take = (seed: number, length: number) =>
    runChoose(rig, { m, vocab, logits, length }, { temperature: 1, seed }).choice;
  const first = take(7, 100);
  assertGreater(new Set(first).size, 50, "positions");
  assertEquals(take(7, 101).slice(0, -1), first.slice(1), "the same positions in other places");
  for (const seed of [8, 7 + 2 ** 32, 7 + 2 ** 52]) {
    const other = take(seed, 100);
    assertNotEquals(other, first);
    const equal = other.filter((token, i) => token === first[i]).length;
    assert(equal < 4, `${equal} equal choices of seeds 7 and ${seed}`);
  }
  // A negative length counts as none.
  assertEquals(take(7, -5), take(7, 0));
});

backendTest("one graph serves all settings, texts and masks", (rig) => {
  const [m, vocab] = [6, 500];
  const tree = randomTree(m, 10, 5);
  const history = new Random(5).integers(40, 10);
  const given = { m, vocab, logits: someLogits(m, vocab), tree, history, length: 30 };
  const choice = rig.output("i32", [m]);
  const scores = rig.output("f32", [m, vocab]);
  const options = chooseOptions(rig, given, ALL, choice.tensor, scores.tensor, true);
  using graph = Graph.capture(rig.device, () => choose(rig.device, options));
  for (const settings of [ALL, {}, { ...ALL, temperature: 0 }, { temperature: 1 }, ALL]) {
    for (const length of [30, 12]) {
      rig.device.upload(options.settings, settingsWords(settings, true));
      rig.setCounter(options.cacheLength, length);
      graph.launch();
      const eager = runChoose(rig, { ...given, length }, settings, true);
      assertEquals([...choice.values()], eager.choice);
      assertEquals(scores.bytes(), eager.bytes);
    }
  }
});

backendTest("choose refuses what does not fit, naming the argument", (rig) => {
  const { device } = rig;
  const given = { m: 3, vocab: 40, logits: new Float64Array(120) };
  const tree = { tokens: [0, 1, 2], parents: [-1, 0, 1], depths: [0, 1, 2] };
  const i32 = (...shape: number[]) => rig.output("i32", shape).tensor;
  const f32 = (...shape: number[]) => rig.output("f32", shape).tensor;
  const options = (tree?: Rows) =>
    chooseOptions(rig, { ...given, tree, allowed: [[], [], []] }, {}, i32(3), f32(3, 40), false);
  const refused: [string, Partial<ChooseOptions>, Rows?][] = [
    ["m is 65, expected an integer from 1 to 64", { logits: f32(65, 40) }],
    ["choice has shape [4], expected [3]", { choice: i32(4) }],
    ["scores has shape [3, 41], expected [3, 40]", { scores: f32(3, 41) }],
    ["settings has shape [15], expected [16]", { settings: i32(15) }],
    ["biasValues has shape [5], expected [1]", { biasValues: f32(5) }],
    ["allowed has shape [3, 1], expected [3, 2]", { allowed: i32(3, 1) }],
    ["chosenFrom is 41, expected an integer from 1 to 40", { chosenFrom: 41 }],
    ["chosenFrom is 0, expected an integer from 1 to 40", { chosenFrom: 0 }],
    ["chosenFrom is 1.5, expected an integer from 1 to 40", { chosenFrom: 1.5 }],
    ["cacheLength has shape [2], expected [1]", { cacheLength: i32(2) }],
    ["tokens is given without depths and mask or the reverse", { tokens: i32(3) }],
    ["tokens is given without depths and mask or the reverse", { tokens: undefined }, tree],
    ["depths has shape [2], expected [3]", { depths: i32(2) }, tree],
    ["mask has shape [3, 2], expected [3, 1]", { mask: rig.output("u64", [3, 2]).tensor }, tree],
  ];
  for (const [message, change, rows] of refused) {
    const call = () => choose(device, { ...options(rows), ...change });
    assertThrows(call, ArgumentError, `Cannot run choose: ${message}`);
  }
});
