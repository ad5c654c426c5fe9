import { assertEquals, assertThrows } from "@std/assert";
import { ArgumentError } from "../../src/base/errors.ts";
import { columns, rows } from "../../src/device/mod.ts";
import { gemmF16 } from "../../src/ops/mod.ts";
import { backendTest } from "../backends.ts";
import { Random } from "../random.ts";
import { product } from "../reference/ops.ts";
import { type Activation, assertClose, inPieces, type Rig, rowOf } from "../rig.ts";

function inputs(rig: Rig, dtype: Activation, m: number, n: number, k: number, seed: number) {
  const random = new Random(seed);
  const x = rig.put(dtype, [m, k], random.normals(m * k));
  const w = rig.put(dtype, [n, k], random.normals(n * k, 1 / Math.sqrt(k)));
  const bias = rig.put(dtype, [n], random.normals(n));
  return { x, w, bias };
}

/** [m, n, k]: both sides of tile edges. */
const SIZES = [
  [1, 8, 8],
  [1, 1000, 1016],
  [2, 24, 1000],
  [7, 1016, 24],
  [10, 100, 384],
  [30, 77, 127 * 8],
  [60, 129, 64],
  [64, 24, 1000],
  [65, 33, 136],
  [130, 65, 72],
  [3, 1, 40],
];

/** On a card of 132 multiprocessors each of 128 has a tile of its own, and nobody a part of one. */
const WHOLE = [9, 16384, 136] as const;

for (const dtype of ["f16", "bf16"] as const) {
  backendTest(`gemmF16 ${dtype} is the product, plus bias, with gaps between rows`, (rig) => {
    const whole = rig.device.backend === "cuda" ? [WHOLE] : [];
    for (const [m, n, k] of [...SIZES, ...whole]) {
      const { x, w, bias } = inputs(rig, dtype, m, n, k, m * n + k);
      for (const given of [undefined, bias]) {
        const y = rig.output(dtype, [m, n], n + 3);
        gemmF16(rig.device, y.tensor, x, w, { bias: given });
        const expected = product(
          rig.get(x),
          rig.get(w),
          given === undefined ? null : rig.get(bias),
          m,
          n,
          k,
        );
        assertClose(y.values(), expected, dtype, `m ${m}, n ${n}, k ${k}`);
      }
    }
  });

  backendTest(`gemmF16 ${dtype} adds to the residual, and writes logits in f32`, (rig) => {
    for (const [m, n, k] of SIZES.slice(2, 7)) {
      const { x, w, bias } = inputs(rig, dtype, m, n, k, n);
      const before = new Random(n).normals(m * n).map(Math.fround);
      const expected = product(rig.get(x), rig.get(w), rig.get(bias), m, n, k);
      const logits = rig.output("f32", [m, n]);
      gemmF16(rig.device, logits.tensor, x, w, { bias, epilogue: "logits" });
      assertClose(logits.values(), expected, "f32", `logits of m ${m}, n ${n}, k ${k}`);
      const residual = rig.output("f32", [m, n]).set(before);
      gemmF16(rig.device, residual.tensor, x, w, { bias, epilogue: "residual" });
      const sum = expected.map((value, i) => value + before[i]);
      assertClose(residual.values(), sum, "f32", `residual of m ${m}, n ${n}, k ${k}`);
    }
  });

  backendTest(`gemmF16 ${dtype} gives a row the same bits among any number of rows`, (rig) => {
    for (const [n, k] of [[136, 1000], [33, 384], [1000, 24]]) {
      const { x, w, bias } = inputs(rig, dtype, 130, n, k, n);
      const expected = inPieces(rig, 130, n, (y, from, to) => {
        gemmF16(rig.device, y, rows(x, from, to), w, { bias, epilogue: "logits" });
      });
      for (const [start, m] of [[0, 1], [129, 1], [5, 2], [3, 7], [11, 10], [50, 30], [64, 60]]) {
        const part = rig.output("f32", [m, n]);
        gemmF16(rig.device, part.tensor, rows(x, start, start + m), w, {
          bias,
          epilogue: "logits",
        });
        const of = expected.subarray(start * n * 4, (start + m) * n * 4);
        assertEquals(part.bytes(), of.slice(), `rows ${start} to ${start + m}, n ${n}, k ${k}`);
      }
    }
  });
}

backendTest("gemmF16 gives the same bits whatever the number of threads", (rig, { open }) => {
  const [m, n, k] = [7, 300, 1000];
  const { x, w } = inputs(rig, "f16", m, n, k, 5);
  const y = rig.output("f32", [m, n]);
  gemmF16(rig.device, y.tensor, x, w, { epilogue: "logits" });
  for (const threads of [1, 3]) {
    using device = open({ threads });
    // The twin's addresses are the process's; a second CUDA context would need its own copies.
    if (device.backend === "cuda") continue;
    const again = rig.output("f32", [m, n]);
    gemmF16(device, again.tensor, x, w, { epilogue: "logits" });
    assertEquals(again.bytes(), y.bytes(), `${threads} threads`);
  }
});

backendTest("gemmF16 lets a NaN or infinity of one row alone", (rig) => {
  const [m, n, k] = [4, 40, 64];
  const { x, w } = inputs(rig, "f16", m, n, k, 9);
  const clean = rig.output("f32", [m, n]);
  gemmF16(rig.device, clean.tensor, x, w, { epilogue: "logits" });
  rig.device.upload(rows(x, 1, 2), new Float16Array(k).fill(NaN));
  const dirty = rig.output("f32", [m, n]);
  gemmF16(rig.device, dirty.tensor, x, w, { epilogue: "logits" });
  for (const row of [0, 2, 3]) {
    assertEquals(rowOf(dirty.bytes(true), row, n * 4), rowOf(clean.bytes(), row, n * 4));
  }
  assertEquals(rowOf(dirty.values(true), 1, n).every(Number.isNaN), true);
});

backendTest("gemmF16 writes a view of columns and nothing beside it", (rig) => {
  const { x, w } = inputs(rig, "f16", 3, 8, 16, 1);
  const y = rig.arena.allocate("f16", [3, 20]);
  rig.device.upload(y, new Float16Array(60).fill(7));
  gemmF16(rig.device, columns(y, 5, 13), x, w);
  const expected = product(rig.get(x), rig.get(w), null, 3, 8, 16);
  const out = rig.get(y);
  for (let i = 0; i < 3; i++) {
    assertClose(out.subarray(i * 20 + 5, i * 20 + 13), rowOf(expected, i, 8), "f16", `row ${i}`);
    const beside = [...rowOf(out, i, 20).subarray(0, 5), ...rowOf(out, i, 20).subarray(13)];
    assertEquals(beside, Array(12).fill(7));
  }
});

backendTest("gemmF16 refuses what does not fit, naming the argument", (rig) => {
  const { x, w, bias } = inputs(rig, "f16", 3, 8, 16, 1);
  const y = rig.output("f16", [3, 8]).tensor;
  const f32 = rig.output("f32", [3, 8]).tensor;
  const { device } = rig;
  const refused: [string, () => void][] = [
    ["y has shape [2, 8], expected [3, 8]", () => gemmF16(device, rows(y, 0, 2), x, w)],
    ["y is f32, expected f16", () => gemmF16(device, f32, x, w)],
    ["y is f16, expected f32", () => gemmF16(device, y, x, w, { epilogue: "logits" })],
    ["w is f32, expected f16", () => gemmF16(device, y, x, f32)],
    ["w has shape [3, 8], expected [any, 16]", () => gemmF16(device, y, x, y)],
    [
      "bias has shape [3], expected [8]",
      () => gemmF16(device, y, x, w, { bias: rows(bias, 0, 3) }),
    ],
    ["x has row stride 16", () => gemmF16(device, y, columns(x, 0, 8), w)],
  ];
  for (const [message, call] of refused) {
    assertThrows(call, ArgumentError, `Cannot run gemmF16: ${message}`);
  }
});
