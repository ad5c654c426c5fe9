import { assert, assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { backendTest } from "../../../tests/backends.ts";
import { valuesOf } from "../../../tests/quantize/grid_values.ts";
import { Random } from "../../../tests/random.ts";
import { ArgumentError } from "../../base/errors.ts";
import type { Device } from "../../device/mod.ts";
import { type Factor, factorize } from "./factor.ts";
import type { Coded } from "../grids/coded.ts";
import { gptq, gptqInputs, type GptqOptions } from "./gptq.ts";
import { absmax, type Grid } from "../grids/grid.ts";
import { findQuantizer, QUANTIZERS } from "../quantizers/registry.ts";
import { roundToNearest } from "./rtn.ts";

/** Rows of inputs that depend on each other, and X^T X / rows of them. */
function hessianOf(k: number, seed: number): Float32Array<ArrayBuffer> {
  const random = new Random(seed);
  const [rows, factors] = [4 * k, Math.ceil(k / 4)];
  const mix = random.normals(factors * k);
  const h = new Float64Array(k * k);
  for (let t = 0; t < rows; t++) {
    const f = random.normals(factors);
    const x = random.normals(k, 0.3);
    for (let j = 0; j < k; j++) {
      for (let i = 0; i < factors; i++) x[j] += f[i] * mix[i * k + j] * (j % 7 === 0 ? 3 : 0.5);
    }
    for (let i = 0; i < k; i++) for (let j = 0; j < k; j++) h[i * k + j] += x[i] * x[j] / rows;
  }
  return Float32Array.from(h);
}

/** sum over rows of e H e^T for e = w - values. */
function loss(w: Float32Array, values: Float32Array, h: Float32Array, k: number): number {
  let sum = 0;
  for (let at = 0; at < w.length; at += k) {
    for (let i = 0; i < k; i++) {
      let part = 0;
      for (let j = 0; j < k; j++) part += h[i * k + j] * (w[at + j] - values[at + j]);
      sum += (w[at + i] - values[at + i]) * part;
    }
  }
  return sum;
}

const normals = (count: number, seed: number) =>
  Float32Array.from(new Random(seed).normals(count, 0.05));

const OPTIONS = { damping: 0.01, order: "natural" } as const;

/** U, row after row. */
function sharesOf({ device, shares }: Factor): Float32Array {
  return new Float32Array(device.download(shares).buffer);
}

function quantize(
  device: Device,
  w: Float32Array,
  grid: Grid,
  h: Float32Array,
  options: GptqOptions = OPTIONS,
): Coded {
  using inputs = gptqInputs(device, h, grid.k, options);
  return gptq(w, grid, inputs);
}

backendTest("factor: U D U^T is the damped matrix, in any order", ({ device }) => {
  for (const k of [1, 5, 32, 100, 128, 129, 300]) {
    const h = hessianOf(k, k);
    const order = Int32Array.from(new Random(1).permutation(k));
    using factor = factorize(device, h, k, 0.01, order);
    const { costs, nearShares } = factor;
    const u = sharesOf(factor);
    const mean = Array.from({ length: k }, (_, i) => h[i * k + i] / k).reduce((a, b) => a + b);
    for (let a = 0; a < k; a++) {
      for (let b = 0; b < k; b++) {
        let found = 0;
        for (let i = Math.max(a, b); i < k; i++) {
          found += (i === a ? 1 : u[a * k + i]) * costs[i] * (i === b ? 1 : u[b * k + i]);
        }
        const expected = h[order[a] * k + order[b]] + (a === b ? 0.01 * mean : 0);
        assertAlmostEquals(found, expected, 2e-4 * mean);
        if (a < b && a >= b - b % 128) {
          assertEquals(nearShares[b * 128 + a % 128], u[a * k + b], `near ${a}, ${b}`);
        }
      }
    }
  }
}, ["cpu", "cuda"]);

backendTest("factor: refuses what is not positive or not finite, dampens what is empty", (rig) => {
  const { device } = rig;
  const refused = (h: Float32Array, k: number, damping: number, message: string) =>
    assertThrows(() => factorize(device, h, k, damping), ArgumentError, message);
  refused(Float32Array.of(1, 2, 2, 1), 2, 0, "not positive at input 0");
  refused(Float32Array.of(Infinity), 1, 0.1, "Infinity");
  const k = 300;
  const h = hessianOf(k, 1);
  h[140 * k + 140] = -h[140 * k + 140];
  refused(h, k, 0, "not positive at input 140");
  h[140 * k + 140] = NaN;
  refused(h, k, 0.01, "its mean diagonal is NaN");
  using factor = factorize(device, new Float32Array(4), 2, 0.01);
  assertEquals([...factor.costs], [1, 1]);
}, ["cpu", "cuda"]);

/** Integers of 8 bits times a power of two for each group: no scale hangs by a hair. */
class PowerGrid implements Grid {
  readonly #scales: Float64Array;

  constructor(readonly n: number, readonly k: number, readonly group: number) {
    this.#scales = new Float64Array(n * Math.ceil(k / group));
  }

  fit(row: number, g: number, values: Float32Array): void {
    this.#scales[g * this.n + row] = 2 ** Math.ceil(Math.log2(absmax(values) / 90));
  }

  code(row: number, g: number, value: number): number {
    return Math.max(-127, Math.min(127, Math.round(value / this.#scales[g * this.n + row]))) & 255;
  }

  value(row: number, g: number, code: number): number {
    return ((code << 24) >> 24) * this.#scales[g * this.n + row];
  }
}

/**
 * GPTQ as its paper has it: the inverse of the Hessian, from which inputs are eliminated one by one. A group is
 * fitted to what its inputs should be, those before the group given and the others of it as they were: `u`.
 */
function textbook(w: Float32Array, grid: Grid, h: Float32Array, u: Float32Array): Uint8Array {
  const { n, k, group } = grid;
  const mean = Array.from({ length: k }, (_, i) => h[i * k + i] / k).reduce((a, b) => a + b);
  const inverse = invert(Array.from(
    { length: k },
    (_, i) => Array.from({ length: k }, (_, j) => h[i * k + j] + (i === j ? 0.01 * mean : 0)),
  ));
  const left = Float64Array.from(w);
  const codes = new Uint8Array(n * k);
  for (let i = 0; i < k; i++) {
    const g = Math.floor(i / group);
    for (let row = 0; row < n; row++) {
      const own = left.subarray(row * k, (row + 1) * k);
      if (i % group === 0) {
        const wanted = w.slice(row * k + i, row * k + Math.min(i + group, k));
        for (let j = 0; j < i; j++) {
          const code = codes[row * k + j];
          const error = w[row * k + j] - grid.value(row, Math.floor(j / group), code);
          for (let c = 0; c < wanted.length; c++) wanted[c] += error * u[j * k + i + c];
        }
        grid.fit(row, g, wanted);
      }
      codes[row * k + i] = grid.code(row, g, own[i]);
      const error = (own[i] - grid.value(row, g, codes[row * k + i])) / inverse[i][i];
      for (let j = i; j < k; j++) own[j] -= error * inverse[i][j];
    }
    for (let a = i + 1; a < k; a++) {
      const factor = inverse[a][i] / inverse[i][i];
      for (let b = i + 1; b < k; b++) inverse[a][b] -= factor * inverse[i][b];
    }
  }
  return codes;
}

backendTest("gptq: gives what the textbook's inverse and updates give", ({ device }) => {
  // Groups on both sides of the host's steps and the device's blocks.
  for (
    const [n, k, group] of [[3, 16, 16], [9, 160, 160], [6, 160, 32], [6, 150, 96], [6, 150, 7]]
  ) {
    const h = hessianOf(k, 5);
    const w = normals(n * k, 6);
    using inputs = gptqInputs(device, h, k, OPTIONS);
    const { codes } = gptq(w, new PowerGrid(n, k, group), inputs);
    const expected = textbook(w, new PowerGrid(n, k, group), h, sharesOf(inputs.factor));
    const rows = Array.from({ length: n }, (_, row) => row * k);
    const same = rows.filter((at) =>
      codes.slice(at, at + k).every((c, i) => c === expected[at + i])
    );
    // A number half way between two codes may fall to either side, and all of its row then differs.
    assert(same.length >= n - 1, `${same.length} of ${n} rows, k ${k}, groups of ${group}`);
  }
}, ["cpu", "cuda"]);

backendTest("gptq: static groups keep their inputs, and the most active ones come first", (rig) => {
  for (const [n, k, group] of [[9, 160, 160], [6, 160, 32], [6, 150, 96], [6, 150, 7]]) {
    const h = hessianOf(k, 7);
    const w = normals(n * k, 8);
    using inputs = gptqInputs(rig.device, h, k, { damping: 0.01, order: "static" });
    const grid = new PowerGrid(n, k, group);
    const values = w.slice();
    const { codes, groupOf } = gptq(w, grid, inputs, { values });
    assertEquals(groupOf, undefined);
    assertEquals(values, valuesOf(grid, codes));
    // The same by the textbook: inputs in order, each a group of its own whose scale is chosen already.
    const order = Array.from({ length: k }, (_, i) => i)
      .sort((a, b) => h[b * k + b] - h[a * k + a]);
    const fitted = new PowerGrid(n, k, group);
    for (let at = 0; at < n * k; at += k) {
      for (let start = 0; start < k; start += group) {
        const end = Math.min(k, start + group);
        fitted.fit(at / k, start / group, w.subarray(at + start, at + end));
      }
    }
    const chosen: Grid = {
      n,
      k,
      group: 1,
      fit: () => {},
      code: (row, place, value) => fitted.code(row, Math.floor(order[place] / group), value),
      value: (row, place, code) => fitted.value(row, Math.floor(order[place] / group), code),
    };
    const ordered = w.map((_, at) => w[at - at % k + order[at % k]]);
    const matrix = h.map((_, at) => h[order[Math.floor(at / k)] * k + order[at % k]]);
    const expected = textbook(ordered, chosen, matrix, sharesOf(inputs.factor));
    const rows = Array.from({ length: n }, (_, row) => row * k);
    const same = rows.filter((at) =>
      order.every((i, place) => codes[at + i] === expected[at + place])
    );
    assert(same.length >= n - 1, `${same.length} of ${n} rows, k ${k}, groups of ${group}`);
  }
}, ["cpu", "cuda"]);

backendTest("gptq: static groups are fitted by what an error of each input costs", ({ device }) => {
  const [n, k] = [4, 256];
  const h = hessianOf(k, 11);
  const w = normals(n * k, 12);
  const { draft } = findQuantizer("w4a16-g128");
  const [found, expected] = [draft(n, k).grid, draft(n, k).grid];
  quantize(device, w, found, h, { damping: 0.01, order: "static" });
  const mean = Array.from({ length: k }, (_, i) => h[i * k + i] / k).reduce((a, b) => a + b);
  const importance = Float32Array.from({ length: k }, (_, i) => h[i * k + i] + 0.01 * mean);
  roundToNearest(w, expected, { importance });
  assertEquals(found.parts, expected.parts);
}, ["cpu", "cuda"]);

backendTest(
  "gptq: inputs of large activations last lose far less where they come first",
  ({ device }) => {
    const [n, k] = [16, 256];
    const h = hessianOf(k, 13);
    // As in real models: a few inputs, here the last ones, are many times as active as the others.
    const scale = (i: number) => i >= k - 4 ? 30 : 1;
    for (let i = 0; i < k; i++) for (let j = 0; j < k; j++) h[i * k + j] *= scale(i) * scale(j);
    const w = normals(n * k, 14);
    const { draft } = findQuantizer("w4a16-g128");
    const lossOf = (order: "natural" | "static") => {
      const { grid } = draft(n, k);
      const { codes } = quantize(device, w, grid, h, { damping: 0.01, order });
      return loss(w, valuesOf(grid, codes), h, k);
    };
    const [natural, ordered] = [lossOf("natural"), lossOf("static")];
    assert(ordered < 0.6 * natural, `${ordered}, expected less than 0.6 of ${natural}`);
  },
  ["cpu", "cuda"],
);

/** The inverse of a matrix by Gauss and Jordan. */
function invert(matrix: number[][]): number[][] {
  const n = matrix.length;
  const rows = matrix.map((row, i) => [...row, ...row.map((_, j) => i === j ? 1 : 0)]);
  for (let i = 0; i < n; i++) {
    const pivot = rows[i][i];
    rows[i] = rows[i].map((value) => value / pivot);
    for (let r = 0; r < n; r++) {
      if (r === i) continue;
      const factor = rows[r][i];
      rows[r] = rows[r].map((value, j) => value - factor * rows[i][j]);
    }
  }
  return rows.map((row) => row.slice(n));
}

for (const { scheme, draft, namesGroups } of QUANTIZERS) {
  backendTest(`gptq: ${scheme} loses less than rounding where inputs are related`, ({ device }) => {
    const [n, k] = [8, 128];
    const h = hessianOf(k, 2);
    const w = normals(n * k, 3);
    const [plain, better] = [draft(n, k).grid, draft(n, k).grid];
    const rounded = loss(w, valuesOf(plain, roundToNearest(w, plain)), h, k);
    const { codes } = quantize(device, w, better, h);
    const found = loss(w, valuesOf(better, codes), h, k);
    assert(found < 0.7 * rounded, `${found}, expected less than 0.7 of ${rounded}`);
    const fixed = draft(n, k).grid;
    const kept = quantize(device, w, fixed, h, { ...OPTIONS, order: "static" });
    assertEquals(kept.groupOf, undefined);
    assert(loss(w, valuesOf(fixed, kept.codes), h, k) < 0.7 * rounded);
    if (!namesGroups) return;
    const ordered = draft(n, k).grid;
    const coded = quantize(device, w, ordered, h, { ...OPTIONS, order: "activity" });
    const values = valuesOf(ordered, coded.codes, coded.groupOf);
    assert(loss(w, values, h, k) < 0.7 * rounded);
    if (ordered.group === k) return assertEquals(coded.groupOf, undefined);
    const sizes = Map.groupBy(coded.groupOf!, (g) => g);
    assert([...sizes.values()].every((inputs) => inputs.length === ordered.group));
  }, ["cpu", "cuda"]);
}

backendTest("gptq: where inputs do not depend on each other it is rounding", ({ device }) => {
  const [n, k] = [5, 256];
  const h = new Float32Array(k * k);
  for (let i = 0; i < k; i++) h[i * k + i] = 1 + (i % 3);
  const w = normals(n * k, 4);
  const { draft } = findQuantizer("w4a16-g128");
  const [a, b] = [draft(n, k).grid, draft(n, k).grid];
  const importance = Float32Array.from({ length: k }, (_, i) => 1 + (i % 3));
  const { codes } = quantize(device, w, a, h, { damping: 0, order: "natural" });
  assertEquals(codes, roundToNearest(w, b, { importance }));
}, ["cpu", "cuda"]);

backendTest("gptq: what the grid holds stays as it is", ({ device }) => {
  const k = 128;
  const w = Float32Array.from({ length: 3 * k }, (_, i) => ((i * 5) % 15 - 7) / 4);
  const { grid } = findQuantizer("w4a16-g128").draft(3, k);
  const { codes } = quantize(device, w, grid, hessianOf(k, 9));
  assertEquals(valuesOf(grid, codes), w);
}, ["cpu", "cuda"]);
