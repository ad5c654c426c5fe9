import { assert, assertEquals, assertThrows } from "@std/assert";
import { ArgumentError } from "../../src/base/errors.ts";
import { logProbs, topLogProbs } from "../../src/ops/mod.ts";
import { backendTest } from "../backends.ts";
import { Random } from "../random.ts";
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

backendTest("the ops on logits refuse what does not fit, naming the argument", (rig) => {
  const { device } = rig;
  const logits = rig.put("f32", [2, 100], new Float32Array(200));
  const top = (k: number) => () =>
    topLogProbs(device, rig.output("f32", [2, k]).tensor, rig.output("i32", [2, k]).tensor, logits);
  const refused: [string, () => void][] = [
    ["topLogProbs: topk is 65, expected an integer from 1 to 64", top(65)],
    [
      "logProbs: out has shape [2, 100], expected [2]",
      () => logProbs(device, logits, logits, rig.output("i32", [2]).tensor),
    ],
  ];
  for (const [message, call] of refused) {
    assertThrows(call, ArgumentError, `Cannot run ${message}`);
  }
});
