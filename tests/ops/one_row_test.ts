/** One row behind a product, and beside another one. */
import { assertEquals } from "@std/assert";
import { rows } from "../../src/device/mod.ts";
import { attention, attentionBytes, ropeKv, siluMul } from "../../src/ops/mod.ts";
import { backendTest } from "../backends.ts";
import { Random } from "../random.ts";
import type { Activation, Rig } from "../rig.ts";
import { checkBehind, type Shape } from "./behind_product.ts";
import { product, type Scheme } from "./product.ts";
import type { RowOptions } from "./row_options.ts";

const OPTIONS: readonly RowOptions[] = [
  {},
  { slotOffset: 3, dressed: true },
  { slotOffset: 2, mask: [0b101n], scale: -0.2 },
  { slotOffset: 1, mask: [0b101n] }, // a row that does not see itself
  { slotOffset: 66, mask: [1n << 63n, 0b100n] },
  { window: 70 },
  { slotOffset: 1, window: 1, dressed: true },
];

/** One case for each of the lengths and options. */
function check(
  rig: Rig,
  scheme: Scheme,
  dtype: Activation,
  shape: Shape,
  lengths: readonly number[],
): void {
  checkBehind(rig, { scheme, dtype, shape, m: 1, lengths, options: OPTIONS });
}

/** Around the ends of chunks and of spans, in caches of up to 1,024 slots, which clusters of sixteen blocks serve. */
const SHORT = [0, 1, 62, 63, 64, 127, 500, 512, 900, 950];

/** The same in caches that other kernels serve. */
const LONG = [63, 1023, 1024, 2040, 2500];

for (const scheme of ["f16", "w4a16"] as const) {
  for (const dtype of ["f16", "bf16"] as const) {
    backendTest(`one row behind a product, rotated and attended: ${scheme}, ${dtype}`, (rig) => {
      const lengths = rig.device.backend === "cpu" ? [0, 63, 130] : SHORT;
      check(rig, scheme, dtype, [6, 2, 64, 512], lengths);
      check(rig, scheme, dtype, [4, 1, 128, 384], lengths);
    });
    backendTest(`one row behind a product of a real size: ${scheme}, ${dtype}`, (rig) => {
      for (const lengths of [SHORT, LONG]) {
        check(rig, scheme, dtype, [32, 8, 64, 2048], lengths);
        check(rig, scheme, dtype, [32, 8, 128, 1024], lengths);
      }
      check(rig, scheme, dtype, [64, 8, 128, 512], [0, 300, 950]);
      check(rig, scheme, dtype, [28, 4, 128, 512], [5, 900]);
      check(rig, scheme, dtype, [14, 2, 64, 896], [64, 800]);
      check(rig, scheme, dtype, [16, 1, 128, 512], [191, 700]);
      // Clusters of eight, of four, and of two blocks.
      check(rig, scheme, dtype, [12, 12, 64, 768], [10, 440]);
      check(rig, scheme, dtype, [32, 32, 128, 512], [65, 180]);
      check(rig, scheme, dtype, [40, 40, 64, 512], [9, 50]);
    }, ["cuda"]);
  }

  backendTest(`what a product and a rotation leave is there for any other op: ${scheme}`, (rig) => {
    const [heads, kvHeads, headDim, k] = [8, 2, 64, 1024];
    const { device } = rig;
    const n = (heads + 2 * kvHeads) * headDim;
    const run = product(rig, scheme, "f16", n, k);
    const random = new Random(3);
    const x = rig.put("f16", [1, k], random.normals(k));
    const table = rig.put("f32", [90, headDim], random.normals(90 * headDim));
    const results = [false, true].map((apart) => {
      const y = rig.output("f16", [1, n]);
      const [kCache, vCache] = [0, 1].map(() => rig.output("f16", [80, kvHeads, headDim]));
      const other = rig.output("f16", [1, n / 2]);
      run(y.tensor, x);
      if (apart) device.synchronize();
      ropeKv(device, y.tensor, {
        ...{ table, cacheLength: rig.counter(70), heads, kvHeads, headDim },
        ...{ kCache: kCache.tensor, vCache: vCache.tensor },
      });
      if (apart) device.synchronize();
      siluMul(device, other.tensor, y.tensor);
      return [y.bytes(), other.bytes(), kCache.bytes(true), vCache.bytes(true)];
    });
    assertEquals(results[0], results[1]);
  });
}

for (const dtype of ["f16", "bf16"] as const) {
  backendTest(`attention ${dtype} gives a row alone the bits that it has beside another`, (rig) => {
    const { device } = rig;
    const cpu = device.backend === "cpu";
    for (
      const [heads, kvHeads, headDim] of [[4, 2, 64], [8, 1, 128], [32, 8, 128], [12, 12, 64]]
    ) {
      if (cpu && heads > 8) continue;
      // Clusters of eight serve caches of 512 slots, those of sixteen twice as many.
      const lengths = cpu ? [0, 63, 130] : kvHeads > 8 ? [0, 63, 64, 440] : SHORT;
      const slots = Math.max(...lengths) + 70, n = (heads + 2 * kvHeads) * headDim;
      const random = new Random(heads);
      const qkv = rig.put(dtype, [2, n], random.normals(2 * n));
      const pairs = random.normals(slots * kvHeads * headDim);
      const [kCache, vCache] = [pairs, pairs.toReversed()].map((values) =>
        rig.put(dtype, [slots, kvHeads, headDim], values)
      );
      const cacheLength = rig.counter(0);
      const attend = (m: number, options: RowOptions, mask?: readonly bigint[]) => {
        const out = rig.output(dtype, [m, heads * headDim]);
        const bytes = attentionBytes(device, { m, heads, kvHeads, headDim, slots });
        attention(device, out.tensor, rows(qkv, 0, m), {
          ...{ kCache, vCache, cacheLength, heads, kvHeads, headDim },
          ...{ slotOffset: options.slotOffset, window: options.window },
          mask: mask && rig.put("u64", [m, mask.length / m], BigUint64Array.from(mask)),
          scale: options.scale ?? 1 / Math.sqrt(headDim),
          workspace: rig.arena.allocate("u8", [Math.max(1, bytes)]),
        });
        return out.bytes();
      };
      for (const options of [...OPTIONS, { window: 700 }, { mask: [0n], slotOffset: 0 }]) {
        const { mask } = options;
        for (const length of lengths) {
          rig.setCounter(cacheLength, length);
          const one = attend(1, options, mask);
          const two = attend(2, options, mask && [...mask, ...mask.map((_, w) => w ? 0n : 6n)]);
          const what = `heads ${heads}/${kvHeads} x ${headDim}, length ${length}, ${
            JSON.stringify({ ...options, mask: mask?.map(String) })
          }`;
          assertEquals(one, two.subarray(0, one.length), what);
        }
      }
    }
  });
}
