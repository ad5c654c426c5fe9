/** A few rows behind a product: sequences and trees of 2 to 17 rows, of which up to 16 may be one kernel on CUDA. */
import { backendTest } from "../backends.ts";
import { Random } from "../random.ts";
import type { Activation, Rig } from "../rig.ts";
import { checkBehind, type Shape } from "./behind_product.ts";
import type { Scheme } from "./product.ts";
import type { RowOptions } from "./row_options.ts";

/** The masks of a random tree: a row sees itself and what its parent sees. */
function tree(m: number, seed: number): bigint[] {
  const random = new Random(seed);
  const words: bigint[] = [];
  for (let i = 0; i < m; i++) {
    const parent = i === 0 ? -1 : random.integer(i);
    words.push((parent < 0 ? 0n : words[parent]) | 1n << BigInt(i));
  }
  return words;
}

/** Sequences, trees, and what other kernels than those of a few rows have to serve. */
function optionsOf(m: number): RowOptions[] {
  const one = tree(m, m);
  return [
    {},
    { slotOffset: 3, dressed: true, scale: -0.2 },
    { mask: one },
    { mask: tree(m, m + 1), dressed: true, scale: -0.2 },
    { mask: one.map((word, i) => i % 3 === 0 ? 0n : i % 3 === 1 ? word << 1n : word | 5n << 40n) },
    { slotOffset: 5, mask: one.map((word) => word << 5n | 2n) },
    { window: 70 },
    { mask: one.flatMap((word) => [word, 2n]) },
  ];
}

/** Around the ends of chunks. */
const LENGTHS = [0, 1, 47, 50, 62, 63, 64, 127, 449, 500, 512, 950];

function check(
  rig: Rig,
  [scheme, dtype]: readonly [Scheme, Activation],
  shape: Shape,
  m: number,
  lengths: readonly number[],
): void {
  checkBehind(rig, { scheme, dtype, shape, m, lengths, options: optionsOf(m) });
}

for (const  of of[["f16", "f16"], ["f16", "bf16"], ["w4a16", "f16"], ["w4a16", "bf16"]] as const) {
  backendTest(`a few rows behind a product, rotated and attended: ${of.join(", ")}`, (rig) => {
    const lengths = rig.device.backend === "cpu" ? [0, 63, 130] : LENGTHS;
    for (const m of [2, 9]) {
      check(rig, of, [6, 2, 64, 512], m, lengths);
      check(rig, of, [4, 1, 128, 384], m, lengths);
    }
  });
  backendTest(`a few rows behind a product of a real size: ${of.join(", ")}`, (rig) => {
    for (const m of [3, 8, 10, 16, 17]) {
      check(rig, of, [32, 8, 64, 2048], m, LENGTHS);
      check(rig, of, [32, 8, 128, 1024], m, LENGTHS);
    }
    for (const m of [4, 8, 9, 16]) {
      check(rig, of, [64, 8, 128, 512], m, [0, 300, 950]);
      check(rig, of, [28, 4, 128, 512], m, [5, 1500]);
    }
    for (const m of [7, 13]) {
      check(rig, of, [14, 2, 64, 896], m, [64, 800]);
      check(rig, of, [12, 12, 64, 768], m, [10, 440]);
      check(rig, of, [4, 4, 128, 768], m, [127, 440]);
    }
  }, ["cuda"]);
}
