/**
 * Ops that read what the product right before them writes: on CUDA they add up what its blocks have left of it. They
 * give the bits that they give behind a product that has been written, and the product's outputs are written too.
 */
import { assertEquals } from "@std/assert";
import { rows, type Tensor } from "../../src/device/mod.ts";
import {
  copy,
  gemmF16,
  gemmW4A16,
  type ProductOptions,
  rmsNorm,
  ropeKv,
  siluMul,
  w4a16Bytes,
  w4a16Pack,
} from "../../src/ops/mod.ts";
import { backendTest } from "../backends.ts";
import { Random } from "../random.ts";
import type { Activation, Output, Rig } from "../rig.ts";

const GROUP = 128;

type Scheme = "f16" | "w4a16";

/** A product of random weights that are made once. */
function weight(rig: Rig, scheme: Scheme, dtype: Activation, n: number, k: number) {
  const { device } = rig;
  const random = new Random(n + k);
  if (scheme === "f16") {
    // Some rows, again and again: random numbers are slow to draw.
    const most = Math.min(n, Math.ceil(2 ** 19 / k));
    const drawn = rig.put(dtype, [most, k], random.normals(most * k, 1 / Math.sqrt(k)));
    const w = rig.arena.allocate(dtype, [n, k]);
    for (let i = 0; i < n; i += most) {
      const count = Math.min(most, n - i);
      copy(device, rows(w, i, i + count), rows(drawn, 0, count));
    }
    return (y: Tensor, x: Tensor, options: ProductOptions) => gemmF16(device, y, x, w, options);
  }
  const groups = Math.ceil(k / GROUP);
  const words = Int32Array.from({ length: k / 8 * n }, (_, i) => Math.imul(i + 1, 0x9e3779b1));
  const w = rig.output("u8", [w4a16Bytes(device, n, k, GROUP)]).tensor;
  w4a16Pack(device, w, {
    ...{ n, k, group: GROUP, nTotal: n, nOffset: 0 },
    qweight: rig.put("i32", [k / 8, n], words),
    scales: rig.put("f16", [groups, n], random.normals(groups * n, 0.1 / Math.sqrt(k))),
  });
  return (y: Tensor, x: Tensor, options: ProductOptions) =>
    gemmW4A16(device, y, x, w, { n, k, group: GROUP, ...options });
}

interface Shape {
  /** Outputs and inputs of the product. */
  readonly n: number;
  readonly k: number;
}

/** What a reader writes for m rows, and the op. */
interface Reader {
  readonly y: Output<Activation | "f32">;
  readonly outputs: readonly Output<Activation>[];
  readonly epilogue: "store" | "residual";
  read(): void;
}

const ROWS = [1, 2, 3, 7, 8, 9, 16, 17, 30, 33, 64];
/** The twin's readers know nothing of products. */
const rowCounts = (rig: Rig) => rig.device.backend === "cpu" ? [1, 9] : ROWS;

/** Compares a reader behind its product with one that comes later. */
function check(
  rig: Rig,
  scheme: Scheme,
  dtype: Activation,
  { n, k }: Shape,
  counts: readonly number[],
  make: (m: number) => Reader,
): void {
  const run = weight(rig, scheme, dtype, n, k);
  const random = new Random(n);
  const bias = rig.put(dtype, [n], random.normals(n));
  for (const m of counts) {
    const x = rig.put(dtype, [m, k], random.normals(m * k));
    for (const options of [{}, { bias }]) {
      const results = [false, true].map((apart) => {
        const { y, outputs, epilogue, read } = make(m);
        run(y.tensor, x, { ...options, epilogue });
        if (apart) rig.device.synchronize();
        read();
        return [y, ...outputs].map((output) => output.bytes(true));
      });
      results[0].forEach((bytes, i) => {
        const differ = bytes.reduce((sum, b, at) => sum + Number(b !== results[1][i][at]), 0);
        assertEquals(differ, 0, `${scheme}, n ${n}, k ${k}, ${m} rows: bytes of output ${i}`);
      });
    }
  }
}

/** The first is one tile of outputs, the second one of four-bit weights. */
const SMALL: readonly Shape[] = [
  { n: 128, k: 256 },
  { n: 256, k: 512 },
  { n: 512, k: 1024 },
  { n: 1536, k: 512 },
  { n: 896, k: 384 },
];

/** Products of real layers, which are spread over all multiprocessors: the twin has nothing to spread. */
const LARGE: readonly Shape[] = [
  { n: 2048, k: 2048 },
  { n: 2048, k: 8192 },
  { n: 4096, k: 4096 },
  { n: 4096, k: 14336 },
  { n: 3584, k: 3584 },
  { n: 5120, k: 5120 },
  { n: 8192, k: 8192 },
];

for (const scheme of ["f16", "w4a16"] as const) {
  for (const dtype of ["f16", "bf16"] as const) {
    const norms = (rig: Rig, shapes: readonly Shape[], counts: readonly number[]) => {
      for (const shape of shapes) {
        const { n } = shape;
        const random = new Random(n + 1);
        const weight = rig.put(dtype, [n], random.normals(n));
        const before = random.normals(64 * n, 3).map(Math.fround);
        check(rig, scheme, dtype, shape, counts, (m) => {
          const y = rig.output("f32", [m, n]).set(before.subarray(0, m * n));
          const out = rig.output(dtype, [m, n], n + 16);
          const read = () => rmsNorm(rig.device, out.tensor, y.tensor, weight, 1e-5);
          return { y, outputs: [out], epilogue: "residual", read };
        });
      }
    };
    backendTest(`rmsNorm behind a product: ${scheme}, ${dtype}`, (rig) => {
      norms(rig, SMALL, rowCounts(rig));
    });
    backendTest(`rmsNorm behind a product of a real size: ${scheme}, ${dtype}`, (rig) => {
      norms(rig, LARGE, [1, 5, 8, 12, 30, 64]);
    }, ["cuda"]);

    const gates = (rig: Rig, shapes: readonly Shape[], counts: readonly number[]) => {
      for (const shape of shapes) {
        check(rig, scheme, dtype, shape, counts, (m) => {
          const y = rig.output(dtype, [m, shape.n]);
          const out = rig.output(dtype, [m, shape.n / 2]);
          const read = () => siluMul(rig.device, out.tensor, y.tensor);
          return { y, outputs: [out], epilogue: "store", read };
        });
      }
    };
    backendTest(`siluMul behind a product: ${scheme}, ${dtype}`, (rig) => {
      gates(rig, SMALL, rowCounts(rig));
    });
    backendTest(`siluMul behind a product of a real size: ${scheme}, ${dtype}`, (rig) => {
      // The last has more tiles than a card has multiprocessors: some are shared, some whole.
      gates(rig, [{ n: 16384, k: 2048 }, { n: 28672, k: 4096 }, { n: 57344, k: 384 }], [1, 9, 30]);
    }, ["cuda"]);

    const rotations = (
      rig: Rig,
      given: readonly [number, number, number, number][],
      counts: readonly number[],
    ) => {
      for (const [heads, kvHeads, headDim, k] of given) {
        const n = (heads + 2 * kvHeads) * headDim;
        const random = new Random(n + 2);
        const [slots, positions] = [96, 200];
        const table = rig.put("f32", [positions, headDim], random.normals(positions * headDim));
        const cacheLength = rig.counter(13);
        const norm = () => rig.put(dtype, [headDim], random.normals(headDim));
        const [qNorm, kNorm] = [norm(), norm()];
        for (const tree of [false, true]) {
          const depths = rig.put("i32", [64], Int32Array.from({ length: 64 }, (_, i) => i % 7));
          check(rig, scheme, dtype, { n, k }, counts, (m) => {
            const y = rig.output(dtype, [m, n]);
            const kCache = rig.output(dtype, [slots, kvHeads, headDim]);
            const vCache = rig.output(dtype, [slots, kvHeads, headDim]);
            const read = () =>
              ropeKv(rig.device, y.tensor, {
                ...{ table, cacheLength, eps: 1e-5, heads, kvHeads, headDim },
                ...{ kCache: kCache.tensor, vCache: vCache.tensor },
                ...(tree ? { depths: { ...depths, shape: [m] }, slotOffset: 5, qNorm, kNorm } : {}),
              });
            return { y, outputs: [kCache, vCache], epilogue: "store", read };
          });
        }
      }
    };
    backendTest(`ropeKv behind a product: ${scheme}, ${dtype}`, (rig) => {
      rotations(
        rig,
        [
          [6, 2, 64, 1024],
          [4, 2, 128, 512],
          [14, 2, 64, 384],
          [3, 1, 80, 256],
          [4, 2, 32, 256],
          [12, 3, 16, 256],
        ],
        rowCounts(rig),
      );
    });
    backendTest(`ropeKv behind a product of a real size: ${scheme}, ${dtype}`, (rig) => {
      const given = [[32, 8, 64, 2048], [32, 8, 128, 4096], [8, 4, 256, 2304], [320, 8, 128, 384]];
      rotations(rig, given as [number, number, number, number][], [1, 5, 10, 30, 64]);
    }, ["cuda"]);
  }
}

backendTest("an op that reads something else leaves a product's outputs as they are", (rig) => {
  const [m, n, k] = [3, 1024, 1024];
  const run = weight(rig, "w4a16", "f16", n, k);
  const x = rig.put("f16", [m, k], new Random(1).normals(m * k));
  const other = rig.put("f16", [m, n], new Random(2).normals(m * n));
  const results = [false, true].map((apart) => {
    const y = rig.output("f16", [m, n]);
    const out = rig.output("f16", [m, n / 2]);
    run(y.tensor, x, {});
    if (apart) rig.device.synchronize();
    siluMul(rig.device, out.tensor, other);
    return [y.bytes(), out.bytes()];
  });
  assertEquals(results[0], results[1]);
});
