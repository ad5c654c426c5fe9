import { assert, assertEquals, assertThrows } from "@std/assert";
import { ArgumentError } from "../../src/base/errors.ts";
import { rows, type Tensor } from "../../src/device/mod.ts";
import {
  type QuantizedForm,
  type QuantizedRows,
  quantizeRows,
  rmsNormQuantized,
  siluMulQuantized,
} from "../../src/ops/mod.ts";
import { backendTest } from "../backends.ts";
import { e4m3Byte, e4m3Value, roundToEven } from "../half.ts";
import { Random } from "../random.ts";
import { rmsNorm, siluMul } from "../reference/ops.ts";
import type { Rig } from "../rig.ts";
import { quantizedOutput } from "./quantized.ts";

const FORMS = ["i8", "f8_e4m3"] as const;
const LARGEST = { i8: 127, f8_e4m3: 448 } as const;
const NEAREST = { i8: roundToEven, f8_e4m3: (x: number) => e4m3Value(e4m3Byte(x)) } as const;

/** [m, width]: both sides of the edges of vectors and blocks. */
const SIZES = [
  [1, 8],
  [2, 24],
  [3, 33],
  [7, 1016],
  [4, 4096],
  [65, 100],
  [1, 1],
  [300, 48],
  [2, 14336],
  [1, 33001],
];

/** What `run` writes to poisoned rows. */
function written(
  rig: Rig,
  form: QuantizedForm,
  m: number,
  k: number,
  run: (out: QuantizedRows) => void,
) {
  const out = quantizedOutput(rig, form, m, k);
  run(out.rows);
  return { q: out.values.values(), scales: out.scales.values(true), sums: out.sums.values() };
}

/**
 * Checks rows against what they stand for, [m, k] in f64 and known to a relative `error` of its largest
 * magnitude: scales, that each q is the nearest, and sums.
 */
function checkRows(
  rig: Rig,
  form: QuantizedForm,
  expected: Float64Array,
  m: number,
  error: number,
  what: string,
  run: (out: QuantizedRows) => void,
): void {
  const k = expected.length / m;
  const { q, scales, sums } = written(rig, form, m, k, run);
  for (let i = 0; i < m; i++) {
    const row = expected.subarray(i * k, (i + 1) * k);
    const largest = row.reduce((top, x) => Math.max(top, Math.abs(x)), 0);
    const scale = largest / LARGEST[form];
    // Two roundings of f32, one of each operation.
    const close = Math.abs(scales[i] - scale) <= scale * (error + 2 ** -23);
    assert(close, `${what}: the scale of row ${i} is ${scales[i]}, expected ${scale}`);
    let sum = 0;
    for (let j = 0; j < k; j++) {
      const [is, exact] = [q[i * k + j], row[j] / scale];
      const slack = LARGEST[form] * (error + 2 ** -22);
      const off = Math.abs(is - exact) - Math.abs(NEAREST[form](exact) - exact);
      assert(off <= 2 * slack, `${what}: q ${i}, ${j} is ${is}, expected about ${exact}`);
      sum += is;
    }
    assertEquals(sums[i], form === "i8" ? sum : 0, `${what}: the sum of row ${i}`);
  }
}

for (const form of FORMS) {
  for (const dtype of ["f16", "bf16"] as const) {
    backendTest(`quantizeRows ${dtype} to ${form} gives the nearest, with its scale`, (rig) => {
      for (const [m, k] of SIZES) {
        for (const deviation of [1, 300]) {
          const x = rig.put(dtype, [m, k], new Random(m + k).normals(m * k, deviation));
          checkRows(rig, form, rig.get(x), m, 0, `m ${m}, k ${k}`, (out) => {
            quantizeRows(rig.device, out, x);
          });
        }
      }
    });

    backendTest(`rmsNormQuantized ${dtype} to ${form} does not round in between`, (rig) => {
      for (const [m, width] of SIZES) {
        const random = new Random(m + width);
        const x = rig.put("f32", [m, width], random.normals(m * width, 3));
        const weight = rig.put(dtype, [width], random.normals(width));
        const expected = rmsNorm(rig.get(x), rig.get(weight), 1e-5);
        checkRows(rig, form, expected, m, 1e-6, `m ${m}, width ${width}`, (out) => {
          rmsNormQuantized(rig.device, out, x, weight, 1e-5);
        });
      }
    });

    backendTest(`siluMulQuantized ${dtype} to ${form} does not round in between`, (rig) => {
      for (const [m, n] of SIZES) {
        const x = rig.put(dtype, [m, 2 * n], new Random(n).normals(2 * m * n, n === 24 ? 40 : 2));
        const from = rig.get(x);
        const expected = Float64Array.from({ length: m * n }, (_, i) => {
          const at = Math.floor(i / n) * 2 * n + i % n;
          return siluMul(from[at], from[at + n]);
        });
        checkRows(rig, form, expected, m, 1e-6, `m ${m}, n ${n}`, (out) => {
          siluMulQuantized(rig.device, out, x);
        });
      }
    });
  }

  backendTest(`quantizing to ${form} gives a row the same bits among any number of rows`, (rig) => {
    const [m, k] = [64, 1000];
    const random = new Random(k);
    const x = rig.put("f16", [m, k], random.normals(m * k));
    const wide = rig.put("f32", [m, k], random.normals(m * k));
    const weight = rig.put("f16", [k], random.normals(k));
    const gated = rig.put("f16", [m, 2 * k], random.normals(2 * m * k));
    const ops: [string, (out: QuantizedRows, from: number, to: number) => void][] = [
      ["quantizeRows", (out, from, to) => quantizeRows(rig.device, out, rows(x, from, to))],
      [
        "rmsNormQuantized",
        (out, from, to) => rmsNormQuantized(rig.device, out, rows(wide, from, to), weight, 1e-6),
      ],
      [
        "siluMulQuantized",
        (out, from, to) => siluMulQuantized(rig.device, out, rows(gated, from, to)),
      ],
    ];
    for (const [name, run] of ops) {
      const all = written(rig, form, m, k, (out) => run(out, 0, m));
      for (const [start, count] of [[63, 1], [5, 2], [3, 7], [11, 10], [32, 32]]) {
        const part = written(rig, form, count, k, (out) => run(out, start, start + count));
        const end = start + count;
        const what = `${name}, rows ${start} to ${end}`;
        assertEquals(part.q, all.q.slice(start * k, end * k), what);
        assertEquals(part.scales, all.scales.slice(start, end), what);
        assertEquals(part.sums, all.sums.slice(start, end), what);
      }
    }
  });

  backendTest(`quantizing to ${form}: rows of zeros, and with what is not finite`, (rig) => {
    const k = 40;
    const values = new Random(1).normals(6 * k);
    values.fill(0, 0, k);
    values.fill(-0, k, 2 * k);
    values[2 * k + 3] = NaN;
    values[3 * k + 39] = Infinity;
    values[4 * k] = -Infinity;
    const zeros = new Float64Array(5 * k);
    const weight = rig.put("f16", [k], new Float32Array(k).fill(1));
    const x = rig.put("f16", [6, k], values);
    const runs: [string, (out: QuantizedRows) => void][] = [
      ["quantizeRows", (out) => quantizeRows(rig.device, out, x)],
      [
        "rmsNormQuantized",
        (out) => rmsNormQuantized(rig.device, out, rig.put("f32", [6, k], values), weight, 1e-5),
      ],
    ];
    for (const [name, run] of runs) {
      const { q, scales, sums } = written(rig, form, 6, k, run);
      assertEquals([...scales.slice(0, 5)], [0, 0, NaN, NaN, NaN], name);
      assertEquals(q.slice(0, 5 * k), zeros, name);
      assertEquals([...sums.slice(0, 5)], [0, 0, 0, 0, 0], name);
      assert(scales[5] > 0 && q.slice(5 * k).some((one) => one !== 0), `${name}: the row beside`);
    }
  });

  backendTest(`quantizeRows to ${form} takes the smallest and largest rows of bf16`, (rig) => {
    for (const size of [2 ** -133, 2 ** -126, 1e-30, 3e38]) {
      const x = rig.put("bf16", [1, 4], [size, -size, size / 2, 0]);
      const { q } = written(rig, form, 1, 4, (out) => quantizeRows(rig.device, out, x));
      const exact = rig.get(x).map((value) => value / rig.get(x)[0] * LARGEST[form]);
      assertEquals(q.map((value) => value + 0), exact.map(NEAREST[form]), `values of ${size}`);
    }
  });
}

function assertTies(rig: Rig, form: QuantizedForm, x: Tensor, values: readonly number[]): void {
  const { q } = written(rig, form, 1, values.length, (out) => quantizeRows(rig.device, out, x));
  assertEquals([...q], [...values]);
}

backendTest("quantizeRows rounds ties to even", (rig) => {
  for (const by of [1, 4]) {
    const integers = [127, 0.5, 1.5, 2.5, -0.5, -1.5, -2.5, 63.5, 64.5, -126.5, 125.5];
    const nearest = [127, 0, 2, 2, 0, -2, -2, 64, 64, -126, 126];
    const x = rig.put("f16", [1, integers.length], integers.map((value) => value * by));
    assertTies(rig, "i8", x, nearest);
    const floats = [
      448,
      17,
      19,
      -17,
      -21,
      432,
      2 ** -10,
      3 * 2 ** -10,
      15 * 2 ** -10,
      17 * 2 ** -10,
    ];
    const close = [448, 16, 20, -16, -20, 448, 0, 2 ** -8, 2 ** -6, 2 ** -6];
    const y = rig.put("f16", [1, floats.length], floats.map((value) => value * by));
    assertTies(rig, "f8_e4m3", y, close);
  }
});

backendTest("quantizing refuses what does not fit, naming the argument", (rig) => {
  const { device } = rig;
  const x = rig.put("f16", [2, 16], new Float32Array(32));
  const wide = rig.put("f32", [2, 16], new Float32Array(32));
  const weight = rig.put("f16", [16], new Float32Array(16));
  const out = quantizedOutput(rig, "i8", 2, 16).rows;
  const half = quantizedOutput(rig, "i8", 2, 8).rows;
  const refused: [string, () => void][] = [
    ["quantizeRows: x is f32, expected f16 or bf16", () => quantizeRows(device, out, wide)],
    [
      "quantizeRows: out.values has shape [2, 8], expected [2, 16]",
      () => quantizeRows(device, half, x),
    ],
    [
      "quantizeRows: out.scales has shape [1], expected [2]",
      () => quantizeRows(device, { ...out, scales: rows(out.scales, 0, 1) }, x),
    ],
    [
      "quantizeRows: out.sums has shape [1], expected [2]",
      () => quantizeRows(device, { ...out, sums: rows(out.sums, 0, 1) }, x),
    ],
    [
      "rmsNormQuantized: x is f16, expected f32",
      () => rmsNormQuantized(device, out, x, weight, 1e-5),
    ],
    [
      "rmsNormQuantized: eps is -1, expected a number from 0",
      () => rmsNormQuantized(device, out, wide, weight, -1),
    ],
    [
      "siluMulQuantized: out.values has shape [2, 16], expected [2, 8]",
      () => siluMulQuantized(device, out, x),
    ],
    [
      "siluMulQuantized: x has rows of 3, expected an even number",
      () => siluMulQuantized(device, half, rig.put("f16", [2, 3], new Float32Array(6))),
    ],
  ];
  for (const [message, call] of refused) {
    assertThrows(call, ArgumentError, `Cannot run ${message}`);
  }
});
