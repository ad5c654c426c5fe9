import { assertEquals, assertThrows } from "@std/assert";
import { ArgumentError, NativeError } from "../../src/base/errors.ts";
import { rows, type Tensor } from "../../src/device/mod.ts";
import {
  gemmFp8,
  gemmW8A16,
  gemmW8A8,
  type QuantizedForm,
  w8Bytes,
  w8Pack,
} from "../../src/ops/mod.ts";
import { backendTest } from "../backends.ts";
import { Random } from "../random.ts";
import { product } from "../reference/ops.ts";
import type { Rig } from "../rig.ts";
import { checkInvariance, checkProduct } from "./products.ts";
import { quantized, someRows } from "./quantized.ts";

/** Packed weights, and what they stand for: [n, k] in f64. */
interface Weight {
  readonly w: Tensor<"u8">;
  readonly weights: Float64Array;
}

/** Random layers of one k, packed in a row; i8 over its whole range. */
function weight(rig: Rig, form: QuantizedForm, parts: readonly number[], k: number, seed: number) {
  const random = new Random(seed);
  const nTotal = parts.reduce((sum, n) => sum + n, 0);
  const weights = new Float64Array(nTotal * k);
  const w = rig.output("u8", [w8Bytes(rig.device, nTotal, k)]);
  let nOffset = 0;
  for (const n of parts) {
    const drawn = form === "i8"
      ? Float64Array.from(random.integers(n * k, 256), (q) => q - 128)
      : random.normals(n * k, 120).map((q) => Math.max(-448, Math.min(448, q)));
    const qweight = rig.put(form, [n, k], drawn);
    const spread = 0.01 / Math.sqrt(k);
    const scales = rig.put(
      "f32",
      [n],
      random.normals(n).map((s) => (Math.sign(s) * 0.5 + s) * spread),
    );
    w8Pack(rig.device, w.tensor, { nTotal, nOffset, qweight, scales, n, k });
    const [q, s] = [rig.get(qweight), rig.get(scales)];
    weights.set(q.map((value, i) => value * s[Math.floor(i / k)]), nOffset * k);
    nOffset += n;
  }
  w.bytes(true); // checks the guards
  return { w: w.tensor, weights } satisfies Weight;
}

/** [m, n, k]: both sides of tile edges. */
const SIZES = [
  [1, 8, 16],
  [1, 1000, 1008],
  [2, 24, 1008],
  [7, 1016, 32],
  [8, 130, 272],
  [10, 100, 384],
  [30, 77, 1040],
  [60, 129, 64],
  [64, 24, 1008],
  [65, 33, 144],
  [130, 65, 80],
  [300, 40, 96],
  [2048, 24, 48],
  [3, 1, 48],
];

for (const dtype of ["f16", "bf16"] as const) {
  backendTest(`gemmW8A8 ${dtype} is the scaled product, for every epilogue`, (rig) => {
    for (const [m, n, k] of SIZES) {
      const x = quantized(rig, "i8", m, k, m + k);
      const { w, weights } = weight(rig, "i8", [n], k, n + k);
      const expected = product(x.x, weights, null, m, n, k);
      const what = `m ${m}, n ${n}, k ${k}`;
      checkProduct(rig, {
        ...{ m, n, dtype, expected, what },
        run: (y, options) => gemmW8A8(rig.device, y, x, w, { n, k, ...options }),
      });
    }
  });

  backendTest(`gemmFp8 ${dtype} is the scaled product, for every epilogue`, (rig) => {
    for (const [m, n, k] of SIZES) {
      const x = quantized(rig, "f8_e4m3", m, k, m + k);
      const { w, weights } = weight(rig, "f8_e4m3", [n], k, n + k);
      const expected = product(x.x, weights, null, m, n, k);
      const what = `m ${m}, n ${n}, k ${k}`;
      checkProduct(rig, {
        ...{ m, n, dtype, expected, what, rounded: "prompts" },
        run: (y, options) => gemmFp8(rig.device, y, x, w, { n, k, ...options }),
      });
    }
  });

  backendTest(`gemmW8A16 ${dtype} is the product, for every epilogue`, (rig) => {
    for (const [m, n, k] of SIZES) {
      const x = rig.put(dtype, [m, k], new Random(m + k).normals(m * k));
      const { w, weights } = weight(rig, "i8", [n], k, n + k);
      const expected = product(rig.get(x), weights, null, m, n, k);
      const what = `m ${m}, n ${n}, k ${k}`;
      checkProduct(rig, {
        ...{ m, n, dtype, expected, what, rounded: "prompts" },
        run: (y, options) => gemmW8A16(rig.device, y, x, w, { n, k, ...options }),
      });
    }
  });
}

backendTest("gemmW8A8 sums exactly, and nothing saturates", (rig) => {
  // 127 * 128 * 1024 is within the integers that f32 holds.
  for (const [m, n, k] of [[1, 40, 1024], [9, 33, 1008], [70, 24, 1024]]) {
    const random = new Random(m);
    const q = Float64Array.from(
      { length: m * k },
      (_, i) => i < k ? 127 : random.integer(255) - 127,
    );
    const v = Float64Array.from(
      { length: n * k },
      (_, i) => i < k ? -128 : random.integer(256) - 128,
    );
    const ones = (count: number) => rig.put("f32", [count], new Float32Array(count).fill(1));
    const sums = rig.put("i32", [m], new Int32Array(m));
    const x = { values: rig.put("i8", [m, k], q), scales: ones(m), sums };
    const w = rig.output("u8", [w8Bytes(rig.device, n, k)]).tensor;
    const qweight = rig.put("i8", [n, k], v);
    w8Pack(rig.device, w, { nTotal: n, nOffset: 0, qweight, scales: ones(n), n, k });
    const y = rig.output("f32", [m, n]);
    gemmW8A8(rig.device, y.tensor, x, w, { n, k, epilogue: "logits" });
    assertEquals(y.values(), product(q, v, null, m, n, k), `m ${m}, n ${n}, k ${k}`);
  }
});

backendTest("gemmFp8 holds every number of e4m3, and NaN of one output alone", (rig) => {
  const [n, k] = [256, 16];
  const bytes = new Uint8Array(n * k);
  for (let j = 0; j < n; j++) bytes[j * k + j % k] = j;
  const qweight = rig.arena.fromHost("f8_e4m3", [n, k], bytes);
  const scales = rig.put("f32", [n], new Float32Array(n).fill(1));
  const w = rig.output("u8", [w8Bytes(rig.device, n, k)]).tensor;
  w8Pack(rig.device, w, { nTotal: n, nOffset: 0, qweight, scales, n, k });
  const weights = rig.get(qweight);
  for (const m of [1, 40]) {
    const values = rig.put("f8_e4m3", [m, k], new Float32Array(m * k).fill(1));
    const x = {
      values,
      scales: rig.put("f32", [m], new Float32Array(m).fill(1)),
      sums: rig.put("i32", [m], new Int32Array(m)),
    };
    const y = rig.output("f32", [m, n]);
    gemmFp8(rig.device, y.tensor, x, w, { n, k, epilogue: "logits" });
    // Adding 0 takes the sign from zeros.
    const expected = Array.from({ length: m * n }, (_, i) => weights[i % n * k + i % n % k] + 0);
    assertEquals(Array.from(y.values(true), (value) => value + 0), expected, `m ${m}`);
  }
});

backendTest("8-bit products give a row the same bits among any number of rows", (rig) => {
  for (const [n, k] of [[136, 1008], [33, 384], [264, 512]]) {
    const size = { n, k, epilogue: "logits" } as const;
    const what = `n ${n}, k ${k}`;
    const i8 = weight(rig, "i8", [n], k, n).w;
    const fp8 = weight(rig, "f8_e4m3", [n], k, n).w;
    const integers = quantized(rig, "i8", 130, k, k);
    const floats = quantized(rig, "f8_e4m3", 130, k, k);
    checkInvariance(rig, n, `gemmW8A8, ${what}`, (y, from, to) => {
      gemmW8A8(rig.device, y, someRows(integers, from, to), i8, size);
    });
    checkInvariance(rig, n, `gemmFp8, ${what}`, (y, from, to) => {
      gemmFp8(rig.device, y, someRows(floats, from, to), fp8, size);
    });
    for (const dtype of ["f16", "bf16"] as const) {
      const x = rig.put(dtype, [130, k], new Random(k).normals(130 * k));
      checkInvariance(rig, n, `gemmW8A16 ${dtype}, ${what}`, (y, from, to) => {
        gemmW8A16(rig.device, y, rows(x, from, to), i8, size);
      });
    }
  }
});

backendTest("w8Pack joins layers that read the same input", (rig) => {
  for (const [parts, k] of [[[64, 32, 32], 256], [[40, 7, 1, 19], 80]] as const) {
    const n = parts.reduce((sum: number, part) => sum + part, 0);
    const m = 3;
    const x = quantized(rig, "i8", m, k, n);
    const { w, weights } = weight(rig, "i8", parts, k, n);
    checkProduct(rig, {
      ...{ m, n, dtype: "f16", what: `outputs ${parts}` },
      expected: product(x.x, weights, null, m, n, k),
      run: (y, options) => gemmW8A8(rig.device, y, x, w, { n, k, ...options }),
    });
  }
});

backendTest("a row of scale NaN gives NaN, and the others what they give alone", (rig) => {
  const [m, n, k] = [3, 40, 64];
  const x = quantized(rig, "i8", m, k, 1);
  const { w } = weight(rig, "i8", [n], k, 2);
  const clean = rig.output("f32", [m, n]);
  gemmW8A8(rig.device, clean.tensor, x, w, { n, k, epilogue: "logits" });
  rig.device.upload(rows(x.scales, 1, 2), Float32Array.of(NaN));
  const dirty = rig.output("f32", [m, n]);
  gemmW8A8(rig.device, dirty.tensor, x, w, { n, k, epilogue: "logits" });
  const expected = clean.values().fill(NaN, n, 2 * n);
  assertEquals([...dirty.values(true)], [...expected]);
});

backendTest("8-bit products and w8Pack refuse what does not fit, naming the argument", (rig) => {
  const { device } = rig;
  const [n, k] = [16, 64];
  const { w } = weight(rig, "i8", [n], k, 1);
  const x = quantized(rig, "i8", 2, k, 1);
  const floats = quantized(rig, "f8_e4m3", 2, k, 1);
  const half = rig.put("f16", [2, k], new Random(1).normals(2 * k));
  const y = rig.output("f16", [2, n]).tensor;
  const f32 = rig.output("f32", [2, n]).tensor;
  const bias = rig.put("bf16", [n], new Float32Array(n));
  const fits = { n, k };
  const bytes = w8Bytes(device, n, k);
  const qweight = rig.put("i8", [n, k], new Int8Array(n * k));
  const scales = rig.put("f32", [n], new Float32Array(n));
  const packs = { nTotal: n, nOffset: 0, qweight, scales, ...fits };
  const refused: [string, () => void][] = [
    ["w8Bytes: k is 24, expected a multiple of 16", () => w8Bytes(device, n, 24)],
    ["w8Bytes: n is 0", () => w8Bytes(device, 0, k)],
    [
      `gemmW8A8: w has ${bytes - 1} bytes, expected ${bytes} for n 16, k 64`,
      () => gemmW8A8(device, y, x, rows(w, 0, bytes - 1), fits),
    ],
    [
      "gemmW8A8: x.values is f8_e4m3, expected i8",
      () => gemmW8A8(device, y, floats, w, fits),
    ],
    ["gemmFp8: x.values is i8, expected f8_e4m3", () => gemmFp8(device, y, x, w, fits)],
    [
      "gemmW8A8: x.scales has shape [1], expected [2]",
      () => gemmW8A8(device, y, { ...x, scales: rows(x.scales, 0, 1) }, w, fits),
    ],
    [
      "gemmW8A8: y is f32, expected f16 or bf16",
      () => gemmW8A8(device, f32, x, w, fits),
    ],
    [
      "gemmFp8: y is f16, expected f32",
      () => gemmFp8(device, y, floats, w, { ...fits, epilogue: "residual" }),
    ],
    [
      "gemmW8A8: bias is bf16, expected f16",
      () => gemmW8A8(device, y, x, w, { ...fits, bias }),
    ],
    [
      "gemmW8A16: x has shape [2, 64], expected [any, 32]",
      () => gemmW8A16(device, y, half, w, { n, k: 32 }),
    ],
    [
      "w8Pack: nOffset is 1, expected an integer from 0 to 0",
      () => w8Pack(device, w, { ...packs, nOffset: 1 }),
    ],
    [
      "w8Pack: qweight has shape [15, 64], expected [16, 64]",
      () => w8Pack(device, w, { ...packs, qweight: rows(qweight, 0, 15) }),
    ],
  ];
  for (const [message, call] of refused) {
    assertThrows(call, ArgumentError, `Cannot run ${message}`);
  }
});

backendTest("gemmW8A8 refuses more inputs than its sums hold", (rig) => {
  const k = 2 ** 17 + 16;
  const x = quantized(rig, "i8", 1, k, 1);
  const w = rig.arena.allocate("u8", [w8Bytes(rig.device, 1, k)]);
  const y = rig.output("f16", [1, 1]).tensor;
  assertThrows(
    () => gemmW8A8(rig.device, y, x, w, { n: 1, k }),
    NativeError,
    "k is 131088, the limit is 131072",
  );
});
