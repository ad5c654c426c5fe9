import { assertEquals, assertThrows } from "@std/assert";
import { ArgumentError, NativeError } from "../../src/base/errors.ts";
import { columns, Graph, rows, type Tensor, tensor } from "../../src/device/mod.ts";
import { gemmF32, type Update } from "../../src/ops/mod.ts";
import { backendTest } from "../backends.ts";
import { Random } from "../random.ts";
import { assertClose, type Rig } from "../rig.ts";

const UPDATES: readonly Update[] = ["set", "add", "subtract"];

/** [m, n, k]: both sides of the edges of tiles, strips and blocks. */
const SIZES = [
  [1, 1, 1],
  [6, 16, 1],
  [7, 17, 5],
  [5, 15, 257],
  [96, 256, 16],
  [97, 257, 15],
  [128, 128, 128],
  [129, 131, 33],
  [127, 127, 513],
  [200, 4100, 20],
  [1, 300, 300],
  [300, 1, 300],
];

/** a b in f64; a [m, k] or, transposed, [k, m]. */
function product(
  a: Float64Array,
  transposed: boolean,
  b: Float64Array,
  [m, n, k]: readonly number[],
): Float64Array {
  const out = new Float64Array(m * n);
  for (let i = 0; i < m; i++) {
    for (let p = 0; p < k; p++) {
      const left = a[transposed ? p * m + i : i * k + p];
      for (let j = 0; j < n; j++) out[i * n + j] += left * b[p * n + j];
    }
  }
  return out;
}

/** The rows in memory of `stride` elements a row, NaN between them. */
function spread(
  rig: Rig,
  values: Float64Array,
  shape: readonly [number, number],
  stride: number,
  offset = 0,
): Tensor<"f32"> {
  const all = new Float64Array(offset + shape[0] * stride).fill(NaN);
  for (let i = 0; i < shape[0]; i++) {
    all.set(values.subarray(i * shape[1], (i + 1) * shape[1]), offset + i * stride);
  }
  const { address } = rig.put("f32", [all.length], all);
  return tensor(address + BigInt(offset * 4), "f32", shape, stride);
}

const single = (values: Float64Array) => values.map(Math.fround);

for (const transposed of [false, true]) {
  const name = transposed ? "gemmF32, a transposed," : "gemmF32";
  backendTest(`${name} sets, adds and subtracts the product, with gaps between rows`, (rig) => {
    for (const size of SIZES) {
      const [m, n, k] = size;
      const random = new Random(m * n + k);
      const [a, b, before] = [m * k, k * n, m * n].map((count) => single(random.normals(count)));
      const exact = product(a, transposed, b, size);
      const shape = transposed ? [k, m] as const : [m, k] as const;
      // Contiguous, with gaps of whole vectors, and with gaps and an offset that are none.
      for (const [gap, offset] of [[0, 0], [4, 0], [3, 1]]) {
        const left = spread(rig, a, shape, shape[1] + gap, offset);
        const right = spread(rig, b, [k, n], n + gap, offset);
        for (const update of UPDATES) {
          const y = rig.output("f32", [m, n], n + gap);
          if (update !== "set") {
            // Row by row, so that the gaps keep their poison.
            for (let i = 0; i < m; i++) {
              const row = Float32Array.from(before.subarray(i * n, (i + 1) * n));
              rig.device.upload(rows(y.tensor, i, i + 1), row);
            }
          }
          gemmF32(rig.device, y.tensor, left, right, { update, transposed });
          const want = exact.map((value, i) => {
            return update === "set" ? value : before[i] + (update === "add" ? value : -value);
          });
          assertClose(y.values(), want, "f32", `m ${m}, n ${n}, k ${k}, gap ${gap}, ${update}`);
        }
      }
    }
  });
}

backendTest("gemmF32 gives an element the same bits wherever it lies", (rig) => {
  const [m, n, k] = [150, 300, 300];
  const random = new Random(3);
  const a = rig.put("f32", [m, k], random.normals(m * k));
  const b = rig.put("f32", [k, n], random.normals(k * n));
  const all = rig.output("f32", [m, n]);
  gemmF32(rig.device, all.tensor, a, b);
  const bytes = new Float32Array(all.bytes().buffer);
  for (const [row, lines, column, width] of [[0, 1, 0, 1], [5, 130, 7, 200], [149, 1, 299, 1]]) {
    const part = rig.output("f32", [lines, width]);
    const [left, right] = [rows(a, row, row + lines), columns(b, column, column + width)];
    gemmF32(rig.device, part.tensor, left, right);
    const found = new Float32Array(part.bytes().buffer);
    found.forEach((value, at) => {
      const [i, j] = [row + Math.floor(at / width), column + (at % width)];
      assertEquals(value, bytes[i * n + j], `element ${i}, ${j}`);
    });
  }
});

backendTest("gemmF32 gives the same bits whatever the number of threads", (rig, { open }) => {
  const [m, n, k] = [200, 700, 600];
  const random = new Random(4);
  const a = rig.put("f32", [m, k], random.normals(m * k));
  const b = rig.put("f32", [k, n], random.normals(k * n));
  const y = rig.output("f32", [m, n]);
  gemmF32(rig.device, y.tensor, a, b);
  for (const threads of [1, 3]) {
    using device = open({ threads });
    // The twin's addresses are the process's; a second CUDA context would need its own copies.
    if (device.backend === "cuda") continue;
    const again = rig.output("f32", [m, n]);
    gemmF32(device, again.tensor, a, b);
    assertEquals(again.bytes(), y.bytes(), `${threads} threads`);
  }
});

backendTest("gemmF32 keeps what is not finite to its row and column", (rig) => {
  const [m, n, k] = [9, 20, 4];
  const random = new Random(5);
  const [a, b] = [random.normals(m * k), random.normals(k * n)];
  a[2 * k] = NaN;
  b[n + 7] = Infinity;
  const y = rig.output("f32", [m, n]);
  gemmF32(rig.device, y.tensor, rig.put("f32", [m, k], a), rig.put("f32", [k, n], b));
  y.values(true).forEach((value, at) => {
    const touched = Math.floor(at / n) === 2 || at % n === 7;
    assertEquals(Number.isFinite(value), !touched, `element ${at}`);
  });
});

backendTest("gemmF32 works within one matrix, below rows that it reads", (rig) => {
  const n = 40;
  const values = single(new Random(6).normals(2 * n * n));
  const all = rig.put("f32", [2 * n, n], values);
  const [top, bottom] = [rows(all, 0, n), rows(all, n, 2 * n)];
  const left = columns(bottom, 0, n / 2);
  gemmF32(rig.device, top, left, rows(bottom, 0, n / 2), { update: "add" });
  const a = Float64Array.from({ length: n * n / 2 }, (_, i) => {
    return values[n * n + Math.floor(i / (n / 2)) * n + i % (n / 2)];
  });
  const b = values.subarray(n * n, n * n + n * n / 2);
  const want = product(a, false, b, [n, n, n / 2]).map((value, i) => values[i] + value);
  assertClose(rig.get(top), want, "f32", "top");
  assertEquals(rig.get(bottom), values.subarray(n * n));
});

backendTest("gemmF32 is captured", (rig) => {
  const a = rig.put("f32", [2, 3], [1, 2, 3, 4, 5, 6]);
  const b = rig.put("f32", [3, 1], [1, 10, 100]);
  const y = rig.put("f32", [2, 1], [0, 0]);
  using graph = Graph.capture(rig.device, () => gemmF32(rig.device, y, a, b, { update: "add" }));
  graph.launch();
  graph.launch();
  assertEquals([...rig.get(y)], [642, 1308]);
});

backendTest("gemmF32 refuses what does not fit, naming the argument", (rig) => {
  const { device } = rig;
  const [a, b, y] = [[3, 4], [4, 5], [3, 5]].map((shape) => rig.output("f32", shape).tensor);
  const half = rig.output("f16", [3, 4]).tensor as Tensor as Tensor<"f32">;
  const refused: [string, () => void][] = [
    ["a is f16, expected f32", () => gemmF32(device, y, half, b)],
    ["b has shape [4, 5], expected [3, any]", () => gemmF32(device, y, a, b, { transposed: true })],
    ["b has shape [3, 5], expected [4, any]", () => gemmF32(device, y, a, rows(b, 0, 3))],
    ["y has shape [2, 5], expected [3, 5]", () => gemmF32(device, rows(y, 0, 2), a, b)],
    [
      'update is "store", expected set, add, subtract',
      () => gemmF32(device, y, a, b, { update: "store" as Update }),
    ],
  ];
  for (const [message, call] of refused) {
    assertThrows(call, ArgumentError, `Cannot run gemmF32: ${message}`);
  }
  const square = rig.output("f32", [4, 4]).tensor;
  const one = columns(rows(square, 0, 2), 0, 2);
  const other = columns(rows(square, 0, 2), 2, 4);
  const apart = rig.output("f32", [2, 2]).tensor;
  assertThrows(() => gemmF32(device, one, other, apart), NativeError, "y overlaps a");
  assertThrows(() => gemmF32(device, one, apart, other), NativeError, "y overlaps b");
});
