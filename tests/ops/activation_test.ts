import { assertEquals, assertThrows } from "@std/assert";
import { ArgumentError } from "../../src/base/errors.ts";
import { rows } from "../../src/device/mod.ts";
import { siluMul } from "../../src/ops/mod.ts";
import { backendTest } from "../backends.ts";
import { Random } from "../random.ts";
import { siluMul as reference } from "../reference/ops.ts";
import { assertClose } from "../rig.ts";

for (const dtype of ["f16", "bf16"] as const) {
  backendTest(`siluMul ${dtype} gates, also far from zero`, (rig) => {
    for (const [m, n] of [[1, 8], [2, 24], [7, 1016], [65, 33], [3, 1000]]) {
      const x = rig.put(dtype, [m, 2 * n], new Random(n).normals(2 * m * n, n === 24 ? 40 : 2));
      const out = rig.output(dtype, [m, n]);
      siluMul(rig.device, out.tensor, x);
      const from = rig.get(x);
      const expected = Float64Array.from({ length: m * n }, (_, i) => {
        const at = Math.floor(i / n) * 2 * n + i % n;
        return reference(from[at], from[at + n]);
      });
      assertClose(out.values(), expected, dtype, `m ${m}, n ${n}`);
    }
  });

  backendTest(`siluMul ${dtype} gives a row the same bits among any number of rows`, (rig) => {
    const n = 77;
    const x = rig.put(dtype, [60, 2 * n], new Random(n).normals(120 * n));
    const all = rig.output(dtype, [60, n]);
    siluMul(rig.device, all.tensor, x);
    for (const [start, m] of [[59, 1], [5, 2], [3, 7], [11, 10], [30, 30]]) {
      const part = rig.output(dtype, [m, n]);
      siluMul(rig.device, part.tensor, rows(x, start, start + m));
      assertEquals(part.bytes(), all.bytes().slice(start * n * 2, (start + m) * n * 2));
    }
  });
}

backendTest("siluMul refuses what does not fit, naming the argument", (rig) => {
  const x = rig.put("f16", [2, 16], new Float32Array(32));
  assertThrows(
    () => siluMul(rig.device, rows(x, 0, 1), x),
    ArgumentError,
    "Cannot run siluMul: x has shape [2, 16], expected [1, 32]",
  );
});
