import { assert, assertEquals, assertThrows } from "@std/assert";
import { ArgumentError } from "../../src/base/errors.ts";
import { Graph, rows } from "../../src/device/mod.ts";
import { attention, attentionBytes, fill, ropeKv } from "../../src/ops/mod.ts";
import { backendTest } from "../backends.ts";
import { Random } from "../random.ts";
import { rowOf } from "../rig.ts";
import { check, run, treeMask, values } from "./attention_setup.ts";

/** [heads, kvHeads, headDim]: groups of 1, 3, 4, 8. */
const HEADS = [[2, 2, 64], [6, 2, 128], [4, 1, 16], [8, 1, 64]];

/** Heads, kv heads, their width, rows and length: around the ends of chunks, spans and tiles. */
const EDGES: readonly (readonly [number, number, number, number, number])[] = [
  // On CUDA a list of up to 64 chunks of 64 pairs has spans of one chunk, up to 128 of two, and so on.
  ...[4094, 4095, 4096, 4159, 8191, 8192].map((length) => [1, 1, 64, 1, length] as const),
  // A quarter of that with 16 kv heads; the lists of one forward come to lie on both sides.
  [16, 16, 16, 1, 1023],
  [16, 16, 16, 7, 1021],
  [16, 16, 16, 33, 1000],
  [16, 16, 16, 20, 2040],
  // Tiles of 16 query rows: from one to sixteen.
  ...[4, 5, 8, 9, 12, 16, 17, 32, 33, 60, 64].map((m) => [4, 1, 128, m, 190] as const),
  ...[3, 16, 33, 64].map((m) => [16, 2, 64, m, 130] as const),
  [24, 1, 80, 33, 500], // query rows of one row in two tiles, and runs of 13 tiles
  [6, 2, 256, 9, 140],
  [10, 2, 192, 30, 70],
  // Documents.
  [2, 1, 64, 1, 40000],
  [2, 1, 64, 3, 33791],
];

/** Heads, kv heads, their width, rows and length of prompts: on CUDA tiles have 128 rows and 128 pairs. */
const PROMPTS: readonly (readonly [number, number, number, number, number])[] = [
  [2, 2, 128, 65, 0],
  [4, 1, 128, 128, 0],
  [2, 1, 64, 129, 127],
  [8, 1, 64, 127, 1],
  [3, 1, 128, 193, 128],
  [2, 1, 64, 256, 129],
  [5, 1, 128, 70, 900],
  [150, 50, 64, 66, 3], // more tiles than a card has multiprocessors
  [2, 1, 80, 100, 60], // widths and
  [2, 1, 256, 66, 31], // cards that have another kernel
];

for (const dtype of ["f16", "bf16"] as const) {
  backendTest(`attention ${dtype} of prompts at the edges of tiles`, (rig) => {
    for (const [heads, kvHeads, headDim, m, length] of PROMPTS) {
      const setup = { dtype, m, heads, kvHeads, headDim, slots: m + length + 20, length };
      const what = `m ${m}, length ${length}, heads ${heads}/${kvHeads} x ${headDim}`;
      check(rig, setup, {}, what);
      if (heads > 8) continue;
      check(rig, setup, { slotOffset: 20 }, `${what}, slot offset 20`);
      for (const window of [63, 200]) {
        check(rig, setup, { window }, `${what}, window ${window}`);
      }
    }
  });

  backendTest(
    `attention ${dtype} of prompts keeps steep weights, of any sign of the scale`,
    (rig) => {
      for (const headDim of [64, 128]) {
        const setup = { dtype, m: 140, heads: 2, kvHeads: 1, headDim, slots: 700, length: 550 };
        for (const scale of [1, -0.1, 0]) {
          check(rig, setup, { scale }, `scale ${scale} x ${headDim}`);
        }
      }
    },
  );

  backendTest(`attention ${dtype} is causal, for grouped heads and many lengths`, (rig) => {
    for (const [heads, kvHeads, headDim] of HEADS) {
      for (const [m, length] of [[1, 0], [1, 130], [2, 63], [7, 64], [10, 300], [65, 31]]) {
        const setup = { dtype, m, heads, kvHeads, headDim, slots: m + length + 5, length };
        check(rig, setup, {}, `m ${m}, length ${length}, heads ${heads}/${kvHeads} x ${headDim}`);
        check(rig, setup, { slotOffset: 4 }, `m ${m}, length ${length}, slot offset 4`);
      }
    }
  });

  backendTest(`attention ${dtype} follows a tree mask of one or several words`, (rig) => {
    for (
      const [m, words, length] of [[1, 1, 3], [7, 1, 0], [30, 1, 100], [64, 1, 65], [10, 3, 7]]
    ) {
      const setup = { dtype, m, heads: 6, kvHeads: 2, headDim: 64, slots: length + 192, length };
      check(
        rig,
        setup,
        { mask: treeMask(m, words, m) },
        `m ${m}, ${words} words, length ${length}`,
      );
    }
    // Bits of the second and fourth word.
    const mask = [[1n, 1n << 63n, 0n, 2n], [1n << 5n, 0n, 0n, 1n << 63n]];
    const setup = { dtype, m: 2, heads: 4, kvHeads: 1, headDim: 16, slots: 260, length: 4 };
    check(rig, setup, { mask }, "four words");
  });

  backendTest(`attention ${dtype} at the edges of chunks, spans and tiles`, (rig) => {
    for (const [heads, kvHeads, headDim, m, length] of EDGES) {
      const setup = { dtype, m, heads, kvHeads, headDim, slots: length + 64, length };
      const what = `m ${m}, length ${length}, heads ${heads}/${kvHeads} x ${headDim}`;
      check(rig, setup, {}, what);
      if (length < 3000) {
        check(rig, setup, { mask: treeMask(m, 1, m) }, `${what}, a tree`);
      }
    }
  });

  backendTest(`attention ${dtype} keeps windows that begin and end within spans`, (rig) => {
    // Spans of one chunk and, where a window lets more than 64 chunks through, of two.
    for (const [window, length, m] of [[4032, 4300, 1], [4033, 6000, 3], [4300, 4290, 9]]) {
      const setup = { dtype, m, heads: 2, kvHeads: 1, headDim: 64, slots: length + 64, length };
      check(rig, setup, { window }, `window ${window}, length ${length}, m ${m}`);
      check(rig, setup, { window, mask: treeMask(m, 1, m) }, `window ${window}, a tree of ${m}`);
    }
  });

  backendTest(`attention ${dtype} keeps a row's bits where spans change their length`, (rig) => {
    // With 16 kv heads a span is longer from 16, 32, ... chunks on; with 1 or 2 from 64.
    for (
      const [heads, kvHeads, headDim, length] of [
        [16, 16, 64, 1010],
        [8, 2, 64, 4070],
        [4, 1, 128, 4080],
      ]
    ) {
      const m = 40;
      const setup = { dtype, m, heads, kvHeads, headDim, slots: length + 64, length };
      const given = values(setup, length);
      for (const options of [{}, { mask: treeMask(m, 1, 1) }]) {
        const all = run(rig, setup, given, options).out.bytes();
        const width = (heads + 2 * kvHeads) * headDim, row = heads * headDim * 2;
        for (const [start, count] of [[0, 1], [39, 1], [3, 9], [10, 30]]) {
          const part = run(
            rig,
            { ...setup, m: count },
            { ...given, qkv: given.qkv.subarray(start * width, (start + count) * width) },
            options.mask
              ? { mask: options.mask.slice(start, start + count) }
              : { slotOffset: start },
          );
          const what = `rows ${start} to ${start + count} of ${length}, heads ${heads}/${kvHeads}`;
          assertEquals(part.out.bytes(), all.slice(start * row, (start + count) * row), what);
        }
        // The last row with all pairs but its own committed.
        if (options.mask) {
          continue;
        }
        const last = run(
          rig,
          { ...setup, m: 1, length: length + m - 1 },
          { ...given, qkv: given.qkv.subarray((m - 1) * width) },
          {},
        );
        assertEquals(last.out.bytes(), all.slice((m - 1) * row), `the last row of ${length}`);
      }
    }
  });

  backendTest(`attention ${dtype} keeps the last pairs of a sliding window`, (rig) => {
    for (const window of [1, 5, 64, 100, 1000]) {
      const setup = { dtype, m: 7, heads: 4, kvHeads: 2, headDim: 64, slots: 160, length: 150 };
      check(rig, setup, { window }, `window ${window}`);
      check(rig, setup, { window, mask: treeMask(7, 1, window) }, `window ${window} of a tree`);
      check(rig, { ...setup, length: 2 }, { window, slotOffset: 2 }, `window ${window}, short`);
    }
  });

  backendTest(`attention ${dtype} gives a row the same bits among any number of rows`, (rig) => {
    for (const [heads, kvHeads, headDim] of HEADS) {
      const [length, slots] = [200, 264];
      const setup = { dtype, m: 60, heads, kvHeads, headDim, slots, length };
      const given = values(setup, 7);
      for (const options of [{}, { mask: treeMask(60, 1, 1) }, { window: 70 }]) {
        const all = run(rig, setup, given, options).out.bytes();
        const width = (heads + 2 * kvHeads) * headDim;
        const row = heads * headDim * 2;
        for (const [start, m] of [[0, 1], [59, 1], [5, 2], [3, 7], [11, 10], [30, 30]]) {
          const part = run(
            rig,
            { ...setup, m },
            { ...given, qkv: given.qkv.subarray(start * width, (start + m) * width) },
            options.mask
              ? { mask: options.mask.slice(start, start + m) }
              : { ...options, slotOffset: start },
          );
          const what = `rows ${start} to ${start + m}, ${Object.keys(options)}, heads ${heads}`;
          assertEquals(part.out.bytes(), all.slice(start * row, (start + m) * row), what);
        }
      }
    }
  });

  backendTest(`attention ${dtype} gives the same bits wherever the ordered pairs lie`, (rig) => {
    const [heads, kvHeads, headDim] = [6, 2, 64];
    for (const [prefix, chain] of [[0, 5], [60, 9], [127, 3], [128, 30]]) {
      const random = new Random(prefix);
      const m = 64;
      const setup = { dtype, m, heads, kvHeads, headDim, slots: prefix + m, length: prefix };
      const tree = values(setup, prefix);
      // The rows of one path, scattered among the m rows of a tree.
      const path = random.permutation(m).slice(0, chain).sort((a, b) => a - b);
      const mask = Array.from({ length: m }, (_, i) => [1n << BigInt(i)]);
      path.forEach((row, depth) => {
        mask[row] = [path.slice(0, depth + 1).reduce((bits, j) => bits | 1n << BigInt(j), 0n)];
      });
      const scattered = run(rig, setup, tree, { mask }).out.bytes();
      // The same pairs as a sequence, and then wholly inside the cache but for the last.
      const width = kvHeads * headDim;
      const order = [...Array(prefix).keys(), ...path.map((row) => prefix + row)];
      const move = (cache: Float64Array) => {
        const moved = new Float64Array(cache.length);
        order.forEach((from, to) => moved.set(rowOf(cache, from, width), to * width));
        return moved;
      };
      const sequence = { k: move(tree.k), v: move(tree.v) };
      path.forEach((row, depth) => {
        const qkv = rowOf(tree.qkv, row, (heads + 2 * kvHeads) * headDim);
        const of = rowOf(scattered, row, heads * headDim * 2).slice();
        for (const length of [prefix, prefix + depth]) {
          const one = { ...setup, m: 1, length };
          const out = run(rig, one, { ...sequence, qkv }, { slotOffset: prefix + depth - length });
          assertEquals(out.out.bytes(), of, `row ${row} at depth ${depth}, cache length ${length}`);
        }
      });
    }
  });
}

backendTest("attention does not let slots outside its pairs in, even as NaN", (rig) => {
  const setup = {
    dtype: "f16",
    m: 3,
    heads: 4,
    kvHeads: 2,
    headDim: 64,
    slots: 90,
    length: 70,
  } as const;
  const given = values(setup, 3);
  const mask = [[1n], [3n], [5n]];
  const clean = run(rig, setup, given, { mask }).out.bytes();
  for (const cache of [given.k, given.v]) cache.fill(NaN, 73 * 128);
  assertEquals(run(rig, setup, given, { mask }).out.bytes(), clean);
});

backendTest("attention of prompts does not let slots outside its pairs in, even as NaN", (rig) => {
  for (const headDim of [64, 128]) {
    for (
      const [m, length, window] of [[65, 0, 0], [130, 260, 0], [130, 260, 40], [200, 500, 200]]
    ) {
      const setup = { dtype: "f16", m, heads: 2, kvHeads: 1, headDim, slots: 800, length } as const;
      const given = values(setup, m);
      const clean = run(rig, setup, given, { window }).out.bytes();
      for (const cache of [given.k, given.v]) {
        cache.fill(NaN, (length + m) * headDim);
        if (window > 0) cache.fill(NaN, 0, (length + 1 - window) * headDim);
      }
      const what = `m ${m}, length ${length}, window ${window}, x ${headDim}`;
      assertEquals(run(rig, setup, given, { window }).out.bytes(), clean, what);
    }
  }
});

backendTest("attention refuses what does not fit, naming the argument", (rig) => {
  const { device } = rig;
  const qkv = rig.put("f16", [2, 64], new Float32Array(128));
  const cache = rig.put("f16", [10, 16], new Float32Array(160));
  const out = rig.output("f16", [2, 32]).tensor;
  const size = { heads: 4, kvHeads: 2, headDim: 8 };
  const bytes = attentionBytes(device, { m: 2, slots: 10, ...size });
  assert(Number.isSafeInteger(bytes) && bytes >= 0);
  const options = {
    kCache: cache,
    vCache: cache,
    cacheLength: rig.counter(1),
    scale: 1,
    workspace: rig.arena.allocate("u8", [bytes + 1]),
    ...size,
  };
  const mask = rig.put("u64", [1, 1], [1n]);
  const refused: [string, () => void][] = [
    [
      "out has shape [1, 32], expected [2, 32]",
      () => attention(device, rows(out, 0, 1), qkv, options),
    ],
    [
      "mask has shape [1, 1], expected [2, any]",
      () => attention(device, out, qkv, { ...options, mask }),
    ],
    ["window is -1", () => attention(device, out, qkv, { ...options, window: -1 })],
    ["scale is NaN", () => attention(device, out, qkv, { ...options, scale: NaN })],
    [
      "heads is 5, expected a multiple of 2 (kvHeads)",
      () => attention(device, out, qkv, { ...options, heads: 5 }),
    ],
  ];
  for (const [message, call] of refused) {
    assertThrows(call, ArgumentError, `Cannot run attention: ${message}`);
  }
});

backendTest(
  "attention right behind ropeKv sees what it wrote, and gives the bits that it gives later",
  (rig) => {
    const { device } = rig;
    const [heads, kvHeads, headDim, slots] = [8, 2, 128, 700];
    const random = new Random(5);
    const table = rig.put("f32", [slots, headDim], random.normals(slots * headDim));
    const [keys, values] = [0, 1].map(() => random.normals(slots * kvHeads * headDim));
    for (const length of [0, 1, 30, 31, 32, 33, 63, 127, 128, 500, 511, 512, 513]) {
      for (
        const [m, tree, slotOffset, window] of [[1, 0, 0, 0], [10, 0, 0, 0], [10, 1, 0, 0], [
          33,
          0,
          3,
          40,
        ]]
      ) {
        const cacheLength = rig.counter(length);
        const mask = tree === 0 ? undefined : rig.put(
          "u64",
          [m, 1],
          BigUint64Array.from({ length: m }, (_, i) => (1n << BigInt(i)) | 1n),
        );
        const bytes = attentionBytes(device, { m, heads, kvHeads, headDim, slots });
        const workspace = rig.arena.allocate("u8", [bytes]);
        const nothing = rig.output("f32", [1]);
        const queries = new Random(m).normals(m * (heads + 2 * kvHeads) * headDim);
        const outputs = [false, true].map((apart) => {
          const qkv = rig.put("f16", [m, (heads + 2 * kvHeads) * headDim], queries);
          const kCache = rig.put("f16", [slots, kvHeads, headDim], keys);
          const vCache = rig.put("f16", [slots, kvHeads, headDim], values);
          const shared = { kCache, vCache, cacheLength, slotOffset, heads, kvHeads, headDim };
          const out = rig.output("f16", [m, heads * headDim]);
          // In a graph the second op starts while the first is under way.
          using graph = Graph.capture(device, () => {
            ropeKv(device, qkv, { ...shared, table });
            if (apart) fill(device, nothing.tensor, 0);
            attention(device, out.tensor, qkv, {
              ...{ ...shared, mask, window, workspace },
              scale: 1 / Math.sqrt(headDim),
            });
          });
          graph.launch();
          return out.bytes();
        });
        assertEquals(
          outputs[0],
          outputs[1],
          `length ${length}, m ${m}, tree ${tree}, window ${window}`,
        );
      }
    }
  },
  ["cuda"],
);
