import { assertEquals, assertThrows } from "@std/assert";
import { ArgumentError } from "../../src/base/errors.ts";
import { rows } from "../../src/device/mod.ts";
import { type StoredLayout, unpack } from "../../src/ops/mod.ts";
import { backendTest } from "../backends.ts";
import { Random } from "../random.ts";
import * as layouts from "../reference/layouts.ts";

type Pack = (w: ArrayLike<number>, n: number, k: number) => Int32Array | Int8Array;

/** A layout: its packer, the shape of what it stores, and sizes [n, k] to try. */
interface Stored {
  readonly pack: Pack;
  readonly dtype: "i32" | "i8";
  readonly shape: (n: number, k: number) => [number, number];
  readonly sizes: readonly (readonly [number, number])[];
}

const tiles = {
  dtype: "i32",
  shape: (n: number, k: number): [number, number] => [k / 16, 2 * n],
  sizes: [[64, 16], [64, 48], [192, 64], [128, 272]],
} as const;

const NIBBLES: Readonly<Partial<Record<StoredLayout, Stored>>> = {
  awq: {
    pack: layouts.awq,
    dtype: "i32",
    shape: (n, k) => [k, n / 8],
    sizes: [[8, 8], [24, 16], [136, 264], [1000, 40]],
  },
  rows: {
    pack: (w) => layouts.rowsOfWords(w, 4),
    dtype: "i32",
    shape: (n, k) => [n, k / 8],
    sizes: [[1, 8], [33, 16], [7, 264], [129, 72]],
  },
  marlin: { pack: layouts.marlin, ...tiles },
  qqq: { pack: layouts.qqq, ...tiles },
  qqq_group: { pack: layouts.qqqGroup, ...tiles },
  qoq: {
    pack: layouts.qoq,
    dtype: "i8",
    shape: (n, k) => [n, k / 2],
    sizes: [[32, 32], [64, 96], [160, 32], [96, 288]],
  },
};

const BYTES: Readonly<Partial<Record<StoredLayout, Stored>>> = {
  gptq8: {
    pack: layouts.gptq8,
    dtype: "i32",
    shape: (n, k) => [k / 4, n],
    sizes: [[1, 4], [33, 12], [130, 260], [7, 1000]],
  },
  rows8: {
    pack: (w) => layouts.rowsOfWords(w, 8),
    dtype: "i32",
    shape: (n, k) => [n, k / 4],
    sizes: [[1, 4], [33, 12], [130, 260], [7, 1000]],
  },
};

for (const [name, { pack, dtype, shape, sizes }] of Object.entries(NIBBLES)) {
  backendTest(`unpack gives the nibbles of ${name} in the order of packing`, (rig) => {
    const layout = name as StoredLayout;
    for (const [n, k] of sizes) {
      const w = new Random(n + k).integers(n * k, 16);
      const stored = rig.put(dtype, shape(n, k), pack(w, n, k));
      const out = rig.output("i32", [k / 8, n]);
      unpack(rig.device, out.tensor, stored, { layout, n, k });
      const got = new Int32Array(out.bytes(true).buffer);
      assertEquals(got, layouts.packingOrder(w, n, k), `n ${n}, k ${k}`);
    }
  });
}

for (const [name, { pack, dtype, shape, sizes }] of Object.entries(BYTES)) {
  backendTest(`unpack gives the bytes of ${name} signed, row by row`, (rig) => {
    const layout = name as StoredLayout;
    for (const [n, k] of sizes) {
      const w = new Random(n + k).integers(n * k, 256);
      const stored = rig.put(dtype, shape(n, k), pack(w, n, k));
      const out = rig.output("i8", [n, k]);
      unpack(rig.device, out.tensor, stored, { layout, n, k });
      const got = new Int8Array(out.bytes(true).buffer);
      assertEquals(got, Int8Array.from(w, (q) => q - 128), `n ${n}, k ${k}`);
    }
  });
}

backendTest("unpack refuses what does not fit, naming the argument", (rig) => {
  const { device } = rig;
  const [n, k] = [64, 32];
  const out = rig.output("i32", [k / 8, n]).tensor;
  const bytes = rig.output("i8", [n, k]).tensor;
  const stored = rig.put("i32", [k / 16, 2 * n], new Int32Array(k / 8 * n));
  const fits = { layout: "marlin", n, k } as const;
  const refused: [string, () => void][] = [
    [
      'layout is "gguf", expected awq',
      () => unpack(device, out, stored, { ...fits, layout: "gguf" as StoredLayout }),
    ],
    [
      "n is 32, expected a multiple of 64 for marlin",
      () => unpack(device, out, stored, { ...fits, n: 32 }),
    ],
    [
      "k is 8, expected a multiple of 32 for qoq",
      () => unpack(device, out, stored, { layout: "qoq", n, k: 8 }),
    ],
    [
      "stored has shape [1, 128], expected [2, 128]",
      () => unpack(device, out, rows(stored, 0, 1), fits),
    ],
    ["stored is i32, expected i8", () => unpack(device, out, stored, { ...fits, layout: "qoq" })],
    ["out is i8, expected i32", () => unpack(device, bytes, stored, fits)],
    [
      "out has shape [3, 64], expected [4, 64]",
      () => unpack(device, rows(out, 0, 3), stored, fits),
    ],
  ];
  for (const [message, call] of refused) {
    assertThrows(call, ArgumentError, `Cannot run unpack: ${message}`);
  }
});
