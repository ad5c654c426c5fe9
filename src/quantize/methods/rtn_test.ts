import { assert, assertEquals, assertThrows } from "@std/assert";
import { valuesOf } from "../../../tests/quantize/grid_values.ts";
import { Random } from "../../../tests/random.ts";
import { ArgumentError } from "../../base/errors.ts";
import { AffineGrid } from "../grids/affine_grid.ts";
import { findQuantizer, QUANTIZERS } from "../quantizers/registry.ts";
import { roundToNearest } from "./rtn.ts";
import { TwoLevelGrid } from "../grids/two_level_grid.ts";
import { w4a16, w8a16Draft } from "../quantizers/w4a16.ts";

/** Values like those of trained weights: a bell with a few outliers. */
function weights(count: number, seed: number): Float32Array<ArrayBuffer> {
  const random = new Random(seed);
  return Float32Array.from(
    { length: count },
    () => random.normal() * (random.uniform() < 0.01 ? 0.2 : 0.05),
  );
}

const squaredError = (a: Float32Array, b: Float32Array) =>
  a.reduce((sum, value, i) => sum + (value - b[i]) ** 2, 0);

const DRAFTS = [
  ...QUANTIZERS.map((q) => [q.scheme, q.draft] as const),
  ["w4a16-g64 gptq", w4a16(64, "gptq").draft] as const,
  ["w4a16-channel awq", w4a16(-1, "awq").draft] as const,
  ["w8a16", w8a16Draft] as const,
];

for (const [name, draft] of DRAFTS) {
  Deno.test(`rtn: ${name} takes the nearest of its numbers`, () => {
    const [n, k] = [6, 256];
    const { grid } = draft(n, k);
    const w = weights(n * k, 7);
    const codes = roundToNearest(w, grid);
    const used = new Set(codes);
    for (let i = 0; i < w.length; i++) {
      const [row, g] = [Math.floor(i / k), Math.floor((i % k) / grid.group)];
      const distance = Math.abs(w[i] - grid.value(row, g, codes[i]));
      // Codes that no value takes may be beyond what kernels hold, so only those in use compete.
      for (const code of used) {
        const other = Math.abs(w[i] - grid.value(row, g, code));
        if (other < distance * (1 - 1e-6)) {
          // Of two levels, integers are rounded, and codes beyond 8 bits are not allowed.
          assert(grid instanceof TwoLevelGrid, `${name}: code ${code} is nearer to ${w[i]}`);
          const integer = (code - grid.zeros[g * n + row]) * grid.scales[g * n + row];
          const isNear = other > distance - grid.channelScales[row];
          assert(integer < -128 || integer > 127 || isNear, `${name}: ${code}`);
        }
      }
    }
  });

  Deno.test(`rtn: ${name} holds its own numbers, zeros, tiny and huge ones`, () => {
    const [n, k] = [2, 256];
    const first = draft(n, k).grid;
    const w = valuesOf(first, roundToNearest(weights(n * k, 8), first));
    const again = draft(n, k).grid;
    const values = valuesOf(again, roundToNearest(w, again));
    assert(squaredError(values, w) <= squaredError(w, new Float32Array(w.length)) * 2e-3, name);
    for (const value of [0, 1e-30, 1e30]) {
      const { grid } = draft(n, k);
      const held = valuesOf(grid, roundToNearest(new Float32Array(n * k).fill(value), grid));
      assert(held.every(Number.isFinite), `${name}: ${value} became ${held[0]}`);
      if (value === 0) assertEquals(new Set(held), new Set([0]), name);
    }
  });

  Deno.test(`rtn: ${name} gives the same for rows one by one`, () => {
    const [n, k] = [4, 256];
    const w = weights(n * k, 10);
    const [whole, pieces] = [draft(n, k).grid, draft(n, k).grid];
    const codes = [0, 1, 2, 3].flatMap((row) => [
      ...roundToNearest(w.subarray(row * k, (row + 1) * k), pieces, { firstRow: row }),
    ]);
    assertEquals([...roundToNearest(w, whole)], codes);
  });
}

Deno.test("rtn: the search beats the unclipped scale, and follows importance", () => {
  const [n, k] = [16, 256];
  const w = weights(n * k, 8);
  const { grid } = findQuantizer("w4a16-g128").draft(n, k);
  const found = squaredError(w, valuesOf(grid, roundToNearest(w, grid)));
  let plain = 0;
  for (let start = 0; start < w.length; start += 128) {
    const part = w.subarray(start, start + 128);
    const s = Math.f16round(part.reduce((max, x) => Math.max(max, Math.abs(x)), 0) / 7);
    part.forEach((x) => plain += (x - s * Math.max(-8, Math.min(7, Math.round(x / s)))) ** 2);
  }
  assert(found < 0.9 * plain, `squared error ${found}, expected less than 0.9 of ${plain}`);

  const importance = Float32Array.from({ length: k }, (_, j) => j % 16 === 0 ? 100 : 0.01);
  const weighted = (values: Float32Array) =>
    w.reduce((sum, x, i) => sum + importance[i % k] * (x - values[i]) ** 2, 0);
  const other = findQuantizer("w4a16-g128").draft(n, k).grid;
  const minded = weighted(valuesOf(other, roundToNearest(w, other, { importance })));
  assert(minded < 0.9 * weighted(valuesOf(grid, roundToNearest(w, grid))));
});

Deno.test("rtn: whichever sign a group's largest weight has, it may be 8 steps large", () => {
  const [n, k, step] = [4, 256, 2 ** -6];
  for (const scheme of ["w4a16-g32", "w4a16-g128", "w4a16-channel"]) {
    for (const most of [-8, 8]) {
      const random = new Random(most + 9);
      const inside = (q: number) => Math.sign(most) * (q - 7); // -7 to 8, or turned round
      const w = Float32Array.from(random.integers(n * k, 16), (q) => inside(q) * step);
      for (let at = 0; at < w.length; at += 32) w[at] = most * step;
      const { grid } = findQuantizer(scheme).draft(n, k);
      assertEquals(
        squaredError(w, valuesOf(grid, roundToNearest(w, grid))),
        0,
        `${scheme}, ${most}`,
      );
      const signs = new Set(Array.from((grid as AffineGrid).scales, Math.sign));
      assertEquals(signs, new Set([-Math.sign(most)]), `${scheme}, ${most}`);
    }
  }
  // The best of many scales above zero, for weights whose largest is above zero too.
  const [w, group] = [weights(n * k, 8), 128];
  const best = (part: Float32Array): number => {
    let least = Infinity;
    for (let i = 1; i <= 1000; i++) {
      const s = Math.f16round(Math.max(...part) * i / 4000);
      const error = (x: number) => x - s * Math.max(-8, Math.min(7, Math.round(x / s)));
      least = Math.min(least, part.reduce((sum, x) => sum + error(x) ** 2, 0));
    }
    return least;
  };
  let positive = 0;
  for (let at = 0; at < w.length; at += group) {
    const part = w.subarray(at, at + group);
    const largest = part.reduce((most, x) => Math.abs(x) > Math.abs(most) ? x : most, 0);
    for (let i = 0; largest < 0 && i < group; i++) part[i] = -part[i];
    positive += best(part);
  }
  const { grid } = findQuantizer("w4a16-g128").draft(n, k);
  const found = squaredError(w, valuesOf(grid, roundToNearest(w, grid)));
  assert(found < 0.95 * positive, `squared error ${found}, expected less than 0.95 of ${positive}`);
});

Deno.test("rtn: zero points fit one-sided weights, and v1 of GPTQ's layout gets none of 0", () => {
  const [n, k] = [4, 128];
  const w = weights(n * k, 3).map((x) => Math.abs(x) + 0.01);
  const error = (zeros: "none" | "gptq" | "awq") => {
    const { grid } = w4a16(128, zeros).draft(n, k);
    const values = valuesOf(grid, roundToNearest(w, grid));
    assert(zeros !== "gptq" || (grid as AffineGrid).zeros.every((zero) => zero >= 1));
    return squaredError(w, values);
  };
  assert(error("awq") <= error("gptq"));
  assert(error("gptq") < 0.5 * error("none"));
});

Deno.test("rtn: the second level of W4A8 stays within 8-bit integers, whatever the weights", () => {
  for (const scheme of ["w4a8-qoq-g128", "w4a8-qqq-g128"]) {
    for (let seed = 0; seed < 20; seed++) {
      const [n, k] = [4, 256];
      const random = new Random(seed);
      const w = Float32Array.from(
        { length: n * k },
        (_, i) => random.normal() * (i % 256 < 128 ? 1 : 0.1) + (seed % 3) * random.uniform(),
      );
      const grid = findQuantizer(scheme).draft(n, k).grid as TwoLevelGrid;
      const codes = roundToNearest(w, grid);
      // What GPTQ asks for may be beyond what the row was fitted to.
      for (const value of [-1e3, 1e3]) codes[0] = grid.code(0, 0, value);
      codes.forEach((code, i) => {
        const [row, g] = [Math.floor(i / k), Math.floor((i % k) / 128)];
        const [s, z] = [grid.scales[g * n + row], grid.zeros[g * n + row]];
        const integer = grid.integer(row, g, code);
        assert(integer >= -128 && integer <= 127 && code <= 15, `${scheme} ${integer}`);
        assertEquals(grid.value(row, g, code), Math.fround(integer * grid.channelScales[row]));
        if (scheme === "w4a8-qoq-g128") {
          assert(Number.isInteger(s) && s >= 1 && z * s <= 128, `${s} ${z}`);
          assertEquals(integer, (code - z) * s);
        }
      });
    }
  }
});

Deno.test("rtn: refuses what is not finite and what is not known", () => {
  const bad = (value: number) => () => {
    const { grid } = findQuantizer("w8a8").draft(1, 16);
    roundToNearest(new Float32Array(16).fill(value, 3, 4), grid);
  };
  assertThrows(bad(NaN), ArgumentError, "NaN");
  assertThrows(bad(-Infinity), ArgumentError, "-Infinity");
  assertThrows(() => findQuantizer("w3"), ArgumentError, "w4a16-g128");
  assertThrows(() => findQuantizer("w8a8", "awq"), ArgumentError, "its layout decides");
});
