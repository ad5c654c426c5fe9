/**
 * Sampled texts have the very distribution of the model: counts of hundreds of thousands of seeds against
 * probabilities in f64. Wrong ways to sample, which fail the same tests, are tested with them.
 * `SPECMQUANT_SAMPLING=all` takes all 200,000 seeds of each setting, and not a tenth of them.
 */
import { assert, assertAlmostEquals, assertEquals, assertGreater, assertLess } from "@std/assert";
import { openCheckpoint } from "../../src/checkpoint/checkpoint.ts";
import { Graph, reshape, rows } from "../../src/device/mod.ts";
import { Model } from "../../src/model/mod.ts";
import { choose, SETTINGS_WORDS } from "../../src/ops/mod.ts";
import { backendTest } from "../backends.ts";
import { chooseOptions, type Choosing, settingsWords } from "../choosing.ts";
import { SMALL, writeRandomModel } from "../models.ts";
import { isMine, tell } from "../parts.ts";
import { Random } from "../random.ts";
import {
  argmax,
  counts,
  cut,
  noise,
  probabilities,
  processed,
  type ReferenceOptions,
} from "../reference/choice.ts";
import type { Rig } from "../rig.ts";
import { Decoder } from "../rounds.ts";
import { distribution, everyText, judge, textChosen, WORDS } from "./exact.ts";
import { chiSquareTail, goodness } from "./statistics.ts";

const ALL = Deno.env.get("SPECMQUANT_SAMPLING") === "all";

/** Seeds of each setting. */
const SEEDS = ALL ? 200_000 : 20_000;

/** Seeds of each wrong way, which the test sees through with few. */
const FEW = 10_000;

/** A chance below this is none. */
const LEAST = 0.001;

/** Calls of one graph. */
const BATCH = 500;

const PROMPT = [4, 1, 6, 1, 2];

/** Token 6 was said by the prompt, and what comes behind it was generated. */
const TEXT = { generated: PROMPT.length };

const SETTINGS: Readonly<Record<string, ReferenceOptions>> = {
  "temperature 0.5": { temperature: 0.5 },
  "temperature 1": { temperature: 1 },
  "top-p 0.9": { temperature: 1, topP: 0.9 },
  "min-p 0.1": { temperature: 1, minP: 0.1 },
  "top-k 5": { temperature: 1, topK: 5 },
  "repetition penalty 2": { temperature: 1, repetitionPenalty: 2 },
  "presence penalty 1.5": { temperature: 1, presencePenalty: 1.5 },
  "frequency penalty 1": { temperature: 1, frequencyPenalty: 1 },
  "all": {
    temperature: 1.2,
    topK: 6,
    topP: 0.97,
    minP: 0.02,
    repetitionPenalty: 1.2,
    presencePenalty: 0.3,
    frequencyPenalty: 0.3,
    logitBias: { 0: 0.5, 3: -0.7 },
  },
};

/** Those that are the same whatever was said before. */
const UNPENALIZED = ["temperature 0.5", "temperature 1", "top-p 0.9", "min-p 0.1", "top-k 5"];

/** What the parts of all this share: a setting of three tokens or of one, and what is told of pairs. */
const CASES = Object.keys(SETTINGS).length + UNPENALIZED.length + 1;

/** Seed number `n`, with something in both words. */
const spread = (n: number): number => n * 2 ** 30 + 7;

/** The choices after all rows for each of `count` seeds. */
function* draws(
  rig: Rig,
  given: Choosing,
  options: ReferenceOptions,
  count: number,
  seedOf: (n: number) => number = spread,
): Generator<Int32Array> {
  const { m, vocab } = given;
  const choice = rig.arena.allocate("i32", [BATCH, m]);
  const settings = rig.arena.allocate("i32", [BATCH, SETTINGS_WORDS]);
  const scores = rig.arena.allocate("f32", [m, vocab]);
  const one = chooseOptions(rig, given, options, reshape(rows(choice, 0, 1), [m]), scores, false);
  using graph = Graph.capture(rig.device, () => {
    for (let b = 0; b < BATCH; b++) {
      choose(rig.device, {
        ...one,
        settings: reshape(rows(settings, b, b + 1), [SETTINGS_WORDS]),
        choice: reshape(rows(choice, b, b + 1), [m]),
      });
    }
  });
  for (let done = 0; done < count; done += BATCH) {
    const words = new Int32Array(BATCH * SETTINGS_WORDS);
    for (let b = 0; b < BATCH; b++) {
      const seed = seedOf(done + b);
      words.set(settingsWords({ ...options, seed }, false), b * SETTINGS_WORDS);
    }
    rig.device.upload(settings, words);
    graph.launch();
    const all = new Int32Array(rig.device.download(choice).buffer);
    for (let b = 0; b < BATCH; b++) yield all.subarray(b * m, (b + 1) * m);
  }
}

/** Runs `body` with a random model of `vocab` tokens, none of which is sure. */
function withModel(rig: Rig, vocab: number, body: (model: Model) => void): void {
  const dir = Deno.makeTempDirSync();
  try {
    writeRandomModel(dir, { ...SMALL, vocab, seed: 3, sharpness: 0.5 });
    using checkpoint = openCheckpoint(dir);
    using model = Model.load(rig.device, checkpoint);
    body(model);
  } finally {
    Deno.removeSync(dir, { recursive: true });
  }
}

Deno.test("the tail of chi-square is that of tables", () => {
  const table = [
    [3.841459, 1, 0.05],
    [10.827566, 1, 0.001],
    [18.307038, 10, 0.05],
    [
      124.342113,
      100,
      0.05,
    ],
    [55.32946, 80, 0.984],
    [366.844, 342, 0.17],
  ];
  for (const [value, freedom, chance] of table) {
    assertAlmostEquals(chiSquareTail(value, freedom), chance, chance > 0.1 ? 0.01 : 1e-6);
  }
  assertEquals(goodness([50, 50], [0.5, 0.5]), 1);
  assertEquals(goodness([50, 50, 1], [0.5, 0.5, 0]), 0);
  assertLess(goodness([600, 400], [0.5, 0.5]), 1e-8);
});

backendTest("three tokens after a prompt have the model's own distribution", (rig) => {
  withModel(rig, WORDS, (model) => {
    const given = everyText(rig.device, model, PROMPT);
    using decoder = new Decoder(model, PROMPT.length + 4);
    let settings = 0;
    for (const [at, [name, setting]] of Object.entries(SETTINGS).entries()) {
      if (!isMine(at, CASES)) continue;
      settings++;
      const options = { ...setting, ...TEXT };
      const { texts } = distribution(given, options);
      assertAlmostEquals(texts.reduce((a, b) => a + b, 0), 1, 1e-12);
      assertGreater(texts.filter((p) => p > 1e-3).length, 50, `${name}: texts worth counting`);
      const found = new Float64Array(texts.length);
      let n = 0;
      for (const choice of draws(rig, given, options, SEEDS)) {
        const text = textChosen((row) => choice[row]);
        found[text]++;
        if (n < 10) {
          // Rounds of plain decoding say what the tree's rows say.
          const tokens = decoder.decode(PROMPT, 3, { ...setting, seed: spread(n) });
          assertEquals(tokens.reduce((sum, token) => sum * WORDS + token, 0), text, name);
        }
        n++;
      }
      assertGreater(judge(found, texts), LEAST, name);
    }
    tell({ settings });
  });
}, ["cpu", "cuda"]);

/** A way to sample: the token chosen after a row. */
type Way = (given: Choosing, options: ReferenceOptions) => (seed: number, row: number) => number;

const shifted = (scores: Float64Array, shift: Float64Array): Float64Array =>
  scores.map((x, id) => x + shift[id]);

const positionOf = ({ length = 0, tree }: Choosing, row: number) => length + tree!.depths[row] + 1;

const RIGHT: Way = (given, options) => {
  const { scores } = distribution(given, options);
  return (seed, row) => argmax(shifted(scores[row], noise(seed, positionOf(given, row), WORDS)));
};

/** Ways that are wrong, and a setting that shows it. */
const WRONG: Readonly<Record<string, [setting: string, way: Way]>> = {
  "noise shared between positions": ["temperature 1", (given, options) => {
    const { scores } = distribution(given, options);
    return (seed, row) => argmax(shifted(scores[row], noise(seed, 0, WORDS)));
  }],
  "noise shared between tokens": ["temperature 1", (given, options) => {
    const { scores } = distribution(given, options);
    return (seed, row) =>
      argmax(scores[row].map((x, id) => x + noise(seed, positionOf(given, row), 4)[id % 4]));
  }],
  "noise before the temperature": ["temperature 0.5", (given, options) => {
    const { scores } = distribution(given, { ...options, temperature: 1 });
    return (seed, row) =>
      argmax(
        shifted(scores[row], noise(seed, positionOf(given, row), WORDS))
          .map((x) => x / options.temperature!),
      );
  }],
  ...Object.fromEntries(["top-p 0.9", "min-p 0.1", "top-k 5"].map((setting) => [
    `a filter applied after the noise: ${setting}`,
    [setting, (given: Choosing, options: ReferenceOptions) => {
      const { scores } = distribution(given, { temperature: options.temperature, ...TEXT });
      return (seed: number, row: number) =>
        argmax(cut(shifted(scores[row], noise(seed, positionOf(given, row), WORDS)), options));
    }],
  ])),
  ...Object.fromEntries(
    ["repetition penalty 2", "presence penalty 1.5", "frequency penalty 1", "all"].flatMap(
      (setting) => [
        // What stands before a row among the proposed ones, and not on its path.
        [
          `penalties counted on the wrong path: ${setting}`,
          [setting, wrongPath((row) => [...new Array(Math.min(row, 3) + 1).keys()])],
        ],
        // The text as it was before the round.
        [`penalties of a round that began before: ${setting}`, [setting, wrongPath(() => [0])]],
      ],
    ),
  ),
};

/** Penalties count the tokens of the rows that `path` says, behind the text. */
function wrongPath(path: (row: number) => number[]): Way {
  return (given, options) => {
    const { logits, m, vocab, history = [], length = 0, tree } = given;
    const all = Float64Array.from(logits);
    const scores = Array.from({ length: m }, (_, row) => {
      const text = [...history.slice(0, length), ...path(row).map((r) => tree!.tokens[r])];
      const own = all.subarray(row * vocab, (row + 1) * vocab);
      return cut(processed(own, options, counts(text, options.generated)), options);
    });
    return (seed, row) => argmax(shifted(scores[row], noise(seed, positionOf(given, row), WORDS)));
  };
}

backendTest("wrong ways to sample do not pass for the model's distribution", (rig) => {
  withModel(rig, WORDS, (model) => {
    const given = everyText(rig.device, model, PROMPT);
    const chance = (setting: string, way: Way): number => {
      const options = { ...SETTINGS[setting], ...TEXT };
      const { texts } = distribution(given, options);
      const choice = way(given, options);
      const found = new Float64Array(texts.length);
      for (let seed = 0; seed < FEW; seed++) found[textChosen((row) => choice(seed, row))]++;
      return judge(found, texts);
    };
    for (const setting of Object.keys(SETTINGS)) {
      assertGreater(chance(setting, RIGHT), LEAST, `the right way, ${setting}`);
    }
    for (const [name, [setting, way]] of Object.entries(WRONG)) {
      assertLess(chance(setting, way), LEAST / 1000, name);
    }
  });
}, ["cpu"]);

backendTest("one token of many has its probability", (rig) => {
  const [m, vocab] = [64, 160];
  const row = new Random(160).normals(vocab, 2).map(Math.fround);
  // The same row at 64 positions.
  const logits = Array.from({ length: m }, () => [...row]).flat();
  const given = { m, vocab, logits, length: 3 };
  let settings = 0;
  for (const [at, name] of UNPENALIZED.entries()) {
    if (!isMine(at + Object.keys(SETTINGS).length, CASES)) continue;
    settings++;
    const options = SETTINGS[name];
    const expected = probabilities(cut(processed(row, options, counts([])), options));
    const found = new Float64Array(vocab);
    for (const choice of draws(rig, given, options, SEEDS / m, (n) => 2 ** 50 + n)) {
      for (const token of choice) found[token]++;
    }
    assertGreater(goodness(found, expected), LEAST, name);
  }
  tell({ settings });
}, ["cpu", "cuda"]);

/** How likely the pairs are where both are drawn from `p`, independently. */
function independence(pairs: Iterable<[number, number]>, p: Float64Array): number {
  const found = new Float64Array(p.length ** 2);
  for (const [a, b] of pairs) found[a * p.length + b]++;
  return goodness(found, found.map((_, i) => p[Math.floor(i / p.length)] * p[i % p.length]));
}

backendTest("positions and seeds are independent of one another", (rig) => {
  if (!isMine(CASES - 1, CASES)) return;
  const [m, vocab] = [64, 9];
  const options = { temperature: 1 };
  const row = new Random(9).normals(vocab, 1).map(Math.fround);
  const logits = Array.from({ length: m }, () => [...row]).flat();
  const p = probabilities(row);
  const count = ALL ? 8000 : 2000;
  const take = (
    seedOf: (n: number) => number,
  ) => [...draws(rig, { m, vocab, logits, length: 100 }, options, count, seedOf)];
  const plain = take((n) => n);
  // Each position in one pair.
  const apart = (distance: number) =>
    plain.flatMap((choice) =>
      [...choice].flatMap((token, i): [number, number][] =>
        Math.floor(i / distance) % 2 === 0 ? [[token, choice[i + distance]]] : []
      )
    );
  for (const distance of [1, 2, 4, 16, 32]) {
    const pairs = apart(distance);
    assertEquals(pairs.length, count * m / 2);
    assertGreater(independence(pairs, p), LEAST, `positions ${distance} apart`);
  }
  const both = (others: readonly Int32Array[], shift = 0) =>
    plain.flatMap((choice, n) =>
      [...choice].flatMap((token, i): [number, number][] =>
        i + shift < m ? [[token, others[n][i + shift]]] : []
      )
    );
  const others: Record<string, (n: number) => number> = {
    "seeds in another order": (n) => count + n,
    "seeds that differ in one bit": (n) => n ^ 2 ** 20,
    "seeds of another high word": (n) => n + 2 ** 32,
  };
  for (const [name, seedOf] of Object.entries(others)) {
    const drawn = take(seedOf);
    assertGreater(independence(both(drawn), p), LEAST, name);
    assertGreater(independence(both(drawn, 1), p), LEAST, `${name}, at the next position`);
  }
  const neighbours = plain.flatMap((choice, n): [number, number][] =>
    n % 2 === 0 ? [...choice].map((token, i) => [token, plain[n + 1][i]]) : []
  );
  assertGreater(independence(neighbours, p), LEAST, "neighboring seeds");
  // What the test is for: noise without the position, without the high word, and with position and seed added up.
  const wrong: Record<string, (seed: number, position: number) => [number, number]> = {
    "no position": (seed) => [seed, 0],
    "position and seed added": (seed, position) => [seed + position, 0],
  };
  for (const [name, key] of Object.entries(wrong)) {
    const token = (seed: number, position: number) => {
      const [other, at] = key(seed, position);
      return argmax(shifted(row, noise(other, at, vocab)));
    };
    const chances = [
      independence(
        Array.from({ length: 3000 }, (_, seed) => [token(3 * seed, 1), token(3 * seed, 2)]),
        p,
      ),
      independence(
        Array.from({ length: 3000 }, (_, seed) => [token(3 * seed, 2), token(3 * seed + 1, 1)]),
        p,
      ),
    ];
    assert(Math.min(...chances) < LEAST / 1000, name);
  }
}, ["cpu", "cuda"]);
