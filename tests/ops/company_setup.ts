/**
 * Rotations and attentions of sequences side by side, each with caches of its own, one behind the other.
 *
 * @module
 */
import { Graph, rows, type Tensor } from "../../src/device/mod.ts";
import { attention, attentionBytes, fill, ropeKv } from "../../src/ops/mod.ts";
import { Random } from "../random.ts";
import type { Activation, Rig } from "../rig.ts";
import { product, type Scheme } from "./product.ts";
import type { RowOptions } from "./row_options.ts";

/** Heads, kv heads, and their width. */
export type Shape = readonly [heads: number, kvHeads: number, headDim: number];

/** What rows of sequences vary. */
export interface Options extends Omit<RowOptions, "mask"> {
  /** Rows of each sequence, 1 where absent. */
  readonly m?: number;
  /** What rows see behind the length: words that they share out among themselves, or the trees of proposals. */
  readonly mask?: readonly bigint[] | "trees";
  /** Of a row, 1 where absent. */
  readonly maskWords?: number;
  /** What rows come from; written by the host where absent. */
  readonly from?: Scheme;
}

/** Sequences of one shape, whose ops come one behind the other. */
export interface Group {
  readonly shape: Shape;
  readonly lengths: readonly number[];
  readonly options: Options;
}

/** A sequence: its caches, how long it is, and its rows. */
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
export type Apart = "never" | "once" | "always" | "captured";

/** Numbers of which caches are made: as many normal ones each would take long. */
const POOL = new Random(1).normals(100_003);

/** `count` of them. */
function pooled(random: Random, count: number): Float64Array {
  const from = random.integer(POOL.length);
  return Float64Array.from({ length: count }, (_, i) => POOL[(from + i) % POOL.length]);
}

/** For each row of a tree its ancestors and itself, as bits. */
function treeWords(random: Random, m: number): bigint[] {
  const words = [1n];
  for (let i = 1; i < m; i++) words.push(words[random.integer(i)] | 1n << BigInt(i));
  return words;
}

/** Puts what a group's ops work on there; gives what queues the ops, and what they then have written. */
function prepare(rig: Rig, dtype: Activation, { shape, lengths, options }: Group) {
  const { device } = rig;
  const [heads, kvHeads, headDim] = shape;
  const { slotOffset = 0, window, mask, scale = 1 / Math.sqrt(headDim), dressed, from } = options;
  const { m = 1, maskWords = 1 } = options;
  const count = lengths.length, n = (heads + 2 * kvHeads) * headDim;
  const random = new Random(n + count);
  const qkv = rig.output(dtype, [count * m, n]).set(random.normals(count * m * n));
  const out = rig.output(dtype, [count * m, heads * headDim]);
  const norm = () => dressed ? rig.put(dtype, [headDim], random.normals(headDim)) : undefined;
  const [qNorm, kNorm] = [norm(), norm()];
  const positions = Math.max(...lengths) + 80;
  const table = rig.put("f32", [positions, headDim], pooled(random, positions * headDim));
  const wordsOf = (i: number): bigint[] | undefined =>
    mask === "trees"
      ? treeWords(random, m)
      : mask && Array.from({ length: m * maskWords }, (_, at) => mask[(i * m + at) % mask.length]);
  const sequences = lengths.map((length, i): Sequence => {
    // Caches of one capacity and of another.
    const slots = length + 70 + i % 2;
    const cache = () =>
      rig.output(dtype, [slots, kvHeads, headDim]).set(pooled(random, slots * kvHeads * headDim));
    const words = wordsOf(i);
    return {
      qkv: rows(qkv.tensor, i * m, (i + 1) * m),
      out: rows(out.tensor, i * m, (i + 1) * m),
      keys: cache().tensor,
      values: cache().tensor,
      cacheLength: rig.counter(length),
      depths: rig.put("i32", [m], Array.from({ length: m }, (_, row) => (i + 3 + 5 * row) % 60)),
      mask: words && rig.put("u64", [m, maskWords], BigUint64Array.from(words)),
    };
  });
  const slots = Math.max(...sequences.map(({ keys }) => keys.shape[0]));
  const workspace = rig.arena.allocate("u8", [
    Math.max(1, attentionBytes(device, { m, heads, kvHeads, headDim, slots })),
  ]);
  const other = rig.output("f16", [8]);
  const k = 512;
  const x = rig.put(dtype, [count * m, k], random.normals(count * m * k));
  const multiply = from && product(rig, from, dtype, n, k);
  const queue = (apart: Apart) => {
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
  const written = () => [
    ...[qkv.bytes(), out.bytes()],
    ...sequences.flatMap(({ keys, values }) => [device.download(keys), device.download(values)]),
  ];
  return { queue, written };
}

/** Queues all ops of all groups, and gives all that they write. */
export function run(
  rig: Rig,
  dtype: Activation,
  groups: readonly Group[],
  apart: Apart,
): Uint8Array[] {
  const { device } = rig;
  const prepared = groups.map((group) => prepare(rig, dtype, group));
  const queue = () => prepared.forEach((one) => one.queue(apart));
  if (apart === "captured") {
    using graph = Graph.capture(device, queue);
    graph.launch();
    device.synchronize();
  } else {
    queue();
  }
  return prepared.flatMap((one) => one.written());
}
