import { assert, assertEquals } from "@std/assert";
import { rows, type Tensor } from "../../src/device/mod.ts";
import { gemmW4A16, w4a16Bytes, w4a16Pack, type Zeros } from "../../src/ops/mod.ts";
import { backendTest } from "../backends.ts";
import { Random } from "../random.ts";
import { checkInvariance } from "./products.ts";
import { product } from "../reference/ops.ts";
import { assertClose, type Rig, rowOf } from "../rig.ts";
import { product as queued } from "./product.ts";

/** A packed weight, and what it stands for: [n, k] in f64. */
interface Weight {
  readonly w: Tensor<"u8">;
  readonly weights: Float64Array;
}

/** What a weight is made of, each [k or groups, n]. */
interface Parts {
  readonly q: (input: number, output: number) => number;
  readonly scale: (index: number) => number;
  readonly second: (index: number) => number;
}

function weight(rig: Rig, n: number, k: number, group: number, zeros: Zeros, parts: Parts): Weight {
  const groups = Math.ceil(k / group);
  const packed = new Int32Array(k / 8 * n);
  for (let i = 0; i < k; i++) {
    for (let j = 0; j < n; j++) packed[(i >> 3) * n + j] |= parts.q(i, j) << (4 * (i & 7));
  }
  const made = (one: (index: number) => number) =>
    Array.from({ length: groups * n }, (_, i) => one(i));
  const shape = [groups, n] as const;
  const scales = rig.put("f16", shape, made(parts.scale));
  const points = zeros === "points" ? rig.put("u8", shape, made(parts.second)) : undefined;
  const offsets = zeros === "offsets" ? rig.put("f16", shape, made(parts.second)) : undefined;
  const w = rig.output("u8", [w4a16Bytes(rig.device, n, k, group, zeros)]).tensor;
  const qweight = rig.put("i32", [k / 8, n], packed);
  w4a16Pack(rig.device, w, {
    ...{ nTotal: n, nOffset: 0, n, k, group, qweight, scales, zeros: points, offsets },
  });
  const s = rig.get(scales);
  const z = points ? rig.get(points) : undefined;
  const o = offsets ? rig.get(offsets) : undefined;
  const weights = Float64Array.from({ length: n * k }, (_, at) => {
    const [j, i] = [Math.floor(at / k), at % k];
    const from = Math.floor(i / group) * n + j;
    return o ? parts.q(i, j) * s[from] + o[from] : (parts.q(i, j) - (z?.[from] ?? 8)) * s[from];
  });
  return { w, weights };
}

/** Numbers at random, the scales of about one over the root of k and of both signs. */
function random(n: number, k: number, zeros: Zeros, seed: number): Parts {
  const draw = new Random(seed);
  const q = draw.integers(k * n, 16);
  return {
    q: (i, j) => q[i * n + j],
    scale: () => {
      const [x] = draw.normals(1);
      return (Math.sign(x) * 0.5 + x) / 4 / Math.sqrt(k);
    },
    second: () => zeros === "points" ? draw.integer(16) : draw.normals(1)[0] / Math.sqrt(k),
  };
}

const ZEROS = ["none", "points", "offsets"] as const;

/** CUDA rounds weights with offsets to the dtype of the rows, and that twice at most. */
const exact = (rig: Rig, zeros: string) => zeros !== "offsets" || rig.device.backend === "cpu";

/** More rows than a tree has; CUDA may round weights there, so that it has as many as a tree. */
const many = (rig: Rig, rows: number) => rig.device.backend === "cpu" ? rows : 64;

/** [n, k, group]: groups shorter than a block of inputs, straddling blocks, with short ends; k of no whole block. */
const GROUPS = [
  [19, 64, 8],
  [8, 168, 16],
  [9, 120, 24],
  [16, 1000, 40],
  [7, 232, 72],
  [24, 520, 96],
  [33, 424, 104],
  [5, 8, 8],
  [1, 1016, 2048],
];

backendTest("gemmW4A16 takes groups of any multiple of 8, whatever rows there are", (rig) => {
  for (const zeros of ZEROS) {
    for (const [n, k, group] of GROUPS) {
      const { w, weights } = weight(rig, n, k, group, zeros, random(n, k, zeros, n + k));
      const x = rig.put("f16", [70, k], new Random(k).normals(70 * k));
      for (const m of [1, 2, 3, 4, 5, 64, many(rig, 65), many(rig, 70)]) {
        const y = rig.output("f32", [m, n]);
        const input = rows(x, 0, m);
        gemmW4A16(rig.device, y.tensor, input, w, { n, k, group, zeros, epilogue: "logits" });
        const expected = product(rig.get(input), weights, null, m, n, k);
        assertClose(
          y.values(),
          expected,
          exact(rig, zeros) ? "f32" : "f16",
          `${zeros}, m ${m}, n ${n}, k ${k}, group ${group}`,
          exact(rig, zeros) ? 1 : 2,
        );
      }
    }
    const [n, k, group] = [40, 424, 104];
    const { w } = weight(rig, n, k, group, zeros, random(n, k, zeros, 1));
    const x = rig.put("f16", [130, k], new Random(2).normals(130 * k));
    checkInvariance(rig, n, `${zeros}, group ${group}`, (y, from, to) => {
      gemmW4A16(rig.device, y, rows(x, from, to), w, { n, k, group, zeros, epilogue: "logits" });
    });
  }
});

backendTest(
  "gemmW4A16 gives whole numbers exactly, at the ends of what inputs and weights hold",
  (rig) => {
    const [n, k, group] = [17, 256, 64];
    for (const zeros of ZEROS) {
      const draw = new Random(3);
      const parts: Parts = {
        q: (i, j) => j === 0 ? 15 : j === 1 ? 0 : (i * 7 + j * 3) % 16,
        scale: (index) => index % 3 === 0 ? -1 : 1,
        second: () => draw.integer(16),
      };
      const { w, weights } = weight(rig, n, k, group, zeros, parts);
      for (const m of [1, 3, 60, many(rig, 66)]) {
        // Eleven bits and a sign, which is all of f16; row 0 has the largest of them alone.
        const values = Float64Array.from(
          { length: m * k },
          (_, i) => i < k ? 2047 : draw.integer(4095) - 2047,
        );
        const y = rig.output("f32", [m, n]);
        const x = rig.put("f16", [m, k], values);
        gemmW4A16(rig.device, y.tensor, x, w, { n, k, group, zeros, epilogue: "logits" });
        assertEquals(y.values(), product(values, weights, null, m, n, k), `${zeros}, m ${m}`);
      }
    }
  },
);

backendTest("gemmW4A16 beside one huge input loses no more than 2^-17 of it", (rig) => {
  const [n, k, group] = [16, 128, 32];
  for (const zeros of ZEROS) {
    const parts = random(n, k, zeros, 5);
    // Weights of zero at the huge inputs, so that all of the result is what lies beside them.
    const huge = (i: number) => i % 32 === 5;
    const { w, weights } = weight(rig, n, k, group, zeros, {
      ...parts,
      q: (i, j) => huge(i) ? 0 : parts.q(i, j),
      second: zeros === "none" ? parts.second : () => 0,
    });
    for (const [m, large] of [[1, 60000], [3, 2000], [64, -60000], [many(rig, 66), 60000]]) {
      const draw = new Random(m);
      const values = Float64Array.from(
        { length: m * k },
        (_, i) => huge(i % k) ? large : draw.normals(1)[0],
      );
      const x = rig.put("f16", [m, k], values);
      const y = rig.output("f32", [m, n]);
      gemmW4A16(rig.device, y.tensor, x, w, { n, k, group, zeros, epilogue: "logits" });
      const [got, exact] = [y.values(), product(rig.get(x), weights, null, m, n, k)];
      for (let i = 0; i < m * n; i++) {
        const own = rowOf(weights, i % n, k);
        const inputs = rowOf(rig.get(x), Math.floor(i / n), k);
        // Half of 2^-16 of the largest; and the rounding of f32.
        const lost = own.reduce((sum, one) => sum + Math.abs(one), 0) * Math.abs(large) * 2 ** -17;
        const rounded = own.reduce((sum, one, j) => sum + Math.abs(one * inputs[j]), 0) * 2 ** -21;
        assert(Math.abs(got[i] - exact[i]) <= lost + rounded, `${zeros}, m ${m}, element ${i}`);
      }
    }
  }
});

backendTest("gemmW4A16 keeps the smallest inputs, and gives zeros for zeros", (rig) => {
  const [n, k, group, m] = [16, 96, 32, 4];
  for (const zeros of ZEROS) {
    const { w, weights } = weight(rig, n, k, group, zeros, random(n, k, zeros, 7));
    const draw = new Random(8);
    // Row 0: subnormals of f16; row 1: zeros; row 2: a block of zeros between others; row 3: mixed.
    const value = (row: number, i: number): number => {
      const small = (draw.integer(2047) - 1023) * 2 ** -24;
      if (row === 0) return small;
      if (row === 1) return i % 2 === 0 ? 0 : -0;
      if (row === 2) return i >= 32 && i < 64 ? 0 : draw.normals(1)[0];
      return i < 32 ? small : draw.normals(1)[0];
    };
    const values = Float64Array.from({ length: m * k }, (_, i) => value(Math.floor(i / k), i % k));
    const x = rig.put("f16", [m, k], values);
    const y = rig.output("f32", [m, n]);
    gemmW4A16(rig.device, y.tensor, x, w, { n, k, group, zeros, epilogue: "logits" });
    const [got, expected] = [y.values(), product(rig.get(x), weights, null, m, n, k)];
    for (let row = 0; row < m; row++) {
      const [found, wanted] = [rowOf(got, row, n), rowOf(expected, row, n)];
      assertClose(found, wanted, exact(rig, zeros) ? "f32" : "f16", `${zeros}, row ${row}`);
    }
    assertEquals(rowOf(got, 1, n).every((one) => one === 0), true);
  }
});

backendTest("gemmW4A16 holds what bf16 holds", (rig) => {
  const [n, k, group] = [16, 64, 32];
  const { w, weights } = weight(rig, n, k, group, "none", random(n, k, "none", 9));
  for (const size of [2 ** 120, 2 ** -100]) {
    for (const m of [1, 5, many(rig, 66)]) {
      const values = new Random(m).normals(m * k).map((one) => one * size);
      const x = rig.put("bf16", [m, k], values);
      const y = rig.output("f32", [m, n]);
      gemmW4A16(rig.device, y.tensor, x, w, { n, k, group, epilogue: "logits" });
      // Scaled, as the squares of an error leave f64.
      const scaled = (all: ArrayLike<number>) => Float64Array.from(all, (one) => one / size);
      const expected = product(rig.get(x), weights, null, m, n, k);
      assertClose(scaled(y.values()), scaled(expected), "f32", `m ${m}, times ${size}`);
    }
  }
});

backendTest("gemmW4A16 lets a NaN or infinity of one row alone", (rig) => {
  const [n, k, group] = [40, 96, 32];
  for (const zeros of ZEROS) {
    const { w } = weight(rig, n, k, group, zeros, random(n, k, zeros, 11));
    for (const [m, bad] of [[1, NaN], [3, Infinity], [4, -Infinity], [9, NaN], [70, Infinity]]) {
      const values = new Random(m).normals(m * k);
      const run = (all: ArrayLike<number>) => {
        const y = rig.output("f32", [m, n]);
        const x = rig.put("f16", [m, k], all);
        gemmW4A16(rig.device, y.tensor, x, w, { n, k, group, zeros, epilogue: "logits" });
        return y.values(true);
      };
      const clean = run(values);
      const row = m >> 1;
      const dirty = run(values.map((one, i) => i === row * k + 40 ? bad : one));
      for (let i = 0; i < m; i++) {
        const [was, is] = [rowOf(clean, i, n), rowOf(dirty, i, n)];
        if (i === row) assertEquals(is.some(Number.isFinite), false, `${zeros}, m ${m}`);
        else assertEquals(is, was, `${zeros}, m ${m}, row ${i}`);
      }
    }
  }
});

backendTest(
  "gemmW4A16 gives a row the same bits whatever multiplies it, where units are many",
  (rig) => {
    // More than 40 units for each of the multiprocessors, from which on 9 to 16 rows are for other instructions.
    const [n, k] = [22_528, 8192];
    for (const dtype of ["f16", "bf16"] as const) {
      const queue = queued(rig, "w4a16", dtype, n, k);
      const x = rig.put(dtype, [32, k], new Random(7).normals(32 * k));
      const bits = (from: number, to: number): Uint8Array => {
        const y = rig.output(dtype, [to - from, n]);
        queue(y.tensor, rows(x, from, to));
        y.values();
        return rig.device.download(y.tensor);
      };
      const alone = new Uint8Array(32 * n * 2);
      for (let row = 0; row < 32; row += 8) alone.set(bits(row, row + 8), row * n * 2);
      for (const [from, to] of [[0, 9], [3, 16], [0, 16], [0, 17], [8, 32], [0, 32]]) {
        const expected = alone.subarray(from * n * 2, to * n * 2);
        assert(equalBytes(bits(from, to), expected), `${dtype}, rows ${from} to ${to}`);
      }
    }
  },
  ["cuda"],
);

function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}
