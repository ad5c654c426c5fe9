import { assertEquals, assertThrows } from "@std/assert";
import { ArgumentError } from "../../src/base/errors.ts";
import { rows, type Tensor } from "../../src/device/mod.ts";
import {
  blockFacts,
  type BlockName,
  embedW8Group,
  gemmW4A16,
  unpackBlocks,
  w4a16Bytes,
  w4a16Pack,
  w8GroupBytes,
  w8GroupPack,
} from "../../src/ops/mod.ts";
import { backendTest } from "../backends.ts";
import { rounded } from "../half.ts";
import { Random } from "../random.ts";
import { BLOCK_TYPES, blockOf, dequantize } from "../reference/gguf.ts";
import { product } from "../reference/ops.ts";
import { assertClose, type Rig } from "../rig.ts";

const TYPES = BLOCK_TYPES as readonly BlockName[];

/** Where a block of each type has numbers in f16. */
const HALVES: Readonly<Record<BlockName, readonly number[]>> = {
  Q4_0: [0],
  Q4_1: [0, 2],
  Q5_0: [0],
  Q5_1: [0, 2],
  Q8_0: [0],
  Q4_K: [0, 2],
  Q5_K: [0, 2],
  Q6_K: [208],
};

/** Blocks of random bits, but for the numbers in f16, which are normal and of either sign. */
function blocks(type: BlockName, n: number, k: number, seed: number): Uint8Array<ArrayBuffer> {
  const random = new Random(seed);
  const { elements, bytes } = blockFacts(type);
  const count = n * k / elements;
  const out = Uint8Array.from(random.integers(count * bytes, 256));
  const view = new DataView(out.buffer);
  for (let i = 0; i < count; i++) {
    for (const at of HALVES[type]) {
      view.setFloat16(i * bytes + at, (0.1 + random.normals(1)[0]) / 500, true);
    }
  }
  return out;
}

interface Unpacked {
  /** [n, k], as numbers, of nibbles from 0 to 15. */
  readonly q: Float64Array;
  readonly scales: Float64Array;
  readonly offsets?: Float64Array;
  readonly tensors: { q: Tensor; scales: Tensor<"f16">; offsets?: Tensor<"f16"> };
}

function unpacked(
  rig: Rig,
  type: BlockName,
  stored: Uint8Array<ArrayBuffer>,
  n: number,
  k: number,
  { wide = false, offsets: wanted = false },
): Unpacked {
  const { elements, bytes, group, nibbles, offsets: own } = blockFacts(type);
  const packed = nibbles && !wide;
  const q = packed ? rig.output("i32", [k / 8, n]) : rig.output("i8", [n, k]);
  const scales = rig.output("f16", [k / group, n]);
  const offsets = own || wanted ? rig.output("f16", [k / group, n]) : undefined;
  const from = rig.arena.fromHost("u8", [n, k / elements * bytes], stored);
  const tensors = { q: q.tensor, scales: scales.tensor, offsets: offsets?.tensor };
  unpackBlocks(rig.device, tensors, from, { type, wide, n, k });
  const raw = q.bytes(true);
  const words = new Int32Array(packed ? raw.buffer : new ArrayBuffer(0));
  const numbers = packed
    ? Float64Array.from({ length: n * k }, (_, i) => {
      const [j, input] = [Math.floor(i / k), i % k];
      return (words[(input >> 3) * n + j] >>> (4 * (input & 7))) & 15;
    })
    : Float64Array.from(new Int8Array(raw.buffer));
  return { q: numbers, scales: scales.values(), offsets: offsets?.values(), tensors };
}

/** q s + o with 8 taken from nibbles that stand alone: [n, k] in f32, as the type's arithmetic rounds. */
function weightsOf(
  { q, scales, offsets }: Unpacked,
  type: BlockName,
  n: number,
  k: number,
  wide: boolean,
): Float32Array {
  const { group, nibbles } = blockFacts(type);
  const taken = nibbles && !wide && offsets === undefined ? 8 : 0;
  return Float32Array.from({ length: n * k }, (_, i) => {
    const at = Math.floor(i % k / group) * n + Math.floor(i / k);
    return Math.fround((q[i] - taken) * scales[at]) + (offsets?.[at] ?? 0);
  });
}

const SIZES = [[1, 256], [3, 512], [33, 256], [130, 768]];
const EXACT: readonly BlockName[] = ["Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0"];

for (const type of TYPES) {
  const { nibbles, offsets: own } = blockFacts(type);
  const forms = [
    { wide: false, offsets: false },
    { wide: false, offsets: true },
    ...(nibbles ? [{ wide: true, offsets: false }, { wide: true, offsets: true }] : []),
  ];
  backendTest(`unpackBlocks takes ${type} apart`, (rig) => {
    const sizes = EXACT.includes(type) ? [...SIZES, [5, 32], [7, 96], [40, 1056]] : SIZES;
    for (const [n, k] of sizes) {
      const stored = blocks(type, n, k, n + k);
      const expected = dequantize(type, stored);
      for (const form of forms) {
        const got = unpacked(rig, type, stored, n, k, form);
        const what = `n ${n}, k ${k}, ${JSON.stringify(form)}`;
        if (!own && form.offsets && !(nibbles && !form.wide)) {
          assertEquals(got.offsets!.every((offset) => offset === 0), true, what);
        }
        const weights = weightsOf(got, type, n, k, form.wide);
        if (EXACT.includes(type)) {
          // Adding 0 takes the sign from zeros. Without offsets of its own 8 s is added and taken again.
          if (own || !form.offsets || form.wide || !nibbles) {
            assertEquals(weights.map((w) => w + 0), expected.map((w) => w + 0), what);
            continue;
          }
        }
        // What f16 rounds are q's scale and the offset: half a unit in the last place of each.
        const largest = Math.max(...got.scales.map(Math.abs));
        weights.forEach((w, i) => {
          const scale = Math.abs(w) + Math.abs(expected[i]) + 128 * largest;
          if (Math.abs(w - expected[i]) > 2 ** -11 * scale) {
            throw new Error(`${what}: element ${i} is ${w}, expected ${expected[i]}`);
          }
        });
      }
    }
  });

  backendTest(`unpackBlocks rounds the products of ${type} once, to f16`, (rig) => {
    const [n, k] = [5, 512];
    const { elements, bytes, group } = blockFacts(type);
    const stored = blocks(type, n, k, 7);
    const got = unpacked(rig, type, stored, n, k, {});
    // From two elements of a group that differ: the scale as the host has it, exact up to f32.
    const exact = dequantize(type, stored);
    for (let j = 0; j < n; j++) {
      for (let g = 0; g < k / group; g++) {
        const first = j * k + g * group;
        const span = got.q.subarray(first, first + group);
        const [low, high] = [Math.min(...span), Math.max(...span)];
        const [a, b] = [first + span.indexOf(low), first + span.indexOf(high)];
        const scale = (exact[b] - exact[a]) / (high - low);
        const tolerance = Math.abs(scale) * (2 ** -11 + 1e-4) + 2 ** -25;
        const value = got.scales[g * n + j];
        if (!(Math.abs(value - scale) <= tolerance)) {
          throw new Error(`group ${g} of output ${j} has scale ${value}, expected ${scale}`);
        }
      }
    }
    assertEquals([elements, bytes], [blockOf(type).block, blockOf(type).bytes]);
  });
}

backendTest("what is taken apart and packed again is the dequantized weight", (rig) => {
  const { device } = rig;
  const [n, k] = [40, 512];
  for (const type of TYPES) {
    const { group, nibbles, offsets: own } = blockFacts(type);
    const stored = blocks(type, n, k, 3);
    const expected = Float64Array.from(dequantize(type, stored));
    const tolerance = EXACT.includes(type) ? 5e-6 : 5e-4;
    if (nibbles) {
      const m = 3;
      const { tensors } = unpacked(rig, type, stored, n, k, {});
      const zeros = own ? "offsets" : "none";
      const w = rig.arena.allocate("u8", [w4a16Bytes(device, n, k, group, zeros)]);
      const { q, scales, offsets } = tensors;
      const qweight = q as Tensor<"i32">;
      const part = { nTotal: n, nOffset: 0, n, k, group };
      w4a16Pack(device, w, { qweight, scales, offsets, ...part });
      const x = rig.put("f16", [m, k], new Random(1).normals(m * k));
      const y = rig.output("f32", [m, n]);
      gemmW4A16(device, y.tensor, x, w, { n, k, group, zeros, epilogue: "logits" });
      const sums = product(rig.get(x), expected, null, m, n, k);
      close(y.values(), sums, tolerance, `${type} in four bits`);
    }
    // As a table: every row, which is the weight itself.
    const { tensors } = unpacked(rig, type, stored, n, k, { wide: true });
    const size = { n, k, group, offsets: own };
    const w = rig.arena.allocate("u8", [w8GroupBytes(device, size)]);
    const qweight = tensors.q as Tensor<"i8">;
    const { scales, offsets } = tensors;
    w8GroupPack(device, w, { nTotal: n, nOffset: 0, qweight, scales, offsets, n, k, group });
    const out = rig.output("f32", [n, k]);
    const tokens = rig.put("i32", [n], Int32Array.from({ length: n }, (_, i) => i));
    embedW8Group(device, out.tensor, w, tokens, size);
    if (EXACT.includes(type)) {
      assertEquals(out.values().map((x) => x + 0), expected.map((x) => x + 0), type);
      const half = rig.output("f16", [n, k]);
      embedW8Group(device, half.tensor, w, tokens, size);
      assertEquals(
        half.values().map((x) => x + 0),
        rounded("f16", expected).map((x) => x + 0),
        type,
      );
    } else close(out.values(), expected, tolerance, `${type} as a table`);
  }
});

function close(got: Float64Array, expected: Float64Array, tolerance: number, what: string): void {
  if (tolerance <= 5e-6) return assertClose(got, expected, "f32", what);
  assertClose(got, expected, "f16", what);
}

backendTest("unpackBlocks refuses what does not fit, naming the argument", (rig) => {
  const { device } = rig;
  const [n, k] = [4, 256];
  const stored = rig.put("u8", [n, 144], new Uint8Array(n * 144));
  const nibbles = rig.output("i32", [k / 8, n]).tensor;
  const bytes = rig.output("i8", [n, k]).tensor;
  const scales = rig.output("f16", [8, n]).tensor;
  const offsets = rig.output("f16", [8, n]).tensor;
  const fits = { type: "Q4_K", n, k } as const;
  const parts = { q: nibbles, scales, offsets };
  const refused: [string, () => void][] = [
    [
      'type is "Q3_K", expected Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, Q4_K, Q5_K, Q6_K',
      () => unpackBlocks(device, parts, stored, { ...fits, type: "Q3_K" as BlockName }),
    ],
    [
      "k is 288, expected a multiple of 256 for Q4_K",
      () => unpackBlocks(device, parts, stored, { ...fits, k: 288 }),
    ],
    [
      "stored has shape [4, 144], expected [4, 160]",
      () => unpackBlocks(device, parts, stored, { ...fits, type: "Q4_1" }),
    ],
    [
      "q is i8, expected i32",
      () => unpackBlocks(device, { ...parts, q: bytes }, stored, fits),
    ],
    [
      "q is i32, expected i8",
      () => unpackBlocks(device, parts, stored, { ...fits, wide: true }),
    ],
    [
      "scales has shape [7, 4], expected [8, 4]",
      () => unpackBlocks(device, { ...parts, scales: rows(scales, 0, 7) }, stored, fits),
    ],
    [
      "offsets is undefined, expected a tensor for Q4_K",
      () => unpackBlocks(device, { q: nibbles, scales }, stored, fits),
    ],
  ];
  for (const [message, call] of refused) {
    assertThrows(call, ArgumentError, `Cannot run unpackBlocks: ${message}`);
  }
});
