import { assert, assertEquals, assertNotEquals, assertThrows } from "@std/assert";
import { ArgumentError } from "../../src/base/errors.ts";
import { Graph } from "../../src/device/mod.ts";
import { choose, likeliest, logProbs, topChoices, topLogProbs } from "../../src/ops/mod.ts";
import { Choice, type ChoiceOptions } from "../../src/speculation/mod.ts";
import { backendTest } from "../backends.ts";
import { Random } from "../random.ts";
import { counts, noise, processed } from "../reference/choice.ts";
import { logSoftmax, topIndices } from "../reference/ops.ts";
import { rowOf } from "../rig.ts";

/** Log-probabilities are compared by absolute error: f32 with sums over the vocabulary. */
const ABSOLUTE = 1e-5;

/** Rows of logits; every third row has many equal values. */
function someLogits(m: number, vocab: number): Float64Array {
  const random = new Random(m * vocab);
  return random.normals(m * vocab, 4).map((x, i) =>
    Math.fround(Math.floor(i / vocab) % 3 === 2 ? Math.round(x / 4) : x)
  );
}

backendTest("topLogProbs gives the largest, descending, lower index first", (rig) => {
  const sizes = [[1, 1, 1], [1, 10, 10], [7, 1000, 10], [10, 3072, 64], [2, 65, 64], [3, 24, 5]];
  for (const [m, vocab, topk] of sizes) {
    const flat = someLogits(m, vocab);
    const values = rig.output("f32", [m, topk]);
    const ids = rig.output("i32", [m, topk]);
    topLogProbs(rig.device, values.tensor, ids.tensor, rig.put("f32", [m, vocab], flat));
    for (let i = 0; i < m; i++) {
      const row = rowOf(flat, i, vocab);
      const top = topIndices(row, topk);
      assertEquals([...rowOf(ids.values(), i, topk)], top, `ids of row ${i}, vocab ${vocab}`);
      const expected = logSoftmax(row);
      rowOf(values.values(), i, topk).forEach((value, j) => {
        const error = Math.abs(value - expected[top[j]]);
        assert(error <= ABSOLUTE, `row ${i}, entry ${j} of vocab ${vocab}: error ${error}`);
        assert(value <= 0, `row ${i}, entry ${j}: ${value} is no log-probability`);
      });
    }
  }
});

backendTest("logProbs gives the log-probability of each row's target", (rig) => {
  for (const [m, vocab] of [[1, 8], [7, 1000], [65, 3072]]) {
    const flat = someLogits(m, vocab);
    const targets = new Random(m).integers(m, vocab);
    const out = rig.output("f32", [m]);
    const logits = rig.put("f32", [m, vocab], flat);
    logProbs(rig.device, out.tensor, logits, rig.put("i32", [m], targets));
    out.values().forEach((value, i) => {
      const error = Math.abs(value - logSoftmax(rowOf(flat, i, vocab))[targets[i]]);
      assert(error <= ABSOLUTE, `row ${i} of vocab ${vocab}: error ${error}`);
    });
  }
});

backendTest("the largest log-probability is precise in a wide vocabulary", (rig) => {
  const m = 2, vocab = 128256;
  // So spread out that the many small terms are a good part of the sum.
  const flat = someLogits(m, vocab);
  const out = rig.output("f32", [m]);
  const targets = Array.from({ length: m }, (_, i) => topIndices(rowOf(flat, i, vocab), 1)[0]);
  const logits = rig.put("f32", [m, vocab], flat);
  logProbs(rig.device, out.tensor, logits, rig.put("i32", [m], targets));
  [...out.values()].forEach((value, i) => {
    const expected = logSoftmax(rowOf(flat, i, vocab))[targets[i]];
    const error = Math.abs(value / expected - 1);
    assert(error <= 1e-6, `row ${i}: ${value}, expected ${expected}, relative error ${error}`);
  });
});

backendTest("a row's top log-probabilities have the same bits alone and among others", (rig) => {
  const [vocab, topk] = [3000, 10];
  const flat = someLogits(30, vocab);
  const take = (values: Float64Array) => {
    const m = values.length / vocab;
    const out = rig.output("f32", [m, topk]);
    const ids = rig.output("i32", [m, topk]);
    topLogProbs(rig.device, out.tensor, ids.tensor, rig.put("f32", [m, vocab], values));
    return out.bytes();
  };
  const all = take(flat);
  for (const row of [0, 13, 29]) {
    assertEquals(take(rowOf(flat, row, vocab)), rowOf(all, row, topk * 4).slice(), `row ${row}`);
  }
});

/** Settings under which a sample is likely to be other tokens than those with the largest logits. */
const CHOSEN: readonly ChoiceOptions[] = [
  { temperature: 1, seed: 7 },
  { temperature: 0.3, seed: 2 ** 40 + 3 },
  { logitBias: { 3: 9, 17: -4 } },
  { temperature: 1.5, seed: 1, logitBias: { 3: 9, 17: -4 }, repetitionPenalty: 1.4 },
  { repetitionPenalty: 1.4, presencePenalty: 0.7, frequencyPenalty: 0.6 },
];

backendTest(
  "topChoices gives the likeliest samples: settings, then the noise of their position",
  (rig) => {
    const [length, generated, offset] = [40, 25, 3];
    for (const [m, vocab, topk] of [[1, 24, 5], [7, 1001, 10], [8, 9000, 8], [64, 3072, 64]]) {
      const flat = someLogits(m, vocab);
      const text = new Random(vocab).integers(length + 9, vocab).map((token, i) =>
        i % 2 ? 3 : token
      );
      const history = rig.put("i32", [text.length], text);
      const choice = new Choice(rig.device, rig.arena);
      const cacheLength = rig.counter(length);
      for (const [n, options] of [...CHOSEN, ...CHOSEN].entries()) {
        // Side by side, and as a sequence.
        const step = n < CHOSEN.length ? 0 : 1;
        if (step === 1 && length + m > text.length) continue;
        choice.set(options, generated, vocab);
        const [values, ids] = [rig.output("f32", [m, topk]), rig.output("i32", [m, topk])];
        topChoices(rig.device, {
          settings: choice.settings,
          biasIds: choice.biasIds,
          biasValues: choice.biasValues,
          values: values.tensor,
          ids: ids.tensor,
          logits: rig.put("f32", [m, vocab], flat),
          history,
          cacheLength,
          offset,
          // Absent, it is 0.
          ...(step === 1 ? { step } : {}),
        });
        const { temperature = 0, seed = 0 } = options;
        for (let i = 0; i < m; i++) {
          const shift = noise(seed, length + offset + i * step, vocab);
          // The last committed token is no part of the caches, but of the text.
          const said = counts(text.slice(0, length + 1 + i * step), generated);
          const greedy = { ...options, temperature: 0 };
          const row = processed(rowOf(flat, i, vocab), greedy, said)
            .map((x, token) => x + (temperature === 0 ? 0 : temperature * shift[token]));
          const expected = logSoftmax(row);
          const found = [...rowOf(ids.values(), i, topk)];
          const name = `row ${i}, vocab ${vocab}, step ${step}, ${JSON.stringify(options)}`;
          assertEquals(new Set(found).size, topk, name);
          // Which of nearly equal ones comes first is up to rounding.
          const top = topIndices(row, topk);
          rowOf(values.values(), i, topk).forEach((value, j) => {
            for (const token of [found[j], top[j]]) {
              const error = Math.abs(value - expected[token]);
              assert(error <= 1e-4, `entry ${j} of ${name}: error ${error}`);
            }
          });
        }
      }
    }
  },
);

backendTest(
  "topChoices of a vocabulary of its own are those of tokens: with nothing elsewhere, they come to the same",
  (rig) => {
    const [length, generated, offset, topk] = [40, 25, 3, 6];
    for (
      const [m, vocab, known] of [[1, 24, 40], [3, 1001, 4000], [2, 8300, 9001], [64, 96, 160]]
    ) {
      // Tokens in no order.
      const order = new Random(vocab).normals(known);
      const tokens = [...order.keys()].sort((a, b) => order[a] - order[b]).slice(0, vocab);
      const entries = new Int32Array(known).fill(-1);
      tokens.forEach((token, entry) => entries[token] = entry);
      // Of equal ones the lower entry comes first, and not the lower token: none are.
      const flat = Float32Array.from(new Random(m + vocab).normals(m * vocab, 4));
      const wide = new Float32Array(m * known).fill(-Infinity);
      flat.forEach((x, i) => wide[Math.floor(i / vocab) * known + tokens[i % vocab]] = x);
      const text = new Random(known).integers(length + 9, known).map((token, i) =>
        i % 2 ? tokens[3] : token
      );
      const history = rig.put("i32", [text.length], text);
      const choice = new Choice(rig.device, rig.arena);
      const map = {
        tokens: rig.put("i32", [vocab], tokens),
        entries: rig.put("i32", [known], entries),
      };
      const absent = entries.findIndex((entry) => entry < 0);
      const bias = { [tokens[3]]: 9, [tokens[17]]: -4, [absent]: 20 };
      for (const given of [{}, ...CHOSEN]) {
        const options = { ...given, ...("logitBias" in given && { logitBias: bias }) };
        choice.set(options, generated, known);
        const top = (logits: ArrayLike<number>, width: number, mapped: boolean) => {
          const [values, ids] = [rig.output("f32", [m, topk]), rig.output("i32", [m, topk])];
          topChoices(rig.device, {
            settings: choice.settings,
            biasIds: choice.biasIds,
            biasValues: choice.biasValues,
            values: values.tensor,
            ids: ids.tensor,
            logits: rig.put("f32", [m, width], logits),
            history,
            cacheLength: rig.counter(length),
            offset,
            ...(mapped && { map }),
          });
          return { values: values.values(), ids: [...ids.values()] };
        };
        const [found, expected] = [top(flat, vocab, true), top(wide, known, false)];
        const name = `${vocab} of ${known}, ${JSON.stringify(options)}`;
        assertEquals(found.ids, expected.ids, name);
        found.values.forEach((value, i) => {
          assert(Math.abs(value - expected.values[i]) <= 1e-5, `${name}: entry ${i}`);
        });
      }
    }
  },
);

backendTest("likeliest gives the likeliest sample of each row, and what it says", (rig) => {
  const [length, generated, offset, rank] = [40, 25, 3, 24];
  for (
    const [m, vocab, known] of [[1, 24, 24], [7, 1001, 4000], [1, 9000, 9000], [64, 3072, 3100]]
  ) {
    const flat = someLogits(m, vocab);
    const text = new Random(vocab).integers(length + 9, vocab).map((token, i) => i % 2 ? 3 : token);
    const choice = new Choice(rig.device, rig.arena);
    // Entries are tokens, or stand for others in reverse order.
    const tokens = Array.from({ length: vocab }, (_, i) => known === vocab ? i : known - 1 - i);
    const entries = new Int32Array(known).fill(-1);
    tokens.forEach((token, entry) => entries[token] = entry);
    const map = known === vocab
      ? undefined
      : { tokens: rig.put("i32", [vocab], tokens), entries: rig.put("i32", [known], entries) };
    // The table may lack the last tokens.
    const listed = Math.min(known, 2000);
    const table = rig.put("f16", [listed, rank], new Random(7).normals(listed * rank));
    const stored = [...new Uint16Array(rig.device.download(table).buffer)];
    for (const options of [{}, ...CHOSEN]) {
      choice.set(options, generated, known);
      const [drafted, last] = [rig.output("i32", [m]), rig.output("i32", [1])];
      const said = rig.output("f16", [1, rank]);
      likeliest(rig.device, {
        ...choice,
        drafted: drafted.tensor,
        last: last.tensor,
        follow: m === 1 ? { said: said.tensor, table } : undefined,
        map,
        logits: rig.put("f32", [m, vocab], flat),
        history: rig.put("i32", [text.length], text),
        cacheLength: rig.counter(length),
        offset,
      });
      const { temperature = 0, seed = 0 } = options as ChoiceOptions;
      const name = `vocab ${vocab} of ${known}, ${JSON.stringify(options)}`;
      assertEquals([...last.values()], [text[length]], name);
      for (let i = 0; i < m; i++) {
        const wide = new Float64Array(known).fill(-Infinity);
        rowOf(flat, i, vocab).forEach((x, entry) => wide[tokens[entry]] = x);
        const shift = noise(seed, length + offset + i, known);
        const said = counts(text.slice(0, length + 1), generated);
        const row = processed(wide, { ...options, temperature: 0 }, said)
          .map((x, token) => x + (temperature === 0 ? 0 : temperature * shift[token]));
        const found = drafted.values()[i];
        // Which of nearly equal ones it is is up to rounding; of equal ones it is that of the lowest entry.
        const best = Math.max(...row);
        assert(best - row[found] <= 1e-4, `row ${i} of ${name}: ${row[found]}, expected ${best}`);
        if (Object.keys(options).length === 0) {
          assertEquals(
            found,
            tokens[topIndices(rowOf(flat, i, vocab), 1)[0]],
            `row ${i} of ${name}`,
          );
        }
      }
      if (m > 1) continue;
      const token = drafted.values()[0];
      const expected = token < listed
        ? stored.slice(token * rank, (token + 1) * rank)
        : new Array(rank).fill(0);
      assertEquals([...new Uint16Array(said.bytes().buffer)], expected, name);
    }
  }
});

backendTest("likeliest passes over NaN, and gives entry 0 where there is nothing else", (rig) => {
  const [m, vocab] = [4, 9000];
  const flat = new Float64Array(m * vocab).fill(-Infinity);
  flat.fill(NaN, vocab, 2 * vocab);
  flat.fill(NaN, 2 * vocab, 3 * vocab);
  flat[2 * vocab + 8500] = -7;
  flat[3 * vocab + 8999] = flat[3 * vocab + 8998] = 1;
  const choice = new Choice(rig.device, rig.arena);
  const drafted = rig.output("i32", [m]);
  // Twice: what blocks tell one another is forgotten.
  for (let time = 0; time < 2; time++) {
    likeliest(rig.device, {
      ...choice,
      drafted: drafted.tensor,
      logits: rig.put("f32", [m, vocab], flat),
      history: rig.put("i32", [1], [0]),
      cacheLength: rig.counter(0),
      offset: 1,
    });
    assertEquals([...drafted.values()], [0, 0, 8500, 8998]);
  }
});

backendTest("a head that knows the model's logits ranks the model's choice first", (rig) => {
  const [m, vocab] = [64, 3001];
  const flat = someLogits(m, vocab);
  const choice = new Choice(rig.device, rig.arena);
  const history = rig.put("i32", [200], new Random(1).integers(200, vocab));
  // Rows all stand at one depth, in a tree and behind it.
  const [length, depth] = [100, 4];
  const chosen = rig.output("i32", [m]);
  const logits = rig.put("f32", [m, vocab], flat);
  const scores = rig.put("f32", [m, vocab], flat);
  const [values, ids] = [rig.output("f32", [m, 1]), rig.output("i32", [m, 1])];
  for (const seed of [0, 1, 2]) {
    choice.set({ temperature: 1, seed }, 0, vocab);
    const shared = { ...choice, history };
    choose(rig.device, {
      ...shared,
      choice: chosen.tensor,
      scores,
      logits,
      cacheLength: rig.counter(length),
      tokens: rig.put("i32", [m], new Int32Array(m)),
      depths: rig.put("i32", [m], new Int32Array(m).fill(depth)),
      mask: rig.put("u64", [m, 1], new BigUint64Array(m).fill(1n)),
    });
    topChoices(rig.device, {
      ...shared,
      values: values.tensor,
      ids: ids.tensor,
      logits: rig.put("f32", [m, vocab], flat),
      cacheLength: rig.counter(length + 2),
      offset: depth - 1,
    });
    assertEquals([...ids.values()], [...chosen.values()], `seed ${seed}`);
  }
});

backendTest(
  "one graph of topChoices serves all settings, and greedy ones change nothing",
  (rig) => {
    const [m, vocab, topk] = [9, 3000, 10];
    const flat = someLogits(m, vocab);
    const choice = new Choice(rig.device, rig.arena);
    const logits = rig.output("f32", [m, vocab]);
    const [values, ids] = [rig.output("f32", [m, topk]), rig.output("i32", [m, topk])];
    topLogProbs(rig.device, values.tensor, ids.tensor, rig.put("f32", [m, vocab], flat));
    const plain = [values.bytes(), ids.bytes()];
    const history = rig.put("i32", [10], new Int32Array(10));
    const cacheLength = rig.counter(5);
    using graph = Graph.capture(rig.device, () =>
      topChoices(rig.device, {
        ...choice,
        values: values.tensor,
        ids: ids.tensor,
        logits: logits.tensor,
        history,
        cacheLength,
        offset: 1,
      }));
    const run = (options: ChoiceOptions, length: number) => {
      choice.set(options, 0, vocab);
      rig.setCounter(cacheLength, length);
      logits.set(flat);
      graph.launch();
      return [values.bytes(), ids.bytes()];
    };
    const first = run({ temperature: 1, seed: 4 }, 5);
    assertNotEquals(first, plain);
    assertNotEquals(run({ temperature: 1, seed: 4 }, 6), first, "another position");
    assertNotEquals(run({ temperature: 1, seed: 5 }, 5), first, "another seed");
    assertNotEquals(
      run({ temperature: 1, seed: 4 + 2 ** 32 }, 5),
      first,
      "another seed's upper word",
    );
    assertEquals(run({ temperature: 1, seed: 4 }, 5), first);
    assertEquals(run({ topK: 5, topP: 0.5, minP: 0.1, seed: 4 }, 5), plain, "greedy");
    assertEquals([...logits.values()], [...flat], "greedy settings leave the logits as they are");
  },
);

backendTest("the ops on logits refuse what does not fit, naming the argument", (rig) => {
  const { device } = rig;
  const logits = rig.put("f32", [2, 100], new Float32Array(200));
  const top = (k: number) => () =>
    topLogProbs(device, rig.output("f32", [2, k]).tensor, rig.output("i32", [2, k]).tensor, logits);
  const choice = new Choice(device, rig.arena);
  const choices = (m: number, offset: number, step = 0) => () =>
    topChoices(device, {
      ...choice,
      values: rig.output("f32", [m, 2]).tensor,
      ids: rig.output("i32", [m, 2]).tensor,
      logits: rig.output("f32", [m, 100]).tensor,
      history: rig.put("i32", [1], [0]),
      cacheLength: rig.counter(0),
      offset,
      step,
    });
  const table = rig.put("f16", [5, 8], new Float32Array(40));
  const follow = (m: number, rank: number) => () =>
    likeliest(device, {
      ...choice,
      drafted: rig.output("i32", [m]).tensor,
      follow: { said: rig.output("f16", [1, rank]).tensor, table },
      logits: rig.output("f32", [m, 100]).tensor,
      history: rig.put("i32", [1], [0]),
      cacheLength: rig.counter(0),
      offset: 1,
    });
  const refused: [string, () => void][] = [
    ["likeliest: m is 2, expected an integer from 1 to 1", follow(2, 8)],
    ["likeliest: said has shape [1, 7], expected [1, 8]", follow(1, 7)],
    ["topLogProbs: topk is 65, expected an integer from 1 to 64", top(65)],
    ["topChoices: m is 65, expected an integer from 1 to 64", choices(65, 1)],
    ["topChoices: offset is 0, expected an integer", choices(2, 0)],
    ["topChoices: step is 2, expected an integer from 0 to 1", choices(2, 1, 2)],
    [
      "logProbs: out has shape [2, 100], expected [2]",
      () => logProbs(device, logits, logits, rig.output("i32", [2]).tensor),
    ],
  ];
  for (const [message, call] of refused) {
    assertThrows(call, ArgumentError, `Cannot run ${message}`);
  }
});
