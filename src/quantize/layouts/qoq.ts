/**
 * Linear layers as deepcompressor stores them for QServe: nibbles in tiles of 32 by 32.
 *
 * @module
 */
import type { TensorToWrite } from "../../checkpoint/containers/safetensors_writer.ts";
import type { AffineGrid } from "../grids/affine_grid.ts";
import type { TwoLevelGrid } from "../grids/two_level_grid.ts";
import { tensorOf } from "./bytes.ts";

/** Inputs and outputs of a tile. */
const TILE = 32;

/** qweight i8 [n, k/2] of codes [n, k]: a byte holds one input of outputs o (low nibble) and o + 16. */
function packTiles(n: number, k: number, codes: Uint8Array): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(n * (k / 2));
  for (let row = 0; row < n; row++) {
    const [band, upper, half, line] = [row >> 5, (row >> 4) & 1, (row >> 3) & 1, row & 7];
    for (let j = 0; j < k; j++) {
      const [tile, right, quad, last] = [j >> 5, (j >> 4) & 1, (j >> 2) & 3, j & 3];
      const inside = (((line * 4 + quad) * 2 + right) * 2 + half) * 4 + last;
      const at = (band * (k / TILE) + tile) * (TILE * TILE / 2) + inside;
      bytes[at] |= codes[row * k + j] << (4 * upper);
    }
  }
  return bytes;
}

/** Values of outputs in the order of the kernels: of each 32, 0, 8, 16, 24, 1, 9, ... */
function shuffled(n: number, groups: number, value: (at: number) => number): Int8Array {
  return Int8Array.from({ length: groups * n }, (_, i) => {
    const output = i % n;
    return value(i - (output & 31) + ((output & 3) << 3) + ((output & 31) >> 2));
  });
}

/** `prefix`.qweight, .s1_scales f16 [n], .s1_szeros f16 [n]: zero point times scale. */
export function qoqTensors(prefix: string, grid: AffineGrid, codes: Uint8Array): TensorToWrite[] {
  const { n, k } = grid;
  const szeros = Float16Array.from({ length: n }, (_, row) => grid.offset(row));
  return [
    tensorOf(`${prefix}.qweight`, "i8", [n, k / 2], packTiles(n, k, codes)),
    tensorOf(`${prefix}.s1_scales`, "f16", [n], new Float16Array(grid.scales)),
    tensorOf(`${prefix}.s1_szeros`, "f16", [n], szeros),
  ];
}

/** `prefix`.qweight, .s1_scales f16 [n], .s2_scales i8 [groups, n], .s2_zeros i8 [groups, n]: -z s, a byte. */
export function qoqGroupTensors(
  prefix: string,
  grid: TwoLevelGrid,
  codes: Uint8Array,
): TensorToWrite[] {
  const { n, k, groups, scales, zeros } = grid;
  const s2 = shuffled(n, groups, (at) => scales[at]);
  const z2 = shuffled(n, groups, (at) => -zeros[at] * scales[at]);
  return [
    tensorOf(`${prefix}.qweight`, "i8", [n, k / 2], packTiles(n, k, codes)),
    tensorOf(`${prefix}.s1_scales`, "f16", [n], new Float16Array(grid.channelScales)),
    tensorOf(`${prefix}.s2_scales`, "i8", [groups, n], s2),
    tensorOf(`${prefix}.s2_zeros`, "i8", [groups, n], z2),
  ];
}

/** Bytes of {@link qoqTensors} where there are no groups, else of {@link qoqGroupTensors}. */
export function qoqBytes(n: number, k: number, groups: number): number {
  return k * n / 2 + 2 * n + (groups === 0 ? 2 * n : 2 * groups * n);
}
