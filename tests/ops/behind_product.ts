/**
 * Rows behind a product: on CUDA their rotation and their attention may be one kernel, which adds up what the product has
 * left. The ops give the bits that they give one by one.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { Graph, rows } from "../../src/device/mod.ts";
import { attention, attentionBytes, fill, ropeKv } from "../../src/ops/mod.ts";
import { Random } from "../random.ts";
import type { Activation, Rig } from "../rig.ts";
import { product, type Scheme } from "./product.ts";
import type { RowOptions } from "./row_options.ts";

/** Heads, kv heads, their width, and the product's inputs. */
export type Shape = readonly [heads: number, kvHeads: number, headDim: number, k: number];

/** What a check is given. */
export interface Behind {
  /** The product's scheme. */
  readonly scheme: Scheme;
  /** Of rows and caches. */
  readonly dtype: Activation;
  /** Of the model. */
  readonly shape: Shape;
  /** Rows of the forward. */
  readonly m: number;
  /** Committed tokens, one case each; caches have room for the longest. */
  readonly lengths: readonly number[];
  /** One case each; a mask has the words of all rows. */
  readonly options: readonly RowOptions[];
}

/** Runs the three ops in one graph, and apart from each other, and compares all that they write. */
export function checkBehind(
  rig: Rig,
  { scheme, dtype, shape, m, lengths, options: all }: Behind,
): void {
  const { device } = rig;
  const [heads, kvHeads, headDim, k] = shape;
  const n = (heads + 2 * kvHeads) * headDim, slots = Math.max(...lengths) + 69 + m;
  const run = product(rig, scheme, dtype, n, k);
  const random = new Random(n);
  const of = (count: number) => rig.put(dtype, [count], random.normals(count));
  const [bias, qNorm, kNorm] = [of(n), of(headDim), of(headDim)];
  const x = rig.put(dtype, [m, k], random.normals(m * k));
  const table = rig.put("f32", [slots, headDim], random.normals(slots * headDim));
  const depths = rig.put("i32", [m], Int32Array.from({ length: m }, (_, i) => (7 + 5 * i) % 11));
  const pairs = random.normals(slots * kvHeads * headDim);
  const [kCache, vCache] = [pairs, pairs.toReversed()].map((values) =>
    rig.put(dtype, [slots, kvHeads, headDim], values)
  );
  const workspace = rig.arena.allocate("u8", [
    Math.max(1, attentionBytes(device, { m, heads, kvHeads, headDim, slots })),
  ]);
  const cacheLength = rig.counter(0);
  for (const options of all) {
    const { slotOffset = 0, window, mask, scale = 1 / Math.sqrt(headDim), dressed } = options;
    const shared = { kCache, vCache, cacheLength, slotOffset, heads, kvHeads, headDim };
    const bits = mask && rig.put("u64", [m, mask.length / m], BigUint64Array.from(mask));
    for (const length of lengths) {
      rig.setCounter(cacheLength, length);
      const slot = length + slotOffset;
      const results = [-1, 0, 1].map((apart) => {
        const y = rig.output(dtype, [m, n]);
        const out = rig.output(dtype, [m, heads * headDim]);
        const written = [kCache, vCache].map((cache) => rows(cache, slot, slot + m));
        for (const pair of written) fill(device, pair, 0xff);
        const steps = [
          () => run(y.tensor, x, dressed ? bias : undefined),
          () =>
            ropeKv(device, y.tensor, {
              ...{ ...shared, table, eps: 1e-5 },
              ...(dressed ? { qNorm, kNorm, depths } : {}),
            }),
          () =>
            attention(device, out.tensor, y.tensor, {
              ...{ ...shared, mask: bits, window, scale, workspace },
            }),
        ];
        if (apart < 0) {
          using graph = Graph.capture(device, () => steps.forEach((step) => step()));
          graph.launch();
          device.synchronize();
        } else {
          steps.forEach((step, i) => {
            step();
            if (i === apart) device.synchronize();
          });
        }
        return [y.bytes(), ...written.map((pair) => device.download(pair)), out.bytes()];
      });
      const what =
        `${scheme}, ${m} rows, heads ${heads}/${kvHeads} x ${headDim}, length ${length}, ${
          JSON.stringify({ ...options, mask: mask?.map(String) })
        }`;
      assertEquals(results[0], results[1], `${what}: all at once, and the product apart`);
      assertEquals(results[0], results[2], `${what}: all at once, and attention apart`);
    }
  }
}
