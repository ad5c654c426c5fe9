import { assert, assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { Random } from "../../../tests/random.ts";
import { ArgumentError } from "../../base/errors.ts";
import { factorize } from "./factor.ts";
import { gptq, gptqInputs } from "./gptq.ts";
import { valuesOf } from "./grid.ts";
import { findQuantizer, QUANTIZERS } from "./registry.ts";
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

const OPTIONS = { damping: 0.01, actOrder: false };

Deno.test("factor: U D U^T is the damped matrix, in any order", () => {
  for (const k of [1, 5, 32, 33, 100]) {
    const h = hessianOf(k, k);
    const order = Int32Array.from(new Random(1).permutation(k));
    const { shares, costs } = factorize(h, k, 0.01, order);
    const mean = Array.from({ length: k }, (_, i) => h[i * k + i] / k).reduce((a, b) => a + b);
    for (let a = 0; a < k; a++) {
      for (let b = 0; b < k; b++) {
        let found = 0;
        for (let i = Math.max(a, b); i < k; i++) {
          found += (i === a ? 1 : shares[i * k + a]) * costs[i] * (i === b ? 1 : shares[i * k + b]);
        }
        const expected = h[order[a] * k + order[b]] + (a === b ? 0.01 * mean : 0);
        assertAlmostEquals(found, expected, 2e-4 * mean);
      }
    }
  }
});

Deno.test("factor: refuses what is not positive or not finite, and dampens what is empty", () => {
  assertThrows(() => factorize(Float32Array.of(1, 2, 2, 1), 2, 0), ArgumentError, "not positive");
  assertThrows(() => factorize(Float32Array.of(Infinity), 1, 0.1), ArgumentError, "Infinity");
  assertEquals([...factorize(new Float32Array(4), 2, 0.01).costs], [1, 1]);
});

Deno.test("gptq: gives what the textbook's inverse and updates give", () => {
  const [n, k] = [3, 16];
  const h = hessianOf(k, 5);
  const w = normals(n * k, 6);
  // A group for each input would hide updates: one scale a row, from the unchanged row.
  const { grid } = findQuantizer("w8a8").draft(n, k);
  const { codes } = gptq(w, grid, gptqInputs(h, k, OPTIONS));
  const mean = Array.from({ length: k }, (_, i) => h[i * k + i] / k).reduce((a, b) => a + b);
  const damped = Array.from(
    { length: k },
    (_, i) => Array.from({ length: k }, (_, j) => h[i * k + j] + (i === j ? 0.01 * mean : 0)),
  );
  for (let row = 0; row < n; row++) {
    const left = [...w.subarray(row * k, (row + 1) * k)];
    for (let i = 0; i < k; i++) {
      const inverse = invert(damped.slice(i).map((line) => line.slice(i)));
      const code = grid.code(row, 0, left[i]);
      assertEquals(codes[row * k + i], code, `row ${row}, input ${i}`);
      const error = (left[i] - grid.value(row, 0, code)) / inverse[0][0];
      for (let j = i; j < k; j++) left[j] -= error * inverse[0][j - i];
    }
  }
});

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
  Deno.test(`gptq: ${scheme} loses less than rounding where inputs depend on each other`, () => {
    const [n, k] = [8, 128];
    const h = hessianOf(k, 2);
    const w = normals(n * k, 3);
    const [plain, better] = [draft(n, k).grid, draft(n, k).grid];
    const rounded = loss(w, valuesOf(plain, roundToNearest(w, plain)), h, k);
    const { codes } = gptq(w, better, gptqInputs(h, k, OPTIONS));
    const found = loss(w, valuesOf(better, codes), h, k);
    assert(found < 0.7 * rounded, `${found}, expected less than 0.7 of ${rounded}`);
    if (!namesGroups) return;
    const ordered = draft(n, k).grid;
    const inputs = gptqInputs(h, k, { ...OPTIONS, actOrder: true });
    const coded = gptq(w, ordered, inputs);
    const values = valuesOf(ordered, coded.codes, coded.groupOf);
    assert(loss(w, values, h, k) < 0.7 * rounded);
    if (ordered.group === k) return assertEquals(coded.groupOf, undefined);
    const sizes = Map.groupBy(coded.groupOf!, (g) => g);
    assert([...sizes.values()].every((inputs) => inputs.length === ordered.group));
  });
}

Deno.test("gptq: where inputs do not depend on each other it is rounding", () => {
  const [n, k] = [5, 256];
  const h = new Float32Array(k * k);
  for (let i = 0; i < k; i++) h[i * k + i] = 1 + (i % 3);
  const w = normals(n * k, 4);
  const { draft } = findQuantizer("w4a16-g128");
  const [a, b] = [draft(n, k).grid, draft(n, k).grid];
  const importance = Float32Array.from({ length: k }, (_, i) => 1 + (i % 3));
  const inputs = gptqInputs(h, k, { damping: 0, actOrder: false });
  assertEquals(gptq(w, a, inputs).codes, roundToNearest(w, b, importance));
});

Deno.test("gptq: what the grid holds stays as it is", () => {
  const k = 128;
  const w = Float32Array.from({ length: 3 * k }, (_, i) => ((i * 5) % 15 - 7) / 4);
  const { grid } = findQuantizer("w4a16-g128").draft(3, k);
  const { codes } = gptq(w, grid, gptqInputs(hessianOf(k, 9), k, OPTIONS));
  assertEquals(valuesOf(grid, codes), w);
});
