/**
 * Linear layers as QQQ stores them: nibbles in the order of its Marlin kernel.
 *
 * @module
 */
import type { TensorToWrite } from "../../checkpoint/containers/safetensors_writer.ts";
import type { AffineGrid } from "../grids/affine_grid.ts";
import type { TwoLevelGrid } from "../grids/two_level_grid.ts";
import { tensorOf } from "./bytes.ts";

/** Inputs and outputs of a tile; four tiles beside each other are shuffled as one. */
const TILE = 16;

/** How the nibbles of a word are ordered, so that kernels widen them in pairs. */
const SIGNED = [4, 0, 5, 1, 6, 2, 7, 3];
const UNSIGNED = [0, 2, 4, 6, 1, 3, 5, 7];

/** Where each of 1024 stored nibbles comes from: 4 tiles of 16 inputs by 16 outputs, row by row. */
function nibbleOrder(interleave: readonly number[]): Int32Array {
  const plain: number[] = [];
  for (let lane = 0; lane < 32; lane++) {
    for (let tile = 0; tile < 4; tile++) {
      for (const half of [0, 8]) {
        for (let step = 0; step < 4; step++) {
          const input = 4 * (lane % 4) + step;
          plain.push(256 * tile + TILE * input + (lane >> 2) + half);
        }
      }
    }
  }
  return Int32Array.from(plain, (_, i) => plain[(i & ~7) + interleave[i & 7]]);
}

/** B i32 [k/16, 2 n] of nibbles [n, k]. */
function packMarlin(
  n: number,
  k: number,
  nibble: (row: number, j: number) => number,
  interleave: readonly number[],
): Uint32Array<ArrayBuffer> {
  const order = nibbleOrder(interleave);
  const words = new Uint32Array((k / TILE) * 2 * n);
  for (let band = 0; band < k / TILE; band++) {
    for (let i = 0; i < n * TILE; i++) {
      const from = order[i & 1023];
      const output = (i >> 10) * 64 + (from >> 8) * TILE + (from & 15);
      const input = band * TILE + ((from >> 4) & 15);
      words[band * 2 * n + (i >> 3)] |= nibble(output, input) << (4 * (i & 7));
    }
  }
  return words;
}

/** Where each scale of 32 channels comes from, and each group scale of 64. */
const CHANNEL_ORDER = [0, 1, 2, 3].flatMap((i) =>
  [0, 1, 8, 9, 16, 17, 24, 25].map((j) => 2 * i + j)
);
const GROUP_ORDER = Array.from({ length: 64 }, (_, i) => (i >> 3) + 8 * (i & 7));

function shuffled(values: Float32Array, order: readonly number[]): Float32Array<ArrayBuffer> {
  return Float32Array.from(values, (_, i) => {
    const at = i % order.length;
    return values[i - at + order[at]];
  });
}

/** `prefix`.B, .s_channel f32 [1, n] (a sixteenth of the scale: kernels widen by shifting left), .s_group f16 [0]. */
export function qqqTensors(prefix: string, grid: AffineGrid, codes: Uint8Array): TensorToWrite[] {
  const { n, k } = grid;
  const words = packMarlin(n, k, (row, j) => (codes[row * k + j] - 8) & 15, SIGNED);
  const scales = shuffled(grid.scales.map((scale) => scale / 16), CHANNEL_ORDER);
  return [
    tensorOf(`${prefix}.B`, "i32", [k / TILE, 2 * n], words),
    tensorOf(`${prefix}.s_channel`, "f32", [1, n], scales),
    tensorOf(`${prefix}.s_group`, "f16", [0], new Float16Array(0)),
  ];
}

/** `prefix`.B, .s_channel f32 [1, n], .s_group f16 [groups, n]. */
export function qqqGroupTensors(
  prefix: string,
  grid: TwoLevelGrid,
  codes: Uint8Array,
): TensorToWrite[] {
  const { n, k, groups } = grid;
  const words = packMarlin(n, k, (row, j) => codes[row * k + j], UNSIGNED);
  const scales = new Float16Array(shuffled(grid.scales, GROUP_ORDER));
  return [
    tensorOf(`${prefix}.B`, "i32", [k / TILE, 2 * n], words),
    tensorOf(`${prefix}.s_channel`, "f32", [1, n], shuffled(grid.channelScales, CHANNEL_ORDER)),
    tensorOf(`${prefix}.s_group`, "f16", [groups, n], scales),
  ];
}

/** Bytes of {@link qqqTensors} where there are no groups, else of {@link qqqGroupTensors}. */
export function qqqBytes(n: number, k: number, groups: number): number {
  return k * n / 2 + 4 * n + 2 * groups * n;
}
