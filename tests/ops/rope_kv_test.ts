import { assertEquals, assertThrows } from "@std/assert";
import { ArgumentError } from "../../src/base/errors.ts";
import { addressOf, reshape, rows, type Tensor } from "../../src/device/mod.ts";
import { cacheRow, ropeKeys, ropeKv } from "../../src/ops/mod.ts";
import { backendTest } from "../backends.ts";
import { Random } from "../random.ts";
import { rmsNorm, rotate } from "../reference/ops.ts";
import { type Activation, assertClose, type Rig, rowOf } from "../rig.ts";

const POSITIONS = 80;

function ropeTable(rig: Rig, headDim: number): Tensor<"f32"> {
  const half = headDim / 2;
  const values = Array.from({ length: POSITIONS * headDim }, (_, i) => {
    const [position, j] = [Math.floor(i / headDim), i % headDim];
    const angle = position * 1e4 ** (-(j % half) / half);
    return j < half ? Math.cos(angle) : Math.sin(angle);
  });
  return rig.put("f32", [POSITIONS, headDim], values);
}

interface Case {
  readonly m: number;
  readonly heads: number;
  readonly kvHeads: number;
  readonly headDim: number;
  readonly length: number;
  readonly positionOffset?: number;
  readonly slotOffset?: number;
  readonly tree?: boolean;
  readonly norms?: boolean;
}

const CASES: readonly Case[] = [
  { m: 1, heads: 1, kvHeads: 1, headDim: 8, length: 0 },
  { m: 2, heads: 3, kvHeads: 3, headDim: 64, length: 5 },
  { m: 7, heads: 6, kvHeads: 2, headDim: 128, length: 9, positionOffset: -3 },
  { m: 30, heads: 8, kvHeads: 2, headDim: 64, length: 3, tree: true, slotOffset: 4 },
  { m: 60, heads: 8, kvHeads: 1, headDim: 16, length: 1, norms: true },
  { m: 10, heads: 4, kvHeads: 4, headDim: 128, length: 2, norms: true, tree: true },
  { m: 5, heads: 2, kvHeads: 1, headDim: 8, length: 77 }, // past both the table and the cache
  { m: 3, heads: 2, kvHeads: 1, headDim: 8, length: 1, positionOffset: -4 }, // before the table
];

function run(rig: Rig, dtype: Activation, given: Case, part?: [number, number]) {
  const { m, heads, kvHeads, headDim, length, positionOffset = 0, slotOffset = 0 } = given;
  const [start, end] = part ?? [0, m];
  const random = new Random(m * headDim);
  const width = (heads + 2 * kvHeads) * headDim;
  const source = rig.put(dtype, [m, width], random.normals(m * width));
  const depths = Array.from({ length: m }, (_, i) => given.tree ? random.integer(6) : i);
  const norm = () => rig.put(dtype, [headDim], random.normals(headDim));
  const [qNorm, kNorm] = given.norms ? [norm(), norm()] : [undefined, undefined];
  const qkv = rig.output(dtype, [end - start, width]);
  qkv.set(rig.get(rows(source, start, end)));
  const slots = 80;
  const kCache = rig.output(dtype, [slots, kvHeads, headDim]);
  const vCache = rig.output(dtype, [slots, kvHeads, headDim]);
  const table = ropeTable(rig, headDim);
  // Rows that run alone get the position by their depth, and the slot by the offset.
  const treeDepths = given.tree || part !== undefined
    ? rig.put("i32", [end - start], depths.slice(start, end))
    : undefined;
  ropeKv(rig.device, qkv.tensor, {
    table,
    cacheLength: rig.counter(length),
    depths: treeDepths,
    positionOffset,
    slotOffset: slotOffset + start,
    qNorm,
    kNorm,
    eps: 1e-5,
    kCache: kCache.tensor,
    // Both shapes of a cache are taken.
    vCache: reshape(vCache.tensor, [slots, kvHeads * headDim]),
    heads,
    kvHeads,
    headDim,
  });
  return { source, depths, qNorm, kNorm, qkv, kCache, vCache, table, slots };
}

for (const dtype of ["f16", "bf16"] as const) {
  backendTest(`ropeKv ${dtype} rotates q in place and writes k and v to their slots`, (rig) => {
    for (const given of CASES) {
      const { m, heads, kvHeads, headDim, length, positionOffset = 0, slotOffset = 0 } = given;
      const what = JSON.stringify(given);
      const out = run(rig, dtype, given);
      const width = (heads + 2 * kvHeads) * headDim;
      const table = rig.get(out.table);
      const from = rig.get(out.source);
      const [qNorm, kNorm] = [out.qNorm, out.kNorm].map((t) => t && rig.get(t));
      const [q, k, v] = [out.qkv.values(), out.kCache.values(true), out.vCache.values(true)];
      const expectedQ: number[] = [];
      const gotQ: number[] = [];
      const expectedK: number[] = [];
      const gotK: number[] = [];
      const written = new Set<number>();
      for (let i = 0; i < m; i++) {
        const position = length + out.depths[i] + positionOffset;
        const angles = rowOf(table, Math.min(Math.max(position, 0), POSITIONS - 1), headDim);
        const head = (h: number) => rowOf(rowOf(from, i, width), h, headDim);
        const turned = (h: number, weight?: Float64Array) =>
          rotate(weight === undefined ? head(h) : rmsNorm(head(h), weight, 1e-5), angles);
        for (let h = 0; h < heads; h++) {
          expectedQ.push(...turned(h, qNorm));
          gotQ.push(...rowOf(rowOf(q, i, width), h, headDim));
        }
        const slot = length + slotOffset + i;
        if (slot < 0 || slot >= out.slots) continue;
        written.add(slot);
        for (let h = 0; h < kvHeads; h++) {
          expectedK.push(...turned(heads + h, kNorm));
          gotK.push(...rowOf(rowOf(k, slot, kvHeads * headDim), h, headDim));
          const value = rowOf(rowOf(v, slot, kvHeads * headDim), h, headDim);
          assertEquals(value.slice(), head(heads + kvHeads + h).slice(), `v of row ${i}, ${what}`);
        }
      }
      assertClose(gotQ, expectedQ, dtype, `q of ${what}`);
      assertClose(gotK, expectedK, dtype, `k of ${what}`);
      for (let slot = 0; slot < out.slots; slot++) {
        if (written.has(slot)) continue;
        for (const cache of [k, v]) {
          const row = rowOf(cache, slot, kvHeads * headDim);
          assertEquals(row.every(Number.isNaN), true, `slot ${slot} was touched, ${what}`);
        }
      }
    }
  });

  backendTest(`ropeKv ${dtype} gives a row the same bits among any number of rows`, (rig) => {
    for (const norms of [false, true]) {
      const given = { m: 60, heads: 4, kvHeads: 2, headDim: 64, length: 2, tree: true, norms };
      const all = run(rig, dtype, given);
      const width = 8 * 64 * 2;
      const cache = 2 * 64 * 2;
      for (const [start, m] of [[59, 1], [5, 2], [3, 7], [11, 10], [30, 30]]) {
        const part = run(rig, dtype, given, [start, start + m]);
        assertEquals(
          part.qkv.bytes(),
          all.qkv.bytes().slice(start * width, (start + m) * width),
          `q of rows ${start} to ${start + m}`,
        );
        for (const name of ["kCache", "vCache"] as const) {
          assertEquals(
            part[name].bytes(true).slice((2 + start) * cache, (2 + start + m) * cache),
            all[name].bytes(true).slice((2 + start) * cache, (2 + start + m) * cache),
            `${name} of rows ${start} to ${start + m}`,
          );
        }
      }
    }
  });
}

backendTest("ropeKv refuses what does not fit, naming the argument", (rig) => {
  const { device } = rig;
  const [heads, kvHeads, headDim] = [4, 2, 8];
  const qkv = rig.output("f16", [2, 64]).tensor;
  const cache = rig.output("f16", [10, 16]).tensor;
  const options = {
    table: ropeTable(rig, headDim),
    cacheLength: rig.counter(0),
    kCache: cache,
    vCache: cache,
    heads,
    kvHeads,
    headDim,
  };
  const refused: [string, () => void][] = [
    [
      "heads is 4, expected a multiple of 3 (kvHeads)",
      () => ropeKv(device, qkv, { ...options, kvHeads: 3 }),
    ],
    [
      "headDim is 7, expected an even number",
      () => ropeKv(device, qkv, { ...options, headDim: 7 }),
    ],
    [
      "qkv has shape [2, 64], expected [any, 80]",
      () => ropeKv(device, qkv, { ...options, heads: 6 }),
    ],
    [
      "vCache has shape [9, 16], expected [10, 16]",
      () => ropeKv(device, qkv, { ...options, vCache: rows(cache, 0, 9) }),
    ],
    [
      "depths has shape [1], expected [2]",
      () => ropeKv(device, qkv, { ...options, depths: rig.counter(1) }),
    ],
    [
      "kNorm has shape [10, 16], expected [8]",
      () => ropeKv(device, qkv, { ...options, kNorm: cache }),
    ],
  ];
  for (const [message, call] of refused) {
    assertThrows(call, ArgumentError, `Cannot run ropeKv: ${message}`);
  }
});

for (const dtype of ["f16", "bf16"] as const) {
  for (const cache of [dtype, "i8"] as const) {
    backendTest(
      `ropeKeys ${dtype} writes of every layer to caches in ${cache} what ropeKv writes of it`,
      (rig) => {
        for (const given of CASES) {
          const { m, kvHeads, headDim, length } = given;
          const [layers, slots, heads] = [3, 80, 2 * kvHeads];
          if (cache === "i8" && headDim % 16 !== 0) continue;
          const what = JSON.stringify(given);
          const random = new Random(m + headDim);
          const each = 2 * kvHeads * headDim;
          const values = random.normals(m * layers * each);
          const kv = rig.put(dtype, [m, layers * each], values);
          const kNorms = given.norms
            ? rig.put(dtype, [layers, headDim], random.normals(layers * headDim))
            : undefined;
          const shape = cache === "i8" ? [cacheRow(given, cache)] : [kvHeads, headDim];
          const make = () => rig.output(cache, [slots, ...shape]);
          const caches = Array.from({ length: 2 * layers }, make);
          const addresses = BigUint64Array.from(caches, ({ tensor }) => addressOf(tensor));
          const shared = {
            table: ropeTable(rig, headDim),
            cacheLength: rig.counter(length),
            eps: 1e-5,
          };
          ropeKeys(rig.device, kv, {
            ...shared,
            kNorms,
            caches: rig.put("u64", [2 * layers], addresses),
            slots,
            cache,
            kvHeads,
            headDim,
          });
          for (let layer = 0; layer < layers; layer++) {
            const wide = (heads + 2 * kvHeads) * headDim;
            const row = Array.from({ length: m }, (_, i) => {
              const from = (i * layers + layer) * each;
              return [...new Array(heads * headDim).fill(0), ...values.slice(from, from + each)];
            });
            const [kCache, vCache] = [make(), make()];
            ropeKv(rig.device, rig.put(dtype, [m, wide], row.flat()), {
              ...shared,
              kNorm: kNorms && reshape(rows(kNorms, layer, layer + 1), [headDim]),
              kCache: kCache.tensor,
              vCache: vCache.tensor,
              heads,
              kvHeads,
              headDim,
            });
            // Slots that nobody writes hold the same poison.
            const [found, expected] = [[caches[layer], caches[layers + layer]], [kCache, vCache]]
              .map((pair) => pair.map(({ tensor }) => rig.device.download(tensor)));
            assertEquals(found, expected, `layer ${layer}, ${what}`);
          }
        }
      },
    );
  }
}

backendTest("ropeKeys refuses what does not fit, naming the argument", (rig) => {
  const call = (caches: number, kvHeads: number, norms: number) => () =>
    ropeKeys(rig.device, rig.put("f16", [1, 32], new Float32Array(32)), {
      table: ropeTable(rig, 8),
      cacheLength: rig.counter(0),
      kNorms: rig.put("f16", [norms, 8], new Float32Array(norms * 8)),
      eps: 0,
      caches: rig.put("u64", [caches], new BigUint64Array(caches).fill(256n)),
      slots: 1,
      cache: "f16",
      kvHeads,
      headDim: 8,
    });
  for (
    const [message, refused] of [
      ["layers is 1.5, expected an integer from 1", call(3, 1, 2)],
      ["kv has shape [1, 32], expected [any, 64]", call(4, 2, 2)],
      ["kNorms has shape [3, 8], expected [2, 8]", call(4, 1, 3)],
    ] as const
  ) assertThrows(refused, ArgumentError, `Cannot run ropeKeys: ${message}`);
});
