import { assertEquals, assertLess } from "@std/assert";
import { rows, type Tensor } from "../../src/device/mod.ts";
import {
  gemmF16,
  gemmW4A16,
  gemmW8A16,
  gemmW8A8,
  type QuantizedRows,
  quantizeRows,
  w4a16Bytes,
  w4a16Pack,
  w8Bytes,
  w8Pack,
} from "../../src/ops/mod.ts";
import { backendTest } from "../backends.ts";
import { encode } from "../half.ts";
import { Random } from "../random.ts";
import { type Activation, inPieces, type Rig, TOLERANCE } from "../rig.ts";

/**
 * [m, n, k] where tiles of 128 rows x 256 outputs leave a part of a card of 132 multiprocessors idle, so that their
 * inputs are shared by several: narrow, as it is tiles that count, and every result is compared. Those of dense weights are
 * spread where the rows make one tile, and else have two blocks each.
 */
const SHARED = [
  [70, 600, 4096], // three tiles, some multiprocessors each
  [200, 300, 14336], // four, the last rows and outputs cut
  [500, 1000, 4096], // 16, four a side
  [500, 4000, 4096], // 64, which two blocks each come to nearly all of the card, of four-bit weights too
  [500, 12_300, 2048], // a round of them and 64
  [10_300, 260, 4112], // a round of them and a quarter, the last inputs cut
] as const;

/** Outputs and inputs, and the most rows whose tiles are shared on such a card: with one more, all tiles stay whole. */
const EDGE = { n: 260, k: 4096, quantized: 6784, dense: 4224 } as const;

/** The same of the twin, whose products of many rows are those of few: that the test finds what it looks for. */
const SMALL = [[70, 40, 1040], [130, 264, 256]] as const;

type Product = (y: Tensor<"f32">, x: Tensor) => void;

/** `run` for all rows at once gives what it gives for up to 64 at a time, which other kernels compute; and the same again. */
function checkShared(
  rig: Rig,
  dtype: Activation,
  [m, n, k]: readonly number[],
  weights: (random: Random) => Product,
): void {
  const random = new Random(m + n + k);
  const run = weights(random);
  const x = floats(rig, dtype, [m, k], random);
  const few = inPieces(rig, m, n, (y, from, to) => run(y, rows(x, from, to)));
  const expected = new Float32Array(few.buffer);
  const once = rig.output("f32", [m, n]);
  run(once.tensor, x);
  const found = once.bytes();
  const values = new Float32Array(found.buffer);
  let [squares, most, at] = [0, 0, 0];
  for (let i = 0; i < expected.length; i++) {
    squares += expected[i] ** 2;
    const error = Math.abs(values[i] - expected[i]);
    if (!(error <= most)) [most, at] = [error, i];
  }
  // Weights are rounded to the dtype in a prompt; of millions of results the worst is some deviations off.
  const bound = 8 * TOLERANCE[dtype] * Math.sqrt(squares / expected.length);
  assertLess(most, bound, `m ${m}, n ${n}, k ${k}: row ${Math.floor(at / n)}, output ${at % n}`);
  const again = rig.output("f32", [m, n]);
  run(again.tensor, x);
  const repeated = new Uint32Array(again.bytes().buffer);
  const differs = new Uint32Array(found.buffer).findIndex((word, i) => word !== repeated[i]);
  assertEquals(
    differs,
    -1,
    `m ${m}, n ${n}, k ${k}: the first of another run's results that differs`,
  );
}

/** A float matrix: one block of numbers again and again, of a length that nothing else has. */
function floats(
  rig: Rig,
  dtype: Activation,
  shape: readonly [number, number],
  random: Random,
): Tensor {
  const block = new Uint8Array(encode(dtype, random.normals(65_521)).buffer);
  const bytes = new Uint8Array(shape[0] * shape[1] * 2);
  for (let at = 0; at < bytes.length; at += block.length) {
    bytes.set(block.subarray(0, bytes.length - at), at);
  }
  return rig.arena.fromHost(dtype, shape, bytes);
}

const words = (random: Random, count: number) =>
  Int32Array.from({ length: count }, () => random.integer(2 ** 32) | 0);

/** A packed weight of four bits, in groups of 128. */
function fourBits(rig: Rig, n: number, k: number, points: boolean, random: Random): Tensor<"u8"> {
  const groups = Math.ceil(k / 128);
  const w = rig.arena.allocate("u8", [
    w4a16Bytes(rig.device, n, k, 128, points ? "points" : "none"),
  ]);
  w4a16Pack(rig.device, w, {
    qweight: rig.arena.fromHost("i32", [k / 8, n], words(random, n * k / 8)),
    scales: rig.put("f16", [groups, n], random.normals(groups * n, 0.01)),
    zeros: points ? rig.put("u8", [groups, n], random.integers(groups * n, 16)) : undefined,
    ...{ nTotal: n, nOffset: 0, n, k, group: 128 },
  });
  return w;
}

/** A packed weight of eight bits. */
function eightBits(rig: Rig, n: number, k: number, random: Random): Tensor<"u8"> {
  const w = rig.arena.allocate("u8", [w8Bytes(rig.device, n, k)]);
  const drawn = words(random, n * k / 4);
  w8Pack(rig.device, w, {
    qweight: rig.arena.fromHost("i8", [n, k], new Int8Array(drawn.buffer)),
    scales: rig.put("f32", [n], random.normals(n, 0.001)),
    ...{ nTotal: n, nOffset: 0, n, k },
  });
  return w;
}

/** Rows of a float tensor in eight bits. */
function eightBitRows(rig: Rig, x: Tensor): QuantizedRows {
  const m = x.shape[0];
  const out = {
    values: rig.arena.allocate("i8", x.shape),
    scales: rig.arena.allocate("f32", [m]),
    sums: rig.arena.allocate("i32", [m]),
  };
  quantizeRows(rig.device, out, x);
  return out;
}

/** Makes weights [n, k] and gives their product. */
type Weights = (rig: Rig, n: number, k: number, random: Random) => Product;

const WEIGHTS: Readonly<Record<string, readonly [Activation, Weights]>> = {
  "F16, f16": ["f16", (rig, n, k, random) => {
    const w = floats(rig, "f16", [n, k], random);
    return (y, x) => gemmF16(rig.device, y, x, w, { epilogue: "logits" });
  }],
  "F16, bf16": ["bf16", (rig, n, k, random) => {
    const w = floats(rig, "bf16", [n, k], random);
    return (y, x) => gemmF16(rig.device, y, x, w, { epilogue: "logits" });
  }],
  "W4A16": ["f16", (rig, n, k, random) => {
    const w = fourBits(rig, n, k, false, random);
    const options = { n, k, group: 128, zeros: "none", epilogue: "logits" } as const;
    return (y, x) => gemmW4A16(rig.device, y, x, w, options);
  }],
  "W4A16, zero points": ["f16", (rig, n, k, random) => {
    const w = fourBits(rig, n, k, true, random);
    const options = { n, k, group: 128, zeros: "points", epilogue: "logits" } as const;
    return (y, x) => gemmW4A16(rig.device, y, x, w, options);
  }],
  "W8A8": ["f16", (rig, n, k, random) => {
    const w = eightBits(rig, n, k, random);
    const options = { n, k, epilogue: "logits", dtype: "f16" } as const;
    return (y, x) => gemmW8A8(rig.device, y, eightBitRows(rig, x), w, options);
  }],
  "W8A16, bf16": ["bf16", (rig, n, k, random) => {
    const w = eightBits(rig, n, k, random);
    const options = { n, k, epilogue: "logits" } as const;
    return (y, x) => gemmW8A16(rig.device, y, x, w, options);
  }],
};

for (const [name, [dtype, weights]] of Object.entries(WEIGHTS)) {
  const last = name.startsWith("F16") ? EDGE.dense : EDGE.quantized;
  // Products of integers are done in half the time, so that twice as many inputs are worth the same.
  const longer = name === "W8A8" ? 2 : 1;
  const large = [...SHARED, [last, EDGE.n, EDGE.k], [last + 1, EDGE.n, EDGE.k]]
    .map(([m, n, k]) => [m, n, k * longer]);
  for (const [sizes, backend] of [[SMALL, "cpu"], [large, "cuda"]] as const) {
    backendTest(`a prompt's rows give what few rows give, ${name}`, (rig) => {
      for (const [m, n, k] of sizes) {
        checkShared(rig, dtype, [m, n, k], (random) => weights(rig, n, k, random));
      }
    }, [backend]);
  }
}
