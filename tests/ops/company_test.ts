/**
 * Rotations and attentions of few rows each of several sequences: on CUDA those that come one behind the other, of as many
 * rows, are one launch. They give the bits that each gives by itself, and so does what comes between them.
 */
import { assertEquals } from "@std/assert";
import { rows, view } from "../../src/device/mod.ts";
import { attention, attentionBytes, ropeKv } from "../../src/ops/mod.ts";
import { backendTest } from "../backends.ts";
import { Random } from "../random.ts";
import type { Activation, Rig } from "../rig.ts";
import { type Group, type Options, run, type Shape } from "./company_setup.ts";

const OPTIONS: readonly Options[] = [
  {},
  { slotOffset: 2, dressed: true },
  { slotOffset: 1, mask: [0b101n, 0b11n, 0b10n], scale: -0.2 },
  { window: 70 },
  { from: "f16", slotOffset: 1 },
  { from: "w4a16", dressed: true },
];

/** The same of several rows each. */
const SEVERAL: readonly Options[] = [
  { m: 6 },
  { m: 2, slotOffset: 2, dressed: true },
  { m: 6, mask: "trees", dressed: true },
  { m: 3, slotOffset: 1, mask: [0b101n, ~0n >> 1n, 0n, 0b10n, 1n << 60n], scale: -0.2 },
  { m: 4, mask: [~0n >> 9n, 0b10101n, 0n, 1n << 60n, 1n], maskWords: 2 },
  { m: 5, window: 70 },
  { m: 3, mask: "trees", window: 90 },
  { m: 4, from: "f16", slotOffset: 1 },
  { m: 6, from: "w4a16", mask: "trees", dressed: true },
];

function checkGroups(rig: Rig, dtype: Activation, groups: readonly Group[]): void {
  const alone = run(rig, dtype, groups, "always");
  for (const apart of ["never", "once", "captured"] as const) {
    const shown = JSON.stringify(
      groups,
      (_, value) => typeof value === "bigint" ? `${value}` : value,
    );
    assertEquals(run(rig, dtype, groups, apart), alone, `apart ${apart}: ${shown}`);
  }
}

function check(
  rig: Rig,
  dtype: Activation,
  shape: Shape,
  lengths: readonly number[],
  all: readonly Options[] = OPTIONS,
): void {
  for (const options of all) checkGroups(rig, dtype, [{ shape, lengths, options }]);
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
  backendTest(`several rows of sequences side by side: ${dtype}`, (rig) => {
    check(rig, dtype, [4, 2, 64], [0, 63, 58, 130, 1], SEVERAL);
    check(rig, dtype, [8, 1, 128], [65, 5], SEVERAL.slice(0, 7));
  });
  backendTest(`several rows and one by turns: ${dtype}`, (rig) => {
    const shape = [4, 2, 64] as const;
    const one = { shape, lengths: [70, 3, 128], options: { slotOffset: 1 } };
    const several = { shape, lengths: [9, 200], options: { m: 6, mask: "trees" } } as const;
    const others = { ...several, lengths: [60, 64, 1], options: { m: 4 } };
    checkGroups(rig, dtype, [one, several, one, others, several, several]);
  });
  backendTest(`several rows of sequences side by side, of real sizes: ${dtype}`, (rig) => {
    check(rig, dtype, [32, 8, 128], [500, 3, 64, 16, 250, 77, 1, 128], SEVERAL.slice(2, 3));
    check(rig, dtype, [32, 8, 128], [500, 3, 64, 16, 250, 77, 1, 128], SEVERAL.slice(7));
    // Lists of one sequence's rows on both sides of a multiple of the most spans.
    check(rig, dtype, [32, 8, 128], [2045, 300], [{ m: 6 }, { m: 6, mask: "trees" }]);
    check(rig, dtype, [8, 2, 128], [4093, 4026, 70, 1025], SEVERAL.slice(0, 7));
    check(rig, dtype, [28, 4, 128], [70, 1025, 640], SEVERAL.slice(1, 4));
    check(rig, dtype, [64, 8, 128], [5, 300, 150], SEVERAL.slice(2, 4));
    check(rig, dtype, [14, 2, 64], [1, 800, 64, 1025], SEVERAL);
    // A row with more query heads than a tile has rows; more partials than there is room for at a time.
    check(rig, dtype, [64, 1, 128], [4090, 4000, 9, 4094, 2, 100, 512, 63], [
      { m: 2, mask: "trees" },
      { m: 2 },
    ]);
    check(rig, dtype, [32, 8, 128], [2044, 2047, 500], [{ m: 24, mask: "trees" }]);
    // All numbers of tiles that a block takes, and more than that.
    for (const m of [2, 4, 5, 8, 9, 12, 16, 17, 32, 33]) {
      check(rig, dtype, [16, 4, 64], [700, 191], [{ m, mask: "trees" }, { m, dressed: true }]);
    }
    // As many as a launch takes, and one more.
    check(rig, dtype, [12, 12, 64], Array.from({ length: 64 }, (_, i) => 3 * i), [{ m: 2 }]);
    check(rig, dtype, [4, 1, 64], Array.from({ length: 65 }, (_, i) => 9 * i), [
      { m: 3, mask: "trees" },
    ]);
  }, ["cuda"]);
}

for (const m of [1, 3]) {
  backendTest(
    `what one writes is there for the next where both have one cache: ${m} of each`,
    (rig) => {
      const { device } = rig;
      const [heads, kvHeads, headDim, slots] = [4, 2, 64, 90];
      const n = (heads + 2 * kvHeads) * headDim;
      const random = new Random(5);
      const values = random.normals(3 * m * n), pairs = random.normals(slots * kvHeads * headDim);
      const table = rig.put("f32", [100, headDim], random.normals(100 * headDim));
      const results = [false, true].map((apart) => {
        const qkv = rig.output("f16", [3 * m, n]).set(values);
        const out = rig.output("f16", [3 * m, heads * headDim]);
        const [kCache, vCache] = [0, 1].map(() =>
          rig.output("f16", [slots, kvHeads, headDim]).set(pairs)
        );
        const bytes = attentionBytes(device, { m, heads, kvHeads, headDim, slots });
        const workspace = rig.arena.allocate("u8", [Math.max(1, bytes)]);
        for (let i = 0; i < 3; i++) {
          const mine = rows(qkv.tensor, i * m, (i + 1) * m);
          const shared = {
            ...{ kCache: kCache.tensor, vCache: vCache.tensor, cacheLength: rig.counter(60 + i) },
            ...{ heads, kvHeads, headDim },
          };
          ropeKv(device, mine, { ...shared, table });
          if (apart) device.synchronize();
          // The second rotation has no attention behind it.
          if (i === 1) continue;
          attention(device, rows(out.tensor, i * m, (i + 1) * m), mine, {
            ...{ ...shared, scale: 0.1, workspace },
          });
          if (apart) device.synchronize();
        }
        return [qkv.bytes(), out.bytes(true), kCache.bytes(), vCache.bytes()];
      });
      assertEquals(results[0], results[1]);
    },
  );

  backendTest(`what is read is read before another writes there: ${m} of each`, (rig) => {
    const { device } = rig;
    const [heads, kvHeads, headDim, slots, length] = [4, 1, 64, 512, 400];
    const n = (heads + 2 * kvHeads) * headDim, width = heads * headDim;
    const random = new Random(7);
    const values = random.normals(3 * m * n);
    const pairs = random.normals(slots * kvHeads * headDim);
    const table = rig.put("f32", [500, headDim], random.normals(500 * headDim));
    const results = [false, true].map((apart) => {
      const qkv = rig.output("f16", [3 * m, n]).set(values);
      const out = rig.output("f16", [m, width]);
      const bytes = attentionBytes(device, { m, heads, kvHeads, headDim, slots });
      const workspace = rig.arena.allocate("u8", [Math.max(1, bytes)]);
      const mine = (i: number) => rows(qkv.tensor, i * m, (i + 1) * m);
      // What the second gives goes where the first one's rows are, the third's to the same place as the second's.
      const taken = view(mine(0), "f16", [m, width]);
      const outs = [out.tensor, taken, taken];
      outs.forEach((to, i) => {
        const [kCache, vCache] = [0, 1].map(() => rig.put("f16", [slots, kvHeads, headDim], pairs));
        const shared = {
          ...{ kCache, vCache, cacheLength: rig.counter(length + i), heads, kvHeads, headDim },
        };
        ropeKv(device, mine(i), { ...shared, table });
        if (apart) device.synchronize();
        attention(device, to, mine(i), { ...shared, scale: 0.1, workspace });
        if (apart) device.synchronize();
      });
      return [qkv.bytes(), out.bytes()];
    });
    assertEquals(results[0], results[1]);
  });
}
