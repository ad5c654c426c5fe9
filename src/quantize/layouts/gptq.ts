/**
 * Linear layers as AutoGPTQ and GPTQModel store them (v1: zero points less one), and AWQ's order of nibbles.
 *
 * @module
 */
import type { TensorToWrite } from "../../checkpoint/containers/safetensors_writer.ts";
import type { AffineGrid } from "../grids/affine_grid.ts";
import type { Coded } from "../grids/coded.ts";
import { tensorOf } from "./bytes.ts";

/** `prefix`.qweight i32 [k bits/32, n], .qzeros, .scales f16 [groups, n] and .g_idx i32 [k]. */
export function gptqTensors(
  prefix: string,
  grid: AffineGrid,
  { codes, groupOf }: Coded,
  bits: 4 | 8,
): TensorToWrite[] {
  const { n, k, group, groups, zeros } = grid;
  const each = 32 / bits;
  const columns = Math.ceil(n / each);
  const qweight = new Uint32Array((k / each) * n);
  for (let row = 0; row < n; row++) {
    for (let word = 0, at = row * k; word < k / each; word++) {
      // Words of a row lie far apart: each is written once.
      let packed = 0;
      for (let i = 0; i < each; i++, at++) packed |= codes[at] << (bits * i);
      qweight[word * n + row] = packed;
    }
  }
  // Outputs that only fill the last word get the zero point of a symmetric weight.
  const symmetric = 2 ** (bits - 1);
  const qzeros = new Uint32Array(groups * columns);
  for (let g = 0; g < groups; g++) {
    for (let row = 0; row < columns * each; row++) {
      const zero = row < n ? zeros[g * n + row] : symmetric;
      qzeros[g * columns + Math.floor(row / each)] |= (zero - 1) << (bits * (row % each));
    }
  }
  const gIdx = groupOf ?? Int32Array.from({ length: k }, (_, j) => Math.floor(j / group));
  return [
    tensorOf(`${prefix}.qweight`, "i32", [k / each, n], qweight),
    tensorOf(`${prefix}.scales`, "f16", [groups, n], new Float16Array(grid.scales)),
    tensorOf(`${prefix}.qzeros`, "i32", [groups, columns], qzeros),
    tensorOf(`${prefix}.g_idx`, "i32", [k], gIdx),
  ];
}

/** Bytes of {@link gptqTensors}. */
export function gptqBytes(n: number, k: number, groups: number, bits: 4 | 8): number {
  return k * bits / 8 * n + 2 * groups * n + 4 * groups * Math.ceil(n * bits / 32) + 4 * k;
}

/** The output that each nibble of a word of AWQ's files holds. */
const AWQ_ORDER = [0, 2, 4, 6, 1, 3, 5, 7];

/** `prefix`.qweight i32 [k, n/8], .qzeros i32 [groups, n/8], .scales f16 [groups, n]; n is a multiple of 8. */
export function awqTensors(prefix: string, grid: AffineGrid, { codes }: Coded): TensorToWrite[] {
  const { n, k, groups, zeros } = grid;
  const pack = (rows: number, at: (row: number, output: number) => number): Uint32Array => {
    const words = new Uint32Array(rows * (n / 8));
    for (let row = 0; row < rows; row++) {
      for (let word = 0; word < n / 8; word++) {
        for (let p = 0; p < 8; p++) {
          words[row * (n / 8) + word] |= at(row, 8 * word + AWQ_ORDER[p]) << (4 * p);
        }
      }
    }
    return words;
  };
  return [
    tensorOf(`${prefix}.qweight`, "i32", [k, n / 8], pack(k, (j, row) => codes[row * k + j])),
    tensorOf(`${prefix}.qzeros`, "i32", [groups, n / 8], pack(groups, (g, r) => zeros[g * n + r])),
    tensorOf(`${prefix}.scales`, "f16", [groups, n], new Float16Array(grid.scales)),
  ];
}

/** Bytes of {@link awqTensors}. */
export function awqBytes(n: number, k: number, groups: number): number {
  return k * n / 2 + groups * n / 2 + 2 * groups * n;
}
