/**
 * Four-bit products right behind the ops that write their rows: on CUDA these leave sums of more than eight rows, which
 * the product reads. It gives the bits that it gives where other calls come between.
 */
import { assertEquals } from "@std/assert";
import { rows, type Tensor } from "../../src/device/mod.ts";
import {
  attention,
  attentionBytes,
  copy,
  gemmW4A16,
  type ProductOptions,
  rmsNorm,
  siluMul,
  w4a16Bytes,
  w4a16Pack,
} from "../../src/ops/mod.ts";
import { backendTest } from "../backends.ts";
import { Random } from "../random.ts";
import type { Rig } from "../rig.ts";

const GROUP = 128;
/** The twin has no sums to leave. */
const rowCounts = (rig: Rig) => rig.device.backend === "cpu" ? [9] : [1, 8, 9, 16, 17, 30, 33, 64];

/** A product with a weight of any bits. */
function product(rig: Rig, n: number, k: number) {
  const words = Int32Array.from({ length: k / 8 * n }, (_, i) => Math.imul(i + 1, 0x9e3779b1));
  const scales = new Random(n + k).normals(k / GROUP * n, 0.1 / Math.sqrt(k));
  const w = rig.output("u8", [w4a16Bytes(rig.device, n, k, GROUP)]).tensor;
  w4a16Pack(rig.device, w, {
    ...{ n, k, group: GROUP, nTotal: n, nOffset: 0 },
    qweight: rig.put("i32", [k / 8, n], words),
    scales: rig.put("f16", [k / GROUP, n], scales),
  });
  return (y: Tensor, x: Tensor, options: ProductOptions = {}) =>
    gemmW4A16(rig.device, y, x, w, { n, k, group: GROUP, ...options });
}

/** Compares a product right behind what writes its rows [m, k] with one behind a wait. */
function check(rig: Rig, k: number, make: (m: number) => (x: Tensor) => void): void {
  const n = 300;
  const run = product(rig, n, k);
  const ask = (x: Tensor) => {
    const y = rig.output("f16", [x.shape[0], n]);
    run(y.tensor, x);
    return y.bytes();
  };
  ask(rig.put("f16", [9, k], new Random(3).normals(9 * k))); // from here on sums are left
  for (const m of rowCounts(rig)) {
    const write = make(m);
    const [behind, apart] = [false, true].map((wait) => {
      const x = rig.output("f16", [m, k]);
      write(x.tensor);
      if (wait) rig.device.synchronize();
      return ask(x.tensor);
    });
    assertEquals(behind, apart, `${m} rows of ${k} inputs`);
  }
}

const stream = (rig: Rig, m: number, n: number) =>
  rig.put("f32", [m, n], new Random(m + n).normals(m * n, 3).map(Math.fround));
const weightOf = (rig: Rig, n: number) => rig.put("f16", [n], new Random(n).normals(n));

backendTest("a four-bit product behind rmsNorm", (rig) => {
  for (const k of [128, 640, 4096, 9216]) {
    const weight = weightOf(rig, k);
    check(rig, k, (m) => {
      const from = stream(rig, m, k);
      return (x) => rmsNorm(rig.device, x, from, weight, 1e-5);
    });
  }
});

backendTest("a four-bit product behind rmsNorm behind a product", (rig) => {
  for (const k of [512, 2048]) {
    const weight = weightOf(rig, k);
    const before = product(rig, k, 512);
    check(rig, k, (m) => {
      const input = rig.put("f16", [m, 512], new Random(m).normals(m * 512));
      return (x) => {
        const y = stream(rig, m, k);
        before(y, input, { epilogue: "residual" });
        rmsNorm(rig.device, x, y, weight, 1e-5);
      };
    });
  }
});

backendTest("a four-bit product behind siluMul behind a product", (rig) => {
  for (const k of [256, 1280]) {
    const before = product(rig, 2 * k, 1024);
    check(rig, k, (m) => {
      const input = rig.put("f16", [m, 1024], new Random(m).normals(m * 1024, 3));
      const y = rig.output("f16", [m, 2 * k]);
      return (x) => {
        before(y.tensor, input);
        siluMul(rig.device, x, y.tensor);
      };
    });
  }
});

backendTest("a four-bit product behind attention", (rig) => {
  const { device } = rig;
  for (const [heads, kvHeads, headDim] of [[8, 2, 64], [4, 1, 128], [3, 3, 128], [16, 2, 80]]) {
    const slots = 200, cacheLength = rig.counter(90), half = kvHeads * headDim;
    const cache = (seed: number) =>
      rig.put("f16", [slots, kvHeads, headDim], new Random(seed).normals(slots * half));
    const [kCache, vCache] = [cache(1), cache(2)];
    check(rig, heads * headDim, (m) => {
      const width = (heads + 2 * kvHeads) * headDim;
      const qkv = rig.put("f16", [m, width], new Random(m).normals(m * width));
      const bytes = attentionBytes(device, { m, heads, kvHeads, headDim, slots });
      const workspace = rig.output("u8", [Math.max(16, bytes)]).tensor;
      const scale = 1 / Math.sqrt(headDim);
      const options = { kCache, vCache, cacheLength, heads, kvHeads, headDim, scale, workspace };
      return (x) => attention(device, x, qkv, options);
    });
  }
});

backendTest("a four-bit product behind rows that are written again, or fewer of them", (rig) => {
  const [m, n, k] = [20, 40, 1024];
  const run = product(rig, n, k);
  const weight = weightOf(rig, k), from = stream(rig, m, k);
  const other = rig.put("f16", [m, k], new Random(5).normals(m * k));
  const ask = (x: Tensor) => {
    const y = rig.output("f16", [x.shape[0], n]);
    run(y.tensor, x);
    return y.bytes();
  };
  const expected = ask(other);
  const x = rig.output("f16", [m, k]).tensor;
  rmsNorm(rig.device, x, from, weight, 1e-5);
  copy(rig.device, x, other);
  assertEquals(ask(x), expected, "written again");
  rmsNorm(rig.device, x, from, weight, 1e-5);
  const all = ask(x);
  rmsNorm(rig.device, x, from, weight, 1e-5);
  const some = ask(rows(x, 0, 12));
  assertEquals(some, all.subarray(0, some.length), "fewer");
});
