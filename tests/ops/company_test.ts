/**
 * Rotations and attentions of one row each of several sequences: on CUDA those that come one behind the other are one
 * launch. They give the bits that each gives by itself, and so does what comes between them.
 */
import { assertEquals } from "@std/assert";
import { Graph, rows, type Tensor } from "../../src/device/mod.ts";
import { attention, attentionBytes, fill, ropeKv } from "../../src/ops/mod.ts";
import { backendTest } from "../backends.ts";
import { Random } from "../random.ts";
import type { Activation, Rig } from "../rig.ts";
import { product, type Scheme } from "./product.ts";
import type { RowOptions } from "./row_options.ts";

/** Heads, kv heads, and their width. */
type Shape = readonly [heads: number, kvHeads: number, headDim: number];

interface Options extends RowOptions {
  /** What rows come from; written by the host where absent. Rows share out the mask's words among themselves. */
  readonly from?: Scheme;
}

const OPTIONS: readonly Options[] = [
  {},
  { slotOffset: 2, dressed: true },
  { slotOffset: 1, mask: [0b101n, 0b11n, 0b10n], scale: -0.2 },
  { window: 70 },
  { from: "f16", slotOffset: 1 },
  { from: "w4a16", dressed: true },
];

/** A sequence: its caches, how long it is, and its row. */
interface Sequence {
  readonly qkv: Tensor;
  readonly out: Tensor;
  readonly keys: Tensor;
  readonly values: Tensor;
  readonly cacheLength: Tensor<"i32">;
  readonly depths: Tensor<"i32">;
  readonly mask?: Tensor<"u64">;
}

/** What is between the ops of one sequence and the next: nothing; the end of all that was queued, once or always. */
type Apart = "never" | "once" | "always" | "captured";

/** Queues all ops, and gives all that they write. */
function run(
  rig: Rig,
  dtype: Activation,
  [heads, kvHeads, headDim]: Shape,
  lengths: readonly number[],
  options: Options,
  apart: Apart,
): Uint8Array[] {
  const { device } = rig;
  const { slotOffset = 0, window, mask, scale = 1 / Math.sqrt(headDim), dressed, from } = options;
  const count = lengths.length, n = (heads + 2 * kvHeads) * headDim;
  const random = new Random(n + count);
  const qkv = rig.output(dtype, [count, n]).set(random.normals(count * n));
  const out = rig.output(dtype, [count, heads * headDim]);
  const norm = () => dressed ? rig.put(dtype, [headDim], random.normals(headDim)) : undefined;
  const [qNorm, kNorm] = [norm(), norm()];
  const positions = Math.max(...lengths) + 80;
  const table = rig.put("f32", [positions, headDim], random.normals(positions * headDim));
  const sequences = lengths.map((length, i): Sequence => {
    // Caches of one capacity and of another.
    const slots = length + 70 + i % 2;
    const cache = () =>
      rig.output(dtype, [slots, kvHeads, headDim]).set(random.normals(slots * kvHeads * headDim));
    return {
      qkv: rows(qkv.tensor, i, i + 1),
      out: rows(out.tensor, i, i + 1),
      keys: cache().tensor,
      values: cache().tensor,
      cacheLength: rig.counter(length),
      depths: rig.put("i32", [1], [i + 3]),
      mask: mask && rig.put("u64", [1, 1], BigUint64Array.of(mask[i % mask.length])),
    };
  });
  const slots = Math.max(...sequences.map(({ keys }) => keys.shape[0]));
  const workspace = rig.arena.allocate("u8", [
    Math.max(1, attentionBytes(device, { m: 1, heads, kvHeads, headDim, slots })),
  ]);
  const other = rig.output("f16", [8]);
  const k = 512;
  const x = rig.put(dtype, [count, k], random.normals(count * k));
  const multiply = from && product(rig, from, dtype, n, k);
  const queue = () => {
    multiply?.(qkv.tensor, x);
    if (apart === "always") device.synchronize();
    sequences.forEach((sequence, i) => {
      const { keys: kCache, values: vCache, cacheLength, depths } = sequence;
      const shared = { kCache, vCache, cacheLength, slotOffset, heads, kvHeads, headDim };
      ropeKv(device, sequence.qkv, {
        ...{ ...shared, table, eps: 1e-5, qNorm, kNorm },
        ...(dressed && { depths }),
      });
      if (apart === "always") device.synchronize();
      attention(device, sequence.out, sequence.qkv, {
        ...{ ...shared, mask: sequence.mask, window, scale, workspace },
      });
      if (apart === "always") device.synchronize();
      if (apart === "once" && i === count >> 1) fill(device, other.tensor, 0);
    });
  };
  if (apart === "captured") {
    using graph = Graph.capture(device, queue);
    graph.launch();
    device.synchronize();
  } else {
    queue();
  }
  return [
    ...[qkv.bytes(), out.bytes()],
    ...sequences.flatMap(({ keys, values }) => [device.download(keys), device.download(values)]),
  ];
}

function check(
  rig: Rig,
  dtype: Activation,
  shape: Shape,
  lengths: readonly number[],
  options: readonly Options[] = OPTIONS,
): void {
  for (const one of options) {
    const alone = run(rig, dtype, shape, lengths, one, "always");
    for (const apart of ["never", "once", "captured"] as const) {
      const { mask, ...rest } = one;
      const what = `${shape.join(" ")}, lengths ${lengths.join(" ")}, apart ${apart}`;
      assertEquals(
        run(rig, dtype, shape, lengths, one, apart),
        alone,
        `${what}: ${JSON.stringify({ ...rest, mask: mask?.map(String) })}`,
      );
    }
  }
}

for (const dtype of ["f16", "bf16"] as const) {
  backendTest(`rows of sequences side by side: ${dtype}`, (rig) => {
    check(rig, dtype, [4, 2, 64], [0, 63, 64, 130, 1]);
    check(rig, dtype, [8, 1, 128], [65, 5]);
  });
  backendTest(`rows of sequences side by side, of real sizes: ${dtype}`, (rig) => {
    check(rig, dtype, [32, 8, 128], [500, 3, 64, 16], [OPTIONS[0], OPTIONS[5]]);
    check(rig, dtype, [8, 2, 128], [1030, 3, 512, 2047]);
    check(rig, dtype, [28, 4, 128], [70, 1025], [OPTIONS[1]]);
    check(rig, dtype, [64, 8, 128], [5, 300, 150], [OPTIONS[2]]);
    check(rig, dtype, [16, 1, 128], [700, 191]);
    check(rig, dtype, [14, 2, 64], [1, 800, 64, 1025]);
    // As many as a launch takes, and one more.
    check(rig, dtype, [12, 12, 64], Array.from({ length: 64 }, (_, i) => 3 * i), [{}]);
    check(rig, dtype, [4, 1, 64], Array.from({ length: 65 }, (_, i) => 9 * i), [{}]);
  }, ["cuda"]);
}

backendTest("what one row writes is there for the next where both have one cache", (rig) => {
  const { device } = rig;
  const [heads, kvHeads, headDim, slots] = [4, 2, 64, 90];
  const n = (heads + 2 * kvHeads) * headDim;
  const random = new Random(5);
  const values = random.normals(3 * n), pairs = random.normals(slots * kvHeads * headDim);
  const table = rig.put("f32", [100, headDim], random.normals(100 * headDim));
  const results = [false, true].map((apart) => {
    const qkv = rig.output("f16", [3, n]).set(values);
    const out = rig.output("f16", [3, heads * headDim]);
    const [kCache, vCache] = [0, 1].map(() =>
      rig.output("f16", [slots, kvHeads, headDim]).set(pairs)
    );
    const bytes = attentionBytes(device, { m: 1, heads, kvHeads, headDim, slots });
    const workspace = rig.arena.allocate("u8", [Math.max(1, bytes)]);
    for (let i = 0; i < 3; i++) {
      const row = rows(qkv.tensor, i, i + 1);
      const shared = {
        ...{ kCache: kCache.tensor, vCache: vCache.tensor, cacheLength: rig.counter(60 + i) },
        ...{ heads, kvHeads, headDim },
      };
      ropeKv(device, row, { ...shared, table });
      if (apart) device.synchronize();
      // The second rotation has no attention behind it.
      if (i === 1) continue;
      attention(device, rows(out.tensor, i, i + 1), row, {
        ...{ ...shared, scale: 0.1, workspace },
      });
      if (apart) device.synchronize();
    }
    return [qkv.bytes(), out.bytes(true), kCache.bytes(), vCache.bytes()];
  });
  assertEquals(results[0], results[1]);
});
