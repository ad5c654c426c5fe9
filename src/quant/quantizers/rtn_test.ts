import { assert, assertEquals, assertThrows } from "@std/assert";
import { random as seeded } from "../../../tests/random.ts";
import { ArgumentError } from "../../base/errors.ts";
import type { GptqTensors, LinearShape } from "./quantizer.ts";
import { findQuantizer } from "./registry.ts";
import { rtn, rtnW4A16G128 } from "./rtn.ts";

/** Values like those of trained weights: a bell with a few outliers. */
function weights(count: number, seed: number): Float32Array<ArrayBuffer> {
  const random = seeded(seed);
  return Float32Array.from({ length: count }, () => {
    const bell = random() + random() + random() + random() - 2;
    return bell * (random() < 0.01 ? 0.5 : 0.1);
  });
}

/** q and s of every weight. */
function unpack({ qweight, scales }: GptqTensors, { n, k, group }: LinearShape) {
  return Array.from({ length: n * k }, (_, i) => {
    const [o, j] = [Math.floor(i / k), i % k];
    const q = (qweight[(j >> 3) * n + o] >>> (4 * (j & 7))) & 15;
    return { q, s: scales[Math.floor(j / group) * n + o] };
  });
}

function totalError(w: Float32Array, items: { q: number; s: number }[]): number {
  return items.reduce((sum, { q, s }, i) => sum + (w[i] - (q - 8) * s) ** 2, 0);
}

Deno.test("rtn: unclipped weights are within half a step, clipped ones at the end", () => {
  let clipped = 0;
  for (const shape of [{ n: 20, k: 256, group: 128 }, { n: 3, k: 72, group: 32 }]) {
    const w = weights(shape.n * shape.k, 7);
    const items = unpack(rtn(w, shape), shape);
    items.forEach(({ q, s }, i) => {
      assert(s > 0 && s === Math.f16round(s));
      if (w[i] > 7.5 * s) assertEquals(q, 15, `weight ${i}`);
      else if (w[i] < -8.5 * s) assertEquals(q, 0, `weight ${i}`);
      else assert(Math.abs(w[i] - (q - 8) * s) <= s / 2 * (1 + 1e-6), `weight ${i}`);
      if (w[i] > 7.5 * s || w[i] < -8.5 * s) clipped++;
    });
  }
  assert(clipped > 0, "the search never clipped, so it was not tested");
});

Deno.test("rtn: the search beats the unclipped scale", () => {
  const shape = { n: 16, k: 256, group: 128 };
  const w = weights(shape.n * shape.k, 8);
  const found = totalError(w, unpack(rtn(w, shape), shape));
  let plain = 0;
  for (let start = 0; start < w.length; start += shape.group) {
    const part = w.subarray(start, start + shape.group);
    const s = Math.f16round(part.reduce((max, x) => Math.max(max, Math.abs(x)), 0) / 7);
    part.forEach((x) => plain += (x - s * Math.max(-8, Math.min(7, Math.round(x / s)))) ** 2);
  }
  assert(found < 0.9 * plain, `squared error ${found}, expected less than 0.9 of ${plain}`);
});

Deno.test("rtn: layout, zero points, groups", () => {
  const shape = { n: 9, k: 40, group: 32 };
  const packed = rtn(weights(360, 9), shape);
  assertEquals([packed.qweight.length, packed.scales.length], [5 * 9, 2 * 9]);
  assertEquals([...packed.qzeros], [0x77777777, 0x77777777, 0x77777777, 0x77777777]);
  assertEquals([...packed.g_idx], Array.from({ length: 40 }, (_, j) => j < 32 ? 0 : 1));
});

Deno.test("rtn: exact values stay exact; zeros, tiny and huge groups are sound", () => {
  const ramp = Float32Array.from({ length: 16 }, (_, j) => (j % 15 - 7) / 4);
  const shape = { n: 1, k: 16, group: 16 };
  assertEquals(unpack(rtn(ramp, shape), shape).map(({ q, s }) => (q - 8) * s), [...ramp]);
  for (const value of [0, 1e-30, 1e30]) {
    const packed = rtn(new Float32Array(16).fill(value), shape);
    assert(packed.scales[0] > 0 && packed.scales[0] <= 65504);
    if (value < 1) assertEquals(packed.qweight[0], 0x88888888);
  }
});

Deno.test("rtn: pieces of rows give the same as the whole", () => {
  const shape = { n: 5, k: 128, group: 128 };
  const w = weights(640, 10);
  const pieces = [w.subarray(0, 256), w.subarray(256, 384), w.subarray(384)];
  assertEquals(rtnW4A16G128.quantize(pieces, shape), rtn(w, shape));
});

Deno.test("rtn: refuses what it cannot quantize", () => {
  const shape = { n: 1, k: 8, group: 8 };
  const bad = (values: number[], more = {}) => () =>
    rtn(Float32Array.from(values), { ...shape, ...more });
  assertThrows(bad([1, 2, NaN, 4, 5, 6, 7, 8]), ArgumentError, "NaN");
  assertThrows(bad([1, 2, 3, 4, 5, 6, 7, -Infinity]), ArgumentError, "-Infinity");
  assertThrows(bad(new Array(12).fill(0), { k: 12 }), ArgumentError, "a multiple of 8");
  assertThrows(bad([1, 2, 3]), ArgumentError, "whole rows of 8");
  assertThrows(bad(new Array(16).fill(0)), ArgumentError, "at most 1");
  assertThrows(bad(new Array(8).fill(0), { n: 2 }), ArgumentError, "1 rows, expected 2");
  assertThrows(() => findQuantizer("w3"), ArgumentError, "w4a16-g128");
});
