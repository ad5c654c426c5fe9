import { assertEquals, assertThrows } from "@std/assert";
import { ArgumentError } from "../../src/base/errors.ts";
import { Graph, rows, type Tensor } from "../../src/device/mod.ts";
import { embedW8Group, gemmW8A16Group, w8GroupBytes, w8GroupPack } from "../../src/ops/mod.ts";
import { backendTest } from "../backends.ts";
import { rounded } from "../half.ts";
import { Random } from "../random.ts";
import { product } from "../reference/ops.ts";
import type { Rig } from "../rig.ts";
import { checkInvariance, checkProduct } from "./products.ts";

/** Packed weights, and what they stand for: [n, k] in f64. */
interface Weight {
  readonly w: Tensor<"u8">;
  readonly weights: Float64Array;
  readonly size: { readonly n: number; readonly k: number; readonly group: number };
  readonly offsets: boolean;
}

/** Random layers of one k, packed in a row; i8 over its whole range. */
function weight(
  rig: Rig,
  parts: readonly number[],
  k: number,
  group: number,
  offsets: boolean,
  seed: number,
): Weight {
  const random = new Random(seed);
  const n = parts.reduce((sum, part) => sum + part, 0);
  const weights = new Float64Array(n * k);
  const w = rig.output("u8", [w8GroupBytes(rig.device, { n, k, group, offsets })]);
  const groups = k / group;
  const spread = 0.02 / Math.sqrt(k);
  let nOffset = 0;
  for (const part of parts) {
    const drawn = Float64Array.from(random.integers(part * k, 256), (q) => q - 128);
    const qweight = rig.put("i8", [part, k], drawn);
    // Of either sign, as in files.
    const scales = rig.put("f16", [groups, part], random.normals(groups * part, spread));
    const added = offsets
      ? rig.put("f16", [groups, part], random.normals(groups * part, 100 * spread))
      : undefined;
    w8GroupPack(rig.device, w.tensor, {
      ...{ nTotal: n, nOffset, qweight, scales, offsets: added, n: part, k, group },
    });
    const [q, s, o] = [rig.get(qweight), rig.get(scales), added && rig.get(added)];
    for (let j = 0; j < part; j++) {
      for (let i = 0; i < k; i++) {
        const at = Math.floor(i / group) * part + j;
        weights[(nOffset + j) * k + i] = q[j * k + i] * s[at] + (o ? o[at] : 0);
      }
    }
    nOffset += part;
  }
  w.bytes(true); // checks the guards
  return { w: w.tensor, weights, size: { n, k, group }, offsets };
}

/** [m, n, k]: both sides of tile edges. */
const SIZES = [
  [1, 8, 32],
  [1, 1000, 1024],
  [2, 24, 1056],
  [7, 1016, 32],
  [8, 130, 288],
  [10, 100, 384],
  [30, 77, 1056],
  [60, 129, 64],
  [64, 24, 992],
  [65, 33, 160],
  [130, 65, 96],
  [300, 40, 96],
  [2048, 24, 64],
  [3, 1, 32],
];

const FORMS = [[16, false], [16, true], [32, false], [32, true]] as const;

function name(group: number, offsets: boolean): string {
  return `groups of ${group}${offsets ? " with offsets" : ""}`;
}

for (const [group, offsets] of FORMS) {
  for (const dtype of ["f16", "bf16"] as const) {
    backendTest(`gemmW8A16Group ${dtype}, ${name(group, offsets)}, is the product`, (rig) => {
      for (const [m, n, k] of SIZES) {
        const x = rig.put(dtype, [m, k], new Random(m + k).normals(m * k));
        const { w, weights } = weight(rig, [n], k, group, offsets, n + k);
        checkProduct(rig, {
          ...{ m, n, dtype, what: `m ${m}, n ${n}, k ${k}`, rounded: "always" },
          expected: product(rig.get(x), weights, null, m, n, k),
          run: (y, options) =>
            gemmW8A16Group(rig.device, y, x, w, { n, k, group, offsets, ...options }),
        });
      }
    });

    backendTest(
      `gemmW8A16Group ${dtype}, ${name(group, offsets)}, gives a row the same bits in any number`,
      (rig) => {
        for (const [n, k] of [[136, 1056], [33, 384], [264, 512]]) {
          const { w, size } = weight(rig, [n], k, group, offsets, n);
          const x = rig.put(dtype, [130, k], new Random(k).normals(130 * k));
          checkInvariance(rig, n, `n ${n}, k ${k}`, (y, from, to) => {
            const options = { ...size, offsets, epilogue: "logits" } as const;
            gemmW8A16Group(rig.device, y, rows(x, from, to), w, options);
          });
        }
      },
    );
  }

  backendTest(`w8GroupPack joins layers that read one input, ${name(group, offsets)}`, (rig) => {
    for (const [parts, k] of [[[64, 32, 32], 256], [[40, 7, 1, 19], 96]] as const) {
      const m = 3;
      const { w, weights, size } = weight(rig, parts, k, group, offsets, k);
      const { n } = size;
      const x = rig.put("f16", [m, k], new Random(k).normals(m * k));
      checkProduct(rig, {
        ...{ m, n, dtype: "f16", what: `outputs ${parts}`, rounded: "always" },
        expected: product(rig.get(x), weights, null, m, n, k),
        run: (y, options) => gemmW8A16Group(rig.device, y, x, w, { ...size, offsets, ...options }),
      });
    }
  });

  backendTest(`embedW8Group, ${name(group, offsets)}, gives the tokens' rows, rounded`, (rig) => {
    for (const [vocab, hidden] of [[7, 32], [100, 288], [1000, 1056]]) {
      const random = new Random(vocab);
      const { w, weights } = weight(rig, [vocab], hidden, group, offsets, hidden);
      const size = { n: vocab, k: hidden, group, offsets };
      for (const m of [1, 5, 70]) {
        const ids = [...random.integers(m, vocab)];
        ids[m - 1] = vocab - 1;
        if (m > 2) [ids[0], ids[1]] = [vocab, -1]; // outside the table: zeros
        const tokens = rig.put("i32", [m + 3], [5, 5, 5, ...ids]);
        for (const dtype of ["f16", "bf16", "f32"] as const) {
          const out = rig.output(dtype, [m, hidden], hidden + 9);
          const start = rig.counter(1);
          embedW8Group(rig.device, out.tensor, w, tokens, { ...size, start, shift: 2 });
          const exact = Float64Array.from({ length: m * hidden }, (_, i) => {
            const id = ids[Math.floor(i / hidden)];
            return id < 0 || id >= vocab ? 0 : weights[id * hidden + i % hidden];
          });
          // The sum is one rounding to f32, and then to the dtype.
          const single = exact.map(Math.fround);
          const expected = rounded(dtype, single);
          const what = `vocab ${vocab}, hidden ${hidden}, m ${m}, ${dtype}`;
          const got = out.values();
          assertEquals(got.map((x) => x + 0), expected.map((x) => x + 0), what);
        }
      }
    }
  });
}

backendTest(
  "embedW8Group and gemmW8A16Group read the same memory when a graph is launched",
  (rig) => {
    const { device } = rig;
    const [n, k, m] = [40, 96, 3];
    const { w, weights, size } = weight(rig, [n], k, 32, true, 1);
    const options = { ...size, offsets: true };
    const tokens = rig.put("i32", [4], [1, 2, 3, 4]);
    const start = rig.counter(0);
    const x = rig.output("f16", [m, k]);
    const y = rig.output("f32", [m, n]);
    using graph = Graph.capture(device, () => {
      embedW8Group(device, x.tensor, w, tokens, { ...options, start });
      gemmW8A16Group(device, y.tensor, x.tensor, w, { ...options, epilogue: "logits" });
    });
    for (const ids of [[1, 2, 3, 4], [39, 0, 17, 8]]) {
      for (const first of [0, 1]) {
        device.upload(tokens, Int32Array.from(ids));
        rig.setCounter(start, first);
        graph.launch();
        const read = x.values();
        const expected = Float64Array.from({ length: m * k }, (_, i) => {
          return weights[ids[first + Math.floor(i / k)] * k + i % k];
        });
        assertEquals(read, rounded("f16", expected.map(Math.fround)));
        const exact = product(read, weights, null, m, n, k);
        const norm = Math.hypot(...exact);
        const error = Math.hypot(...y.values().map((value, i) => value - exact[i]));
        const most = device.backend === "cpu" ? 5e-6 : 5e-4; // the GPU rounds weights to f16
        if (!(error <= most * norm)) throw new Error(`the product is off by ${error / norm}`);
      }
    }
  },
);

backendTest("a group of scale NaN gives NaN in its output alone", (rig) => {
  const [n, k, group] = [40, 96, 16];
  const scales = new Float64Array(k / group * n).fill(0.25);
  scales[3 * n + 7] = NaN;
  const qweight = rig.put("i8", [n, k], new Int8Array(n * k).fill(1));
  const w = rig.output("u8", [w8GroupBytes(rig.device, { n, k, group })]).tensor;
  w8GroupPack(rig.device, w, {
    ...{ nTotal: n, nOffset: 0, qweight, scales: rig.put("f16", [k / group, n], scales) },
    ...{ n, k, group },
  });
  for (const m of [1, 9, 70]) {
    const x = rig.put("f16", [m, k], new Float32Array(m * k).fill(1));
    const y = rig.output("f32", [m, n]);
    gemmW8A16Group(rig.device, y.tensor, x, w, { n, k, group, epilogue: "logits" });
    const expected = Array.from({ length: m * n }, (_, i) => i % n === 7 ? NaN : k / 4);
    assertEquals([...y.values(true)], expected, `m ${m}`);
  }
});

backendTest("8-bit ops in groups refuse what does not fit, naming the argument", (rig) => {
  const { device } = rig;
  const [n, k, group] = [16, 64, 32];
  const { w } = weight(rig, [n], k, group, false, 1);
  const x = rig.put("f16", [2, k], new Random(1).normals(2 * k));
  const y = rig.output("f16", [2, n]).tensor;
  const fits = { n, k, group };
  const bytes = w8GroupBytes(device, fits);
  const more = w8GroupBytes(device, { ...fits, offsets: true });
  const qweight = rig.put("i8", [n, k], new Int8Array(n * k));
  const scales = rig.put("f16", [k / group, n], new Float32Array(k / group * n));
  const packs = { nTotal: n, nOffset: 0, qweight, scales, ...fits };
  const tokens = rig.put("i32", [3], [0, 1, 2]);
  const out = rig.output("f16", [2, k]).tensor;
  const refused: [string, () => void][] = [
    [
      "w8GroupBytes: k is 48, expected a multiple of 32",
      () => w8GroupBytes(device, { ...fits, k: 48 }),
    ],
    ["w8GroupBytes: n is 0", () => w8GroupBytes(device, { ...fits, n: 0 })],
    [
      "w8GroupBytes: group is 64, expected 16 or 32",
      () => w8GroupBytes(device, { ...fits, group: 64 }),
    ],
    [
      "gemmW8A16Group: group is 24, expected 16 or 32",
      () => gemmW8A16Group(device, y, x, w, { ...fits, group: 24 }),
    ],
    [
      `gemmW8A16Group: w has ${bytes} bytes, expected ${more} for n 16, k 64, group 32, with offsets`,
      () => gemmW8A16Group(device, y, x, w, { ...fits, offsets: true }),
    ],
    [
      "gemmW8A16Group: x has shape [2, 64], expected [any, 32]",
      () => gemmW8A16Group(device, y, x, w, { ...fits, k: 32 }),
    ],
    [
      "gemmW8A16Group: y is f16, expected f32",
      () => gemmW8A16Group(device, y, x, w, { ...fits, epilogue: "residual" }),
    ],
    [
      "w8GroupPack: nOffset is 1, expected an integer from 0 to 0",
      () => w8GroupPack(device, w, { ...packs, nOffset: 1 }),
    ],
    [
      "w8GroupPack: qweight has shape [15, 64], expected [16, 64]",
      () => w8GroupPack(device, w, { ...packs, qweight: rows(qweight, 0, 15) }),
    ],
    [
      "w8GroupPack: scales has shape [1, 16], expected [2, 16]",
      () => w8GroupPack(device, w, { ...packs, scales: rows(scales, 0, 1) }),
    ],
    [
      `w8GroupPack: w has ${bytes} bytes, expected ${more}`,
      () => w8GroupPack(device, w, { ...packs, offsets: scales }),
    ],
    [
      `embedW8Group: table has ${bytes} bytes, expected ${more}`,
      () => embedW8Group(device, out, w, tokens, { ...fits, offsets: true }),
    ],
    [
      "embedW8Group: out has shape [2, 64], expected [any, 32]",
      () => embedW8Group(device, out, w, tokens, { ...fits, k: 32 }),
    ],
    [
      "embedW8Group: tokens has shape [3], expected at least 4 for 2 rows",
      () => embedW8Group(device, out, w, tokens, { ...fits, shift: 2 }),
    ],
    [
      "embedW8Group: start has shape [3], expected [1]",
      () => embedW8Group(device, out, w, tokens, { ...fits, start: tokens }),
    ],
  ];
  for (const [message, call] of refused) {
    assertThrows(call, ArgumentError, `Cannot run ${message}`);
  }
});
