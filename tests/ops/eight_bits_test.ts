/** Caches in 8 bits: what is written, and attention over it. */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { ArgumentError } from "../../src/base/errors.ts";
import { attention, gemmF16, ropeKv } from "../../src/ops/mod.ts";
import { backendTest } from "../backends.ts";
import { decode } from "../half.ts";
import { Random } from "../random.ts";
import { type Activation, assertClose, type Rig, rowOf } from "../rig.ts";
import { check, run, type Setup, treeMask, values } from "./attention_setup.ts";
import { inEightBits, putCache, slotBytes } from "./eight_bits.ts";

const POISON = 0x80;

/** Writes the same rows into a cache of each kind: what stands in both. */
function write(
  rig: Rig,
  dtype: Activation,
  [m, heads, kvHeads, headDim]: readonly number[],
  given: Float64Array,
  { norms = false, slotOffset = 0, length = 3 } = {},
) {
  const slots = m + 8, width = (heads + 2 * kvHeads) * headDim;
  const random = new Random(headDim);
  const norm = () => rig.put(dtype, [headDim], random.normals(headDim));
  const shared = {
    ...{ heads, kvHeads, headDim, slotOffset, eps: 1e-5, cacheLength: rig.counter(length) },
    table: rig.put("f32", [slots, headDim], random.normals(slots * headDim)),
    ...(norms ? { qNorm: norm(), kNorm: norm() } : {}),
  };
  const shape = { dtype, kvHeads, headDim };
  return [dtype, "i8" as const].map((cache) => {
    const qkv = rig.put(dtype, [m, width], given);
    const row = cache === "i8" ? [slotBytes(shape)] : [kvHeads, headDim];
    const [kCache, vCache] = [0, 1].map(() => rig.output(cache, [slots, ...row]));
    ropeKv(rig.device, qkv, { ...shared, kCache: kCache.tensor, vCache: vCache.tensor });
    return { qkv: rig.get(qkv), caches: [kCache.bytes(true), vCache.bytes(true)] };
  });
}

/** Rows, heads, kv heads, their width. */
const SHAPES = [[1, 1, 1, 16], [7, 6, 2, 128], [64, 4, 1, 64], [5, 3, 3, 80], [3, 2, 1, 256]];

/** Heads, kv heads, their width, rows and length; the plain kernels take too long for the last ones. */
const CASES = [
  [2, 2, 64, 1, 0],
  [6, 2, 128, 1, 130],
  [4, 1, 16, 7, 64],
  [5, 5, 80, 3, 127],
  [6, 3, 256, 9, 140],
  [4, 1, 128, 33, 129],
  [2, 1, 64, 70, 31], // prompts
  [2, 1, 80, 66, 60],
  [4, 2, 128, 129, 127],
  [4, 1, 128, 64, 129],
  [8, 1, 64, 10, 300],
  [8, 2, 128, 33, 190],
  [16, 16, 16, 7, 1021], // spans of one chunk and of two
  [2, 1, 64, 3, 4200],
  [1, 1, 128, 2, 8190],
];

/** Heads, kv heads, their width, and length. */
const COMPANIES = [[6, 2, 64, 127], [8, 2, 128, 200], [32, 8, 128, 2090], [16, 16, 16, 1010]];

for (const dtype of ["f16", "bf16"] as const) {
  backendTest(`ropeKv ${dtype} writes in 8 bits what it writes in 16, by the head`, (rig) => {
    for (const shape of SHAPES) {
      const [m, heads, kvHeads, headDim] = shape;
      const width = (heads + 2 * kvHeads) * headDim;
      for (const norms of [false, true]) {
        // From numbers whose scales are subnormal in f16 up to large ones; one head of zeros, one with an infinity.
        const given = new Random(m).normals(m * width);
        given.forEach((_, at) => given[at] *= 2 ** ((at / headDim | 0) % 29 - 18));
        given.fill(0, width - headDim, width);
        if (m > 1) given[2 * width - 1] = Infinity;
        const [plain, eight] = write(rig, dtype, shape, given, { norms, slotOffset: 2 });
        const what = `m ${m}, heads ${heads}/${kvHeads} x ${headDim}, norms ${norms}`;
        assertEquals(eight.qkv, plain.qkv, `queries of ${what}`);
        plain.caches.forEach((cache, i) => {
          const written = decode(
            dtype,
            cache.slice(5 * kvHeads * headDim * 2).subarray(0, m * kvHeads * headDim * 2),
          );
          const { bytes } = inEightBits({ dtype, kvHeads, headDim }, written, POISON);
          const row = slotBytes({ dtype, kvHeads, headDim });
          const expected = new Uint8Array((m + 8) * row).fill(POISON);
          expected.set(bytes, 5 * row);
          assertEquals(eight.caches[i], expected, `${i === 0 ? "keys" : "values"} of ${what}`);
        });
      }
    }
  });

  backendTest(`attention ${dtype} over 8 bits, causal, of trees, windows and prompts`, (rig) => {
    const cpu = rig.device.backend === "cpu";
    for (const [heads, kvHeads, headDim, m, length] of cpu ? CASES.slice(0, 8) : CASES) {
      const setup: Setup = {
        ...{ dtype, m, heads, kvHeads, headDim, length, cache: "i8" },
        slots: length + Math.max(64, m) + 4,
      };
      const what = `m ${m}, length ${length}, heads ${heads}/${kvHeads} x ${headDim}`;
      check(rig, setup, {}, what);
      if (length > 1000) continue;
      check(rig, setup, { slotOffset: 4, window: 70 }, `${what}, offset 4, window 70`);
      if (m > 64) continue;
      check(rig, setup, { mask: treeMask(m, 1, m) }, `${what}, a tree`);
      check(rig, setup, { mask: treeMask(m, 1, m), window: 33 }, `${what}, window 33 of a tree`);
      check(rig, { ...setup, slots: length + 192 }, { mask: treeMask(m, 3, m) }, `${what}, words`);
    }
  });

  backendTest(`attention ${dtype} over 8 bits keeps a row's bits in any company`, (rig) => {
    const cpu = rig.device.backend === "cpu";
    for (const [heads, kvHeads, headDim, length] of cpu ? COMPANIES.slice(0, 1) : COMPANIES) {
      const m = 60;
      const setup: Setup = {
        ...{ dtype, m, heads, kvHeads, headDim, length, cache: "i8" },
        slots: length + 64,
      };
      const given = values(setup, length);
      const width = (heads + 2 * kvHeads) * headDim, row = heads * headDim * 2;
      for (const options of [{}, { mask: treeMask(m, 1, 1) }, { window: 70 }]) {
        const all = run(rig, setup, given, options).out.bytes();
        for (const [start, count] of [[0, 1], [59, 1], [3, 9], [10, 30]]) {
          const part = run(
            rig,
            { ...setup, m: count },
            { ...given, qkv: given.qkv.subarray(start * width, (start + count) * width) },
            options.mask
              ? { mask: options.mask.slice(start, start + count) }
              : { ...options, slotOffset: start },
          );
          const what = `rows ${start} to ${start + count}, heads ${heads}, ${Object.keys(options)}`;
          assertEquals(part.out.bytes(), all.slice(start * row, (start + count) * row), what);
        }
      }
      // The last row with all pairs but its own committed.
      const last = run(
        rig,
        { ...setup, m: 1, length: length + m - 1 },
        { ...given, qkv: given.qkv.subarray((m - 1) * width) },
        {},
      );
      const all = run(rig, setup, given, {}).out.bytes();
      assertEquals(last.out.bytes(), all.slice((m - 1) * row), `the last row of ${length}`);
    }
  });

  backendTest(
    `attention ${dtype} over 8 bits has the bits of a cache that holds what they stand for`,
    (rig) => {
      // All shapes that have kernels of their own: few and many query rows, tails, prompts.
      for (
        const [heads, kvHeads, headDim, m, length] of [
          [8, 2, 64, 1, 700],
          [8, 2, 128, 1, 2100],
          [32, 8, 128, 1, 90],
          [8, 2, 128, 9, 500],
          [8, 2, 128, 30, 1000],
          [8, 2, 128, 60, 3000],
          [64, 8, 128, 60, 200],
          [16, 1, 64, 50, 444],
          [4, 4, 80, 40, 100],
          [4, 1, 256, 33, 100],
          [8, 2, 128, 300, 500],
          [4, 1, 64, 65, 100],
          [4, 1, 192, 65, 100],
        ]
      ) {
        const setup = {
          dtype,
          m,
          heads,
          kvHeads,
          headDim,
          slots: length + Math.max(m, 64),
          length,
        };
        const given = values(setup, m);
        const trees = m > 64 ? [] : [{ mask: treeMask(m, 1, m) }, { mask: treeMask(m, 2, m) }];
        for (const options of [{}, { window: 75 }, ...trees]) {
          const eight = run(rig, { ...setup, cache: "i8" }, given, options);
          // What q s rounds to, in the dtype.
          const held = { ...given, k: eight.k, v: eight.v };
          const what = `m ${m}, length ${length}, heads ${heads}/${kvHeads} x ${headDim}, ${
            Object.keys(options)
          }`;
          assertEquals(eight.out.bytes(), run(rig, setup, held, options).out.bytes(), what);
        }
      }
    },
    ["cuda"],
  );
}

backendTest("ropeKv right behind a product writes the 8 bits that it writes later", (rig) => {
  const { device } = rig;
  for (
    const [m, heads, kvHeads, headDim, k] of [
      [1, 8, 2, 64, 512],
      [1, 4, 1, 128, 384],
      [6, 8, 2, 128, 512],
      [30, 4, 4, 80, 256],
    ]
  ) {
    const width = (heads + 2 * kvHeads) * headDim, slots = m + 9;
    const random = new Random(width);
    const x = rig.put("f16", [m, k], random.normals(m * k));
    const w = rig.put("f16", [width, k], random.normals(width * k, 1 / Math.sqrt(k)));
    const table = rig.put("f32", [slots, headDim], random.normals(slots * headDim));
    const [together, apart] = [false, true].map((waits) => {
      const qkv = rig.output("f16", [m, width]);
      const row = slotBytes({ dtype: "f16", kvHeads, headDim });
      const [kCache, vCache] = [0, 1].map(() => rig.output("i8", [slots, row]));
      gemmF16(device, qkv.tensor, x, w);
      if (waits) device.synchronize();
      ropeKv(device, qkv.tensor, {
        ...{ table, cacheLength: rig.counter(5), heads, kvHeads, headDim },
        ...{ kCache: kCache.tensor, vCache: vCache.tensor },
      });
      return [qkv.bytes(), kCache.bytes(true), vCache.bytes(true)];
    });
    assertEquals(together, apart, `m ${m}, heads ${heads}/${kvHeads} x ${headDim}`);
  }
});

backendTest("attention over 8 bits does not let slots outside its pairs in, even as NaN", (rig) => {
  for (const headDim of [64, 128]) {
    for (
      const [m, length, window] of [
        [3, 70, 0],
        [3, 300, 40],
        [1, 64, 0],
        [40, 300, 0],
        [130, 260, 0],
        [130, 260, 40],
      ]
    ) {
      const setup: Setup = {
        ...{ dtype: "f16", m, heads: 2, kvHeads: 1, headDim, slots: 800, length, cache: "i8" },
      };
      const given = values(setup, m);
      const clean = run(rig, setup, given, { window }).out.bytes();
      for (const cache of [given.k, given.v]) {
        cache.fill(NaN, (length + m) * headDim);
        if (window > 0) cache.fill(NaN, 0, (length + 1 - window) * headDim);
      }
      const what = `m ${m}, length ${length}, window ${window}, x ${headDim}`;
      assertEquals(run(rig, setup, given, { window }).out.bytes(), clean, what);
    }
  }
});

backendTest("attention over 8 bits shows a broken value that it sees", (rig) => {
  const setup: Setup = {
    ...{
      dtype: "f16",
      m: 2,
      heads: 2,
      kvHeads: 1,
      headDim: 64,
      slots: 90,
      length: 70,
      cache: "i8",
    },
  };
  const given = values(setup, 3);
  given.v[64 * 20 + 5] = Infinity;
  assert(run(rig, setup, given, {}).out.values().every(Number.isNaN));
});

backendTest("caches in 8 bits that do not fit are refused, naming the argument", (rig) => {
  const { device } = rig;
  const qkv = rig.put("f16", [2, 128], new Float32Array(256));
  const out = rig.output("f16", [2, 64]).tensor;
  const cache = putCache(
    rig,
    { dtype: "f16", kvHeads: 2, headDim: 16, cache: "i8" },
    new Float64Array(320),
  );
  const options = {
    ...{ kCache: cache.tensor, vCache: cache.tensor, cacheLength: rig.counter(1), scale: 1 },
    ...{ heads: 4, kvHeads: 2, headDim: 16 },
  };
  const half = rig.put("f16", [10, 32], new Float32Array(320));
  const table = rig.put("f32", [4, 16], new Float32Array(64));
  const narrow = rig.put("i8", [10, 32], new Int8Array(320));
  const small = rig.put("f16", [2, 64], new Float32Array(128));
  const refused: [string, () => void][] = [
    [
      "attention: vCache is f16, expected i8",
      () => attention(device, out, qkv, { ...options, vCache: half }),
    ],
    [
      "attention: kCache has shape [10, 32], expected [any, 64]",
      () => attention(device, out, qkv, { ...options, kCache: narrow, vCache: narrow }),
    ],
    [
      "ropeKv: headDim is 8, expected a multiple of 16 where caches are i8",
      () =>
        ropeKv(device, small, { ...options, table, headDim: 8, kCache: narrow, vCache: narrow }),
    ],
  ];
  for (const [message, call] of refused) {
    assertThrows(call, ArgumentError, `Cannot run ${message}`);
  }
});

backendTest("8 bits lose about what a scale by the head and token loses", (rig) => {
  // Normal values: absmax / 127 is a step, its twelfth part the square of the error.
  const setup: Setup = {
    ...{ dtype: "f16", m: 4, heads: 4, kvHeads: 2, headDim: 128, slots: 500, length: 400 },
  };
  const given = values(setup, 1);
  const plain = run(rig, setup, given, {}).out.values();
  const eight = run(rig, { ...setup, cache: "i8" }, given, {}).out.values();
  assertClose(eight, plain, "f16", "8 bits beside 16", 30);
  assert(rowOf(eight, 0, 8).some((value, i) => value !== plain[i]), "both are the same");
});
