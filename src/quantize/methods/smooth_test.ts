import { assert, assertEquals } from "@std/assert";
import { Random } from "../../../tests/random.ts";
import { findQuantizer } from "../quantizers/registry.ts";
import { smoothingFactors } from "./smooth.ts";

function problem(outlier: number) {
  const k = 64;
  const random = new Random(3);
  const sample = Float32Array.from(
    random.normals(32 * k),
    (value, at) => value * (at % k === 5 ? outlier : 1),
  );
  const absmax = new Float32Array(k);
  const squares = new Float32Array(k);
  sample.forEach((value, at) => {
    absmax[at % k] = Math.max(absmax[at % k], Math.abs(value));
    squares[at % k] += value * value / 32;
  });
  const weights = [Float32Array.from(random.normals(48 * k, 0.05))];
  return { k, weights, absmax, squares, sample };
}

Deno.test("smooth: an input with outliers shrinks, for 8-bit activations", () => {
  for (const scheme of ["w8a8", "w4a8-qqq"]) {
    const factors = smoothingFactors(problem(60), findQuantizer(scheme));
    const others = factors.filter((_, j) => j !== 5);
    assert(factors[5] > 2 * Math.max(...others), `${scheme}: ${factors[5]}`);
  }
});

Deno.test("smooth: inputs that share a factor get the same, dead ones 1", () => {
  const base = problem(60);
  base.absmax[9] = 0;
  const shared = Int32Array.from({ length: 64 }, (_, j) => j % 32);
  const factors = smoothingFactors({ ...base, shared }, findQuantizer("w8a8"));
  for (let j = 0; j < 32; j++) assertEquals(factors[j], factors[j + 32]);
  assertEquals(smoothingFactors(base, findQuantizer("w8a8"))[9], 1);
});
