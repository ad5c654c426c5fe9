/**
 * Captured forwards give the bits of the same ops called one by one: in a graph the kernels of the CUDA library
 * overlap as they never do elsewhere.
 */
import { assertEquals } from "@std/assert";
import { MODEL_SHAPES } from "../../src/checkpoint/synthetic/shapes.ts";
import { syntheticCheckpoint } from "../../src/checkpoint/synthetic/synthetic.ts";
import {
  SYNTHETIC_FORMATS,
  type SyntheticScheme,
} from "../../src/checkpoint/synthetic/synthetic_schemes.ts";
import { Arena, type Device, Graph, rows } from "../../src/device/mod.ts";
import { Model, ModelState } from "../../src/model/mod.ts";
import { advance, fill } from "../../src/ops/mod.ts";
import { backendTest } from "../backends.ts";

const SMALL = {
  ...MODEL_SHAPES["llama-3-8b"],
  hiddenSize: 512,
  intermediateSize: 1408,
  heads: 8,
  kvHeads: 2,
  headDim: 64,
  layers: 2,
  vocabSize: 1000,
};

/** Layers of a real model's shape, of which each product is spread over many blocks. */
const WIDE = { ...MODEL_SHAPES["llama-3-8b"], layers: 2, vocabSize: 2000 };

type Shape = typeof SMALL;

/** Row counts on both sides of every row bucket. */
const COUNTS = [1, 2, 7, 8, 9, 16, 17, 24, 32, 33, 48, 64];
const CONTEXT = 300;

function compare(
  device: Device,
  shape: Shape,
  scheme: SyntheticScheme,
  counts: readonly number[],
): void {
  using model = Model.load(device, syntheticCheckpoint(shape, { scheme }));
  const most = Math.max(...counts);
  const slots = CONTEXT + most;
  using arena = new Arena(device, "test");
  using state = new ModelState(model, { context: slots, slots, rows: 64, logitsRows: 64 });
  const tokens = Int32Array.from({ length: slots + 1 }, (_, i) => (i * 7919 + 5) % shape.vocabSize);
  const history = arena.fromHost("i32", [slots + 1], tokens);
  const { cache, cacheLength } = state;
  cache.ensure(slots);
  const forward = (count: number): void =>
    state.queueForward({ rows: count, cacheLength }, { tokens: history, start: cacheLength });
  while (state.length < CONTEXT) {
    const count = Math.min(64, CONTEXT - state.length);
    forward(count);
    advance(device, cacheLength, count);
    state.length += count;
  }
  // A tree of chains that start together: row r continues row r - 3.
  const tree = (count: number) => ({
    rows: count,
    cacheLength,
    depths: arena.fromHost(
      "i32",
      [count],
      Int32Array.from({ length: count }, (_, r) => Math.floor(r / 3)),
    ),
    mask: arena.fromHost(
      "u64",
      [count, 1],
      BigUint64Array.from({ length: count }, (_, r) => {
        let mask = 0n;
        for (let one = r; one >= 0; one -= 3) mask |= 1n << BigInt(one);
        return mask;
      }),
    ),
  });
  for (const count of counts) {
    const branches = tree(count);
    const ids = arena.fromHost("i32", [count], tokens.subarray(0, count));
    const ways: [string, () => void][] = [
      ["a sequence", () => forward(count)],
      ["a tree", () => state.queueForward(branches, { tokens: ids })],
    ];
    for (const [name, queue] of ways) {
      const all = (): void => {
        queue();
        state.queueLogits(count);
      };
      const logits = rows(state.logits, 0, count);
      const hidden = rows(state.hidden, 0, count);
      all();
      const expected = [device.download(logits), device.download(hidden)];
      using graph = Graph.capture(device, all);
      for (let launch = 0; launch < 3; launch++) {
        fill(device, logits, 0xff);
        fill(device, hidden, 0xff);
        graph.launch();
        const what = `${name} of ${count} rows, launch ${launch}`;
        assertEquals(
          differing(device.download(hidden), expected[1]),
          0,
          `hidden states of ${what}`,
        );
        assertEquals(differing(device.download(logits), expected[0]), 0, `logits of ${what}`);
      }
    }
  }
}

/** Bytes that differ: comparing first and printing never, as a failure would print megabytes. */
function differing(actual: Uint8Array, expected: Uint8Array): number {
  let count = Math.abs(actual.length - expected.length);
  for (let i = 0; i < expected.length; i++) if (actual[i] !== expected[i]) count++;
  return count;
}

for (const scheme of Object.keys(SYNTHETIC_FORMATS) as SyntheticScheme[]) {
  backendTest(`a captured forward gives the bits of its ops: ${scheme}`, (rig) => {
    compare(rig.device, SMALL, scheme, [1, 7, 17, 33, 64]);
  }, ["cpu", "cuda"]);
  backendTest(`a captured forward gives the bits of its ops: ${scheme}, 8B shapes`, (rig) => {
    compare(rig.device, WIDE, scheme, COUNTS);
  }, ["cuda"]);
}
