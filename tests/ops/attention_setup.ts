/**
 * Attention over caches of values, and what it should give.
 *
 * @module
 */
import { attention, attentionBytes } from "../../src/ops/mod.ts";
import { Random } from "../random.ts";
import { attend } from "../reference/ops.ts";
import { type Activation, assertClose, type Rig, rowOf } from "../rig.ts";
import { putCache } from "./eight_bits.ts";

/** A cache, its slots, and queries. */
export interface Setup {
  readonly dtype: Activation;
  readonly m: number;
  readonly heads: number;
  readonly kvHeads: number;
  readonly headDim: number;
  readonly slots: number;
  readonly length: number;
  /** Keys and values in 8 bits; as activations are where absent. */
  readonly cache?: "i8";
}

/** Values of the setup: qkv [m, ...], and keys and values of each slot. */
export interface Values {
  /** [m, (heads + 2 kvHeads) headDim]. */
  readonly qkv: Float64Array;
  /** [slots, kvHeads, headDim]. */
  readonly k: Float64Array;
  /** Likewise. */
  readonly v: Float64Array;
}

/** Which pairs rows see, and the scale. */
export interface Options {
  readonly mask?: readonly bigint[][];
  readonly slotOffset?: number;
  readonly window?: number;
  /** 1 / sqrt(headDim) where absent. */
  readonly scale?: number;
}

/** Random values. */
export function values({ m, heads, kvHeads, headDim, slots }: Setup, seed: number): Values {
  const random = new Random(seed);
  return {
    qkv: random.normals(m * (heads + 2 * kvHeads) * headDim),
    k: random.normals(slots * kvHeads * headDim),
    v: random.normals(slots * kvHeads * headDim),
  };
}

/** The values of the last setup: what is checked next is often the same with other options. */
let last: { readonly key: string; readonly given: Values } | undefined;

/** Random values that are only read. */
function sharedValues(setup: Setup, seed: number): Values {
  const { m, heads, kvHeads, headDim, slots } = setup;
  const key = [m, heads, kvHeads, headDim, slots, seed].join();
  if (last?.key !== key) last = { key, given: values(setup, seed) };
  return last.given;
}

/** Runs attention on values of the setup; its output, and the values as qkv and the caches hold them. */
export function run(rig: Rig, setup: Setup, given: Values, options: Options) {
  const { dtype, m, heads, kvHeads, headDim, slots, length, cache } = setup;
  const qkv = rig.put(dtype, [m, (heads + 2 * kvHeads) * headDim], given.qkv);
  const [keys, held] = [given.k, given.v].map((pairs) => putCache(rig, setup, pairs));
  const size = { m, heads, kvHeads, headDim, slots, cache };
  const bytes = attentionBytes(rig.device, size);
  const { mask, slotOffset, window, scale = 1 / Math.sqrt(headDim) } = options;
  const out = rig.output(dtype, [m, heads * headDim]);
  attention(rig.device, out.tensor, qkv, {
    kCache: keys.tensor,
    vCache: held.tensor,
    cacheLength: rig.counter(length),
    mask: mask && rig.put("u64", [m, mask[0].length], mask.flat()),
    slotOffset,
    window,
    scale,
    heads,
    kvHeads,
    headDim,
    workspace: bytes === 0 ? undefined : rig.arena.allocate("u8", [bytes]),
  });
  return { out, qkv: rig.get(qkv), k: keys.values, v: held.values };
}

/** The ordered slots that row i attends to. */
function slotsOf(i: number, length: number, { mask, slotOffset = 0, window = 0 }: Options) {
  const slots = Array.from({ length }, (_, slot) => slot);
  if (mask === undefined) {
    for (let j = 0; j <= slotOffset + i; j++) slots.push(length + j);
  } else {
    mask[i].forEach((word, w) => {
      for (let bit = 0; bit < 64; bit++) {
        if (word >> BigInt(bit) & 1n) slots.push(length + 64 * w + bit);
      }
    });
  }
  return window > 0 ? slots.slice(-window) : slots;
}

/** What attention over the values that memory holds should give, [m, heads, headDim]. */
function expectedOf(
  { m, heads, kvHeads, headDim, length, slots: all }: Setup,
  { qkv, k, v }: Values,
  options: Options,
): Float64Array {
  const expected = new Float64Array(m * heads * headDim);
  const pairs = Array.from({ length: all * kvHeads }, (_, pair) => pair);
  const [keys, cached] = [k, v].map((cache) => pairs.map((pair) => rowOf(cache, pair, headDim)));
  for (let i = 0; i < m; i++) {
    const slots = slotsOf(i, length, options);
    for (let h = 0; h < heads; h++) {
      const kv = Math.floor(h / (heads / kvHeads));
      const q = rowOf(rowOf(qkv, i, (heads + 2 * kvHeads) * headDim), h, headDim);
      const of = (cache: readonly Float64Array[]) =>
        slots.map((slot) => cache[slot * kvHeads + kv]);
      const head = attend(q, of(keys), of(cached), options.scale ?? 1 / Math.sqrt(headDim));
      expected.set(head, (i * heads + h) * headDim);
    }
  }
  return expected;
}

/** What was expected of one backend, for the next. */
const EXPECTED = new Map<string, Float64Array>();

/** Fails where attention over random values is not what it should be. */
export function check(rig: Rig, setup: Setup, options: Options, what: string): void {
  const { out, ...held } = run(rig, setup, sharedValues(setup, setup.m + setup.length), options);
  const key = JSON.stringify(
    [setup, options],
    (_, value) => typeof value === "bigint" ? `${value}` : value,
  );
  let expected = EXPECTED.get(key);
  if (expected === undefined) EXPECTED.set(key, expected = expectedOf(setup, held, options));
  assertClose(out.values(), expected, setup.dtype, what);
}

/** Masks of a random tree: a row's ancestors and itself. */
export function treeMask(m: number, words: number, seed: number): bigint[][] {
  const random = new Random(seed);
  const masks: bigint[] = [];
  for (let i = 0; i < m; i++) masks.push((i ? masks[random.integer(i)] : 0n) | 1n << BigInt(i));
  return masks.map((mask) =>
    Array.from({ length: words }, (_, w) => BigInt.asUintN(64, mask >> BigInt(64 * w)))
  );
}
