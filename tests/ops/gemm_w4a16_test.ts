import { assertEquals, assertThrows } from "@std/assert";
import { ArgumentError } from "../../src/base/errors.ts";
import { byteLength, rows, type Tensor } from "../../src/device/mod.ts";
import { gatherColumns, gemmW4A16, w4a16Bytes, w4a16Pack, type Zeros } from "../../src/ops/mod.ts";
import { backendTest } from "../backends.ts";
import { Random } from "../random.ts";
import { checkInvariance, checkProduct, type Product } from "./products.ts";
import { product } from "../reference/ops.ts";
import { type Activation, assertClose, type Rig } from "../rig.ts";

/** A linear layer as it lies on disk, and its weights in the order in which it was packed. */
interface Layer {
  readonly n: number;
  readonly k: number;
  readonly group: number;
  readonly qweight: Tensor<"i32">;
  readonly scales: Tensor<"f16">;
  readonly zeros?: Tensor<"u8">;
  readonly offsets?: Tensor<"f16">;
  /** Which of the two it has. */
  readonly kept: Zeros;
  readonly order?: Tensor<"i32">;
  /** [n, k], (q - 8) s, (q - z) s or q s + o. */
  readonly weights: Float64Array;
}

interface LayerOptions {
  readonly zeros?: Zeros;
  readonly ordered?: boolean;
}

function layer(
  rig: Rig,
  n: number,
  k: number,
  group: number,
  seed: number,
  { zeros = "none", ordered = false }: LayerOptions = {},
) {
  const random = new Random(seed);
  const q = random.integers(k * n, 16); // [k, n]
  const packed = new Int32Array(k / 8 * n);
  for (let i = 0; i < k; i++) {
    for (let j = 0; j < n; j++) packed[(i >> 3) * n + j] |= q[i * n + j] << (4 * (i & 7));
  }
  const groups = Math.ceil(k / group);
  const scales = rig.put(
    "f16",
    [groups, n],
    random.normals(groups * n).map((x) => (Math.sign(x) * 0.5 + x) / 4 / Math.sqrt(k)), // both signs
  );
  const points = zeros === "points" ? random.integers(groups * n, 16) : null;
  const drawn = random.normals(groups * n, 2 / Math.sqrt(k));
  const offsets = zeros === "offsets" ? rig.put("f16", [groups, n], drawn) : undefined;
  const order = ordered ? random.permutation(k) : null;
  const s = rig.get(scales);
  const o = offsets && rig.get(offsets);
  const weights = new Float64Array(n * k);
  for (let j = 0; j < n; j++) {
    for (let i = 0; i < k; i++) {
      const stored = order === null ? i : order[i];
      const at = Math.floor(i / group) * n + j;
      const value = q[stored * n + j];
      weights[j * k + i] = o ? value * s[at] + o[at] : (value - (points?.[at] ?? 8)) * s[at];
    }
  }
  return {
    n,
    k,
    group,
    qweight: rig.put("i32", [k / 8, n], packed),
    scales,
    zeros: points === null ? undefined : rig.put("u8", [groups, n], points),
    offsets,
    kept: zeros,
    order: order === null ? undefined : rig.put("i32", [k], order),
    weights,
  } satisfies Layer;
}

/** Packs layers of one k and group into one weight, in a row. */
function pack(rig: Rig, layers: readonly Layer[]): Tensor<"u8"> {
  const nTotal = layers.reduce((sum, { n }) => sum + n, 0);
  const { k, group, kept } = layers[0];
  const w = rig.output("u8", [w4a16Bytes(rig.device, nTotal, k, group, kept)]);
  let nOffset = 0;
  for (const { weights: _, kept: __, ...stored } of layers) {
    w4a16Pack(rig.device, w.tensor, { nTotal, nOffset, ...stored });
    nOffset += stored.n;
  }
  w.bytes(true); // checks the guards
  return w.tensor;
}

/** [m, n, k, group]; 0 for one group of k. */
const SIZES = [
  [1, 8, 8, 32],
  [1, 1000, 1016, 128],
  [2, 24, 1000, 64],
  [7, 1016, 24, 32],
  [10, 100, 384, 128],
  [30, 77, 127 * 8, 32],
  [60, 129, 64, 64],
  [64, 24, 1000, 0],
  [65, 33, 136, 128],
  [130, 65, 72, 0],
  [3, 1, 40, 32],
  [5, 40, 256, 128],
];

/** On a card of 132 multiprocessors each of 125 has a tile of its own, and nobody a part of one. */
const WHOLE = [9, 32000, 256, 128] as const;

const FORMS = [["none", "(q - 8) s"], ["points", "(q - z) s"], ["offsets", "q s + o"]] as const;

/** On CUDA weights with offsets are rounded to the dtype of the rows, others keep their integers exact. */
function roundedOf(zeros: Zeros): Product["rounded"] {
  return zeros === "offsets" ? "always" : "prompts";
}

for (const dtype of ["f16", "bf16"] as const) {
  for (const [zeros, words] of FORMS) {
    backendTest(`gemmW4A16 ${dtype} is the product with ${words}, for every epilogue`, (rig) => {
      const whole = rig.device.backend === "cuda" ? [WHOLE] : [];
      for (const [m, n, k, g] of [...SIZES, ...whole]) {
        const group = g || k;
        const stored = layer(rig, n, k, group, m * n + k, { zeros });
        const w = pack(rig, [stored]);
        const x = rig.put(dtype, [m, k], new Random(m + n + k).normals(m * k));
        checkProduct(rig, {
          ...{ m, n, dtype, what: `m ${m}, n ${n}, k ${k}, group ${group}` },
          rounded: roundedOf(zeros),
          expected: product(rig.get(x), stored.weights, null, m, n, k),
          run: (y, options) => gemmW4A16(rig.device, y, x, w, { n, k, group, zeros, ...options }),
        });
      }
    });

    backendTest(`gemmW4A16 ${dtype}, ${words}, gives a row the same bits in any number`, (rig) => {
      for (const [n, k, g] of [[136, 1000, 32], [33, 384, 64], [264, 512, 128], [40, 1000, 0]]) {
        const group = g || k;
        const w = pack(rig, [layer(rig, n, k, group, n, { zeros })]);
        const x = rig.put(dtype, [130, k], new Random(k).normals(130 * k));
        const size = { n, k, group, zeros, epilogue: "logits" } as const;
        checkInvariance(rig, n, `n ${n}, k ${k}, group ${group}`, (y, from, to) => {
          gemmW4A16(rig.device, y, rows(x, from, to), w, size);
        });
      }
    });
  }
}

function check(rig: Rig, dtype: Activation, layers: readonly Layer[], m: number): void {
  const { k, group } = layers[0];
  const n = layers.reduce((sum, part) => sum + part.n, 0);
  const w = pack(rig, layers);
  const x = rig.put(dtype, [m, k], new Random(n).normals(m * k));
  const order = layers[0].order;
  let input: Tensor = x;
  if (order !== undefined) {
    const gathered = rig.output(dtype, [m, k]);
    gatherColumns(rig.device, gathered.tensor, x, order);
    const [from, to, by] = [rig.get(x), gathered.values(), rig.get(order)];
    for (let i = 0; i < m * k; i++) {
      assertEquals(to[i], from[Math.floor(i / k) * k + by[i % k]], `element ${i}`);
    }
    input = gathered.tensor;
  }
  const y = rig.output("f32", [m, n]);
  const zeros = layers[0].kept;
  gemmW4A16(rig.device, y.tensor, input, w, { n, k, group, zeros, epilogue: "logits" });
  const weights = new Float64Array(n * k);
  let at = 0;
  for (const part of layers) {
    weights.set(part.weights, at);
    at += part.weights.length;
  }
  const expected = product(rig.get(input), weights, null, m, n, k);
  const loose = roundedOf(zeros) === "always" && rig.device.backend !== "cpu";
  assertClose(
    y.values(),
    expected,
    loose ? dtype : "f32",
    `outputs ${layers.map((part) => part.n)}`,
  );
}

backendTest("w4a16Pack joins layers that read the same input", (rig) => {
  for (const [sizes, k, group] of [[[64, 32, 32], 256, 128], [[40, 7, 1, 19], 104, 32]] as const) {
    for (const [zeros] of FORMS) {
      check(rig, "f16", sizes.map((n, i) => layer(rig, n, k, group, i, { zeros })), 3);
    }
  }
});

backendTest("w4a16Pack reorders inputs, with gatherColumns for the activations", (rig) => {
  for (const dtype of ["f16", "bf16"] as const) {
    for (const [n, k, group] of [[64, 256, 128], [33, 1000, 32], [5, 40, 40]]) {
      for (const [zeros] of FORMS) {
        check(rig, dtype, [layer(rig, n, k, group, n, { zeros, ordered: true })], 7);
      }
    }
  }
});

backendTest("gemmW4A16 and w4a16Pack refuse what does not fit, naming the argument", (rig) => {
  const { device } = rig;
  const [n, k, group] = [16, 64, 32];
  const stored = layer(rig, n, k, group, 1);
  const { qweight, scales } = stored;
  const w = pack(rig, [stored]);
  const x = rig.put("f16", [2, k], new Random(1).normals(2 * k));
  const y = rig.output("f16", [2, n]).tensor;
  const fits = { n, k, group };
  const packs = { nTotal: n, nOffset: 0, qweight, scales, ...fits };
  const bytes = w4a16Bytes(device, n, k, group);
  const withZeros = rig.output("u8", [w4a16Bytes(device, n, k, group, "points")]).tensor;
  const withOffsets = rig.output("u8", [w4a16Bytes(device, n, k, group, "offsets")]).tensor;
  const refused: [string, () => void][] = [
    ["w4a16Bytes: k is 12, expected a multiple of 8", () => w4a16Bytes(device, n, 12, group)],
    ["w4a16Bytes: group is 0", () => w4a16Bytes(device, n, k, 0)],
    [
      "w4a16Pack: zeros has shape [2, 8], expected [2, 16]",
      () => w4a16Pack(device, withZeros, { ...packs, zeros: rig.put("u8", [2, 8], Array(16)) }),
    ],
    [
      `gemmW4A16: w has ${bytes} bytes, expected ${
        byteLength(withZeros)
      } for n 16, k 64, group 32, with zero points`,
      () => gemmW4A16(device, y, x, w, { ...fits, zeros: "points" }),
    ],
    [
      `gemmW4A16: w has ${bytes - 1} bytes, expected ${bytes} for n 16, k 64, group 32`,
      () => gemmW4A16(device, y, x, rows(w, 0, bytes - 1), fits),
    ],
    ["gemmW4A16: x has shape [2, 64]", () => gemmW4A16(device, y, x, w, { ...fits, k: 32 })],
    [
      "gemmW4A16: y is f16, expected f32",
      () => gemmW4A16(device, y, x, w, { ...fits, epilogue: "residual" }),
    ],
    [
      'gemmW4A16: zeros is "some", expected none, points, offsets',
      () => gemmW4A16(device, y, x, w, { ...fits, zeros: "some" as Zeros }),
    ],
    [
      "w4a16Pack: offsets is given beside zeros, expected one of them at most",
      () => {
        const zeros = rig.put("u8", [2, n], new Uint8Array(2 * n));
        w4a16Pack(device, withZeros, { ...packs, zeros, offsets: scales });
      },
    ],
    [
      "w4a16Pack: offsets has shape [1, 16], expected [2, 16]",
      () => w4a16Pack(device, withOffsets, { ...packs, offsets: rows(scales, 0, 1) }),
    ],
    [
      `w4a16Pack: w has ${bytes} bytes`,
      () => w4a16Pack(device, w, { ...packs, offsets: scales }),
    ],
    [
      "w4a16Pack: nOffset is 1, expected an integer from 0 to 0",
      () => w4a16Pack(device, w, { ...packs, nOffset: 1 }),
    ],
    [
      "w4a16Pack: scales has shape [2, 16], expected [1, 16]",
      () => w4a16Pack(device, pack(rig, [layer(rig, n, k, k, 1)]), { ...packs, group: k }),
    ],
    [
      "w4a16Pack: qweight has shape [7, 16], expected [8, 16]",
      () => w4a16Pack(device, w, { ...packs, qweight: rows(qweight, 0, 7) }),
    ],
  ];
  for (const [message, call] of refused) {
    assertThrows(call, ArgumentError, `Cannot run ${message}`);
  }
});
