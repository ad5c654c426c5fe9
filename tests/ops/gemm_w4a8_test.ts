import { assertEquals, assertThrows } from "@std/assert";
import { ArgumentError } from "../../src/base/errors.ts";
import { rows, type Tensor } from "../../src/device/mod.ts";
import { gemmW4A8, w4a8Bytes, w4a8Pack } from "../../src/ops/mod.ts";
import { backendTest } from "../backends.ts";
import { roundToEven } from "../half.ts";
import { Random } from "../random.ts";
import { product } from "../reference/ops.ts";
import type { Rig } from "../rig.ts";
import { checkInvariance, checkProduct } from "./products.ts";
import { quantized, someRows } from "./quantized.ts";

/** A linear layer as packing takes it, and what it stands for: [n, k] in f64. */
interface Layer {
  readonly n: number;
  readonly k: number;
  readonly group: number;
  readonly qweight: Tensor<"i32">;
  readonly scales: Tensor<"f32">;
  readonly offsets?: Tensor<"f32">;
  readonly groupScales?: Tensor<"f16">;
  readonly groupZeros?: Tensor<"u8">;
  readonly weights: Float64Array;
}

/** Scales of groups: whole, halves for ties, one that clamps both ways, and any. */
function groupScale(random: Random): number {
  return random.pick([1, 7, 0.5, 2.5, 30, 0.3 + 8 * random.uniform()]);
}

function layer(rig: Rig, n: number, k: number, group: number, seed: number): Layer {
  const random = new Random(seed);
  const q = random.integers(k * n, 16); // [k, n]
  const packed = new Int32Array(k / 8 * n);
  for (let i = 0; i < k; i++) {
    for (let j = 0; j < n; j++) packed[(i >> 3) * n + j] |= q[i * n + j] << (4 * (i & 7));
  }
  const qweight = rig.put("i32", [k / 8, n], packed);
  const spread = (group === 0 ? 0.1 : 0.01) / Math.sqrt(k);
  const scales = rig.put("f32", [n], random.normals(n).map((x) => (0.5 + Math.abs(x)) * spread));
  const s = rig.get(scales);
  const weights = new Float64Array(n * k);
  if (group === 0) {
    const offsets = rig.put("f32", [n], s.map((scale) => scale * 15 * random.uniform()));
    const c = rig.get(offsets);
    for (let j = 0; j < n; j++) {
      for (let i = 0; i < k; i++) weights[j * k + i] = s[j] * q[i * n + j] - c[j];
    }
    return { n, k, group, qweight, scales, offsets, weights };
  }
  const groups = Math.ceil(k / group);
  const groupScales = rig.put(
    "f16",
    [groups, n],
    Array.from({ length: groups * n }, () => groupScale(random)),
  );
  const zeros = random.integers(groups * n, 16);
  const second = rig.get(groupScales);
  for (let j = 0; j < n; j++) {
    for (let i = 0; i < k; i++) {
      const at = Math.floor(i / group) * n + j;
      const w = roundToEven((q[i * n + j] - zeros[at]) * second[at]);
      weights[j * k + i] = s[j] * Math.max(-128, Math.min(127, w));
    }
  }
  const groupZeros = rig.put("u8", [groups, n], zeros);
  return { n, k, group, qweight, scales, groupScales, groupZeros, weights };
}

/** Packs layers of one k and group into one weight, in a row. */
function pack(rig: Rig, layers: readonly Layer[]): Tensor<"u8"> {
  const nTotal = layers.reduce((sum, { n }) => sum + n, 0);
  const { k, group } = layers[0];
  const w = rig.output("u8", [w4a8Bytes(rig.device, nTotal, k, group)]);
  let nOffset = 0;
  for (const { weights: _, ...stored } of layers) {
    w4a8Pack(rig.device, w.tensor, { nTotal, nOffset, ...stored });
    nOffset += stored.n;
  }
  w.bytes(true); // checks the guards
  return w.tensor;
}

/** [m, n, k, group]; 0 for one scale and offset an output. */
const SIZES = [
  [1, 8, 32, 0],
  [1, 8, 32, 32],
  [1, 1000, 1024, 128],
  [2, 24, 992, 64],
  [4, 65, 992, 128],
  [7, 1016, 32, 0],
  [8, 130, 288, 0],
  [10, 100, 384, 128],
  [30, 77, 1056, 32],
  [60, 129, 64, 64],
  [64, 24, 992, 0],
  [65, 33, 160, 128],
  [130, 65, 96, 0],
  [300, 40, 96, 32],
  [2048, 24, 64, 0],
  [3, 1, 64, 32],
  [5, 40, 64, 128],
];

for (const dtype of ["f16", "bf16"] as const) {
  backendTest(`gemmW4A8 ${dtype} is the scaled product, for every epilogue`, (rig) => {
    for (const [m, n, k, group] of SIZES) {
      const x = quantized(rig, "i8", m, k, m + k);
      const stored = layer(rig, n, k, group, m * n + k);
      const w = pack(rig, [stored]);
      checkProduct(rig, {
        ...{ m, n, dtype, what: `m ${m}, n ${n}, k ${k}, group ${group}` },
        expected: product(x.x, stored.weights, null, m, n, k),
        run: (y, options) => gemmW4A8(rig.device, y, x, w, { n, k, group, ...options }),
      });
    }
  });
}

backendTest("gemmW4A8 sums exactly, rounds ties to even and clamps to i8", (rig) => {
  const [n, k, group] = [48, 64, 32];
  const ones = (count: number) => rig.put("f32", [count], new Float32Array(count).fill(1));
  const qweight = new Int32Array(k / 8 * n).fill(0x76543210);
  for (let r = 0; r < k / 8; r++) if (r % 2 === 1) qweight.fill(0xfedcba98 | 0, r * n, (r + 1) * n);
  const scales = Array.from({ length: 2 * n }, (_, i) => [0.5, 1.5, 100, -2.5][i % 4]);
  const zeros = Array.from({ length: 2 * n }, (_, i) => i % 16);
  const w = rig.output("u8", [w4a8Bytes(rig.device, n, k, group)]).tensor;
  w4a8Pack(rig.device, w, {
    nTotal: n,
    nOffset: 0,
    qweight: rig.put("i32", [k / 8, n], qweight),
    scales: ones(n),
    groupScales: rig.put("f16", [2, n], scales),
    groupZeros: rig.put("u8", [2, n], zeros),
    n,
    k,
    group,
  });
  const weights = Float64Array.from({ length: n * k }, (_, i) => {
    const [j, input] = [Math.floor(i / k), i % k];
    const at = Math.floor(input / group) * n + j;
    const rounded = roundToEven((input % 16 - zeros[at]) * scales[at]);
    return Math.max(-128, Math.min(127, rounded));
  });
  // One input at a time, so that every weight shows.
  const unit = Float64Array.from({ length: k * k }, (_, i) => i % (k + 1) === 0 ? 127 : 0);
  const sums = rig.put("i32", [k], new Int32Array(k).fill(127));
  const x = { values: rig.put("i8", [k, k], unit), scales: ones(k), sums };
  const y = rig.output("f32", [k, n]);
  gemmW4A8(rig.device, y.tensor, x, w, { n, k, group, epilogue: "logits" });
  const expected = product(unit, weights, null, k, n, k).map((value) => value + 0);
  assertEquals(y.values().map((value) => value + 0), expected);
});

/** Scales and zero points that ask for a way each to make a weight an i8, and mixtures of them. */
const KINDS = ["whole", "rounded", "clamped", "whole and rounded", "whole, clamped once"] as const;

/** A layer of outputs of one kind after the other, `run` each, with a scale of 1: products are exact in f32. */
function kinds(rig: Rig, n: number, k: number, group: number, run: number): Layer {
  const random = new Random(n + k + group);
  const q = random.integers(k * n, 16); // [k, n]
  const packed = new Int32Array(k / 8 * n);
  for (let i = 0; i < k; i++) {
    for (let j = 0; j < n; j++) packed[(i >> 3) * n + j] |= q[i * n + j] << (4 * (i & 7));
  }
  const groups = k / group;
  const zeros = random.integers(groups * n, 16);
  const second = Float64Array.from({ length: groups * n }, (_, at) => {
    const [row, j] = [Math.floor(at / n), at % n];
    const kind = KINDS[Math.floor(j / run) % KINDS.length];
    // Times 15 at most, so within -128 to 127.
    const whole = random.pick([0, 1, 3, 8, -2, -8]), fraction = random.pick([0.5, 2.5, -1.5, 7.3]);
    switch (kind) {
      case "whole":
        return whole;
      case "rounded":
        return fraction;
      case "clamped":
        return random.pick([30, 500, 501, 2000, -90.5]);
      case "whole and rounded":
        return j % 7 === 3 ? fraction : whole;
      case "whole, clamped once":
        return j % run === run - 1 && row === groups - 1 ? 40 : whole;
    }
  });
  const groupScales = rig.put("f16", [groups, n], second);
  const stored = rig.get(groupScales);
  const weights = Float64Array.from({ length: n * k }, (_, i) => {
    const [j, input] = [Math.floor(i / k), i % k];
    const at = Math.floor(input / group) * n + j;
    return Math.max(-128, Math.min(127, roundToEven((q[input * n + j] - zeros[at]) * stored[at])));
  });
  return {
    ...{ n, k, group, weights, groupScales },
    qweight: rig.put("i32", [k / 8, n], packed),
    scales: rig.put("f32", [n], new Float32Array(n).fill(1)),
    groupZeros: rig.put("u8", [groups, n], zeros),
  };
}

backendTest("gemmW4A8 gives exact sums, whatever a weight needs to become an i8", (rig) => {
  for (
    const [m, n, k, group, run] of [[3, 300, 256, 32, 32], [40, 96, 256, 64, 8], [
      9,
      330,
      384,
      128,
      32,
    ]]
  ) {
    // Packed in two parts that share a tile, into memory that is poisoned.
    const parts = [kinds(rig, n, k, group, run), kinds(rig, n / 3, k, group, run)];
    const all = n + n / 3;
    const w = pack(rig, parts);
    const ones = rig.put("f32", [m], new Float32Array(m).fill(1));
    const x = quantized(rig, "i8", m, k, m);
    const y = rig.output("f32", [m, all]);
    gemmW4A8(rig.device, y.tensor, { ...x, scales: ones }, w, {
      n: all,
      k,
      group,
      epilogue: "logits",
    });
    const weights = Float64Array.from(parts.flatMap((part) => [...part.weights]));
    const expected = product(rig.get(x.values), weights, null, m, all, k);
    assertEquals(
      y.values().map((value) => value + 0),
      expected.map((value) => value + 0),
      `m ${m}, n ${all}, k ${k}, group ${group}`,
    );
  }
});

backendTest("gemmW4A8 gives a row the same bits among any number of rows", (rig) => {
  for (const [n, k, group] of [[136, 992, 32], [33, 384, 128], [264, 512, 0], [40, 992, 0]]) {
    const w = pack(rig, [layer(rig, n, k, group, n)]);
    const x = quantized(rig, "i8", 130, k, k);
    checkInvariance(rig, n, `n ${n}, k ${k}, group ${group}`, (y, from, to) => {
      const some = someRows(x, from, to);
      gemmW4A8(rig.device, y, some, w, { n, k, group, epilogue: "logits" });
    });
  }
});

backendTest("w4a8Pack joins layers that read the same input", (rig) => {
  for (const group of [0, 32, 128]) {
    for (const [sizes, k] of [[[64, 32, 32], 256], [[40, 7, 1, 19], 96]] as const) {
      const layers = sizes.map((n, i) => layer(rig, n, k, group, i));
      const n = sizes.reduce((sum: number, size) => sum + size, 0);
      const w = pack(rig, layers);
      const m = 3;
      const x = quantized(rig, "i8", m, k, n);
      const weights = Float64Array.from(layers.flatMap((part) => [...part.weights]));
      checkProduct(rig, {
        ...{ m, n, dtype: "f16", what: `outputs ${sizes}, group ${group}` },
        expected: product(x.x, weights, null, m, n, k),
        run: (y, options) => gemmW4A8(rig.device, y, x, w, { n, k, group, ...options }),
      });
    }
  }
});

backendTest("gemmW4A8 and w4a8Pack refuse what does not fit, naming the argument", (rig) => {
  const { device } = rig;
  const [n, k, group] = [16, 64, 32];
  const { weights: _, ...stored } = layer(rig, n, k, group, 1);
  const { weights: _weights, ...whole } = layer(rig, n, k, 0, 1);
  const w = rig.output("u8", [w4a8Bytes(device, n, k, group)]).tensor;
  const wholeW = rig.output("u8", [w4a8Bytes(device, n, k, 0)]).tensor;
  const x = quantized(rig, "i8", 2, k, 1);
  const floats = quantized(rig, "f8_e4m3", 2, k, 1);
  const y = rig.output("f16", [2, n]).tensor;
  const fits = { n, k, group };
  const place = { nTotal: n, nOffset: 0 };
  const bytes = w4a8Bytes(device, n, k, group);
  const refused: [string, () => void][] = [
    ["w4a8Bytes: k is 48, expected a multiple of 32", () => w4a8Bytes(device, n, 48, 0)],
    ["w4a8Bytes: group is 16, expected a multiple of 32", () => w4a8Bytes(device, n, k, 16)],
    [
      `gemmW4A8: w has ${bytes - 1} bytes, expected ${bytes} for n 16, k 64, group 32`,
      () => gemmW4A8(device, y, x, rows(w, 0, bytes - 1), fits),
    ],
    [
      "gemmW4A8: x.values is f8_e4m3, expected i8",
      () => gemmW4A8(device, y, floats, w, fits),
    ],
    [
      "gemmW4A8: x.sums has shape [1], expected [2]",
      () => gemmW4A8(device, y, { ...x, sums: rows(x.sums, 0, 1) }, w, fits),
    ],
    [
      "w4a8Pack: offsets is given, expected none for group 32",
      () => w4a8Pack(device, w, { ...place, ...stored, offsets: whole.offsets }),
    ],
    [
      "w4a8Pack: offsets is missing, expected one for group 0",
      () => w4a8Pack(device, wholeW, { ...place, ...whole, offsets: undefined }),
    ],
    [
      "w4a8Pack: groupScales is given, expected none for group 0",
      () => w4a8Pack(device, wholeW, { ...place, ...whole, groupScales: stored.groupScales }),
    ],
    [
      "w4a8Pack: groupZeros is missing, expected one for group 32",
      () => w4a8Pack(device, w, { ...place, ...stored, groupZeros: undefined }),
    ],
    [
      "w4a8Pack: nOffset is 1, expected an integer from 0 to 0",
      () => w4a8Pack(device, w, { ...place, ...stored, nOffset: 1 }),
    ],
    [
      "w4a8Pack: groupScales has shape [1, 16], expected [2, 16]",
      () =>
        w4a8Pack(device, w, {
          ...place,
          ...stored,
          groupScales: rows(stored.groupScales!, 0, 1),
        }),
    ],
  ];
  for (const [message, call] of refused) {
    assertThrows(call, ArgumentError, `Cannot run ${message}`);
  }
});
