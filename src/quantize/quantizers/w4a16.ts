/**
 * 4-bit weights in groups of inputs, and their relative of 8 bits for output projections.
 *
 * @module
 */
import { AffineGrid } from "../grids/affine_grid.ts";
import { awqBytes, awqTensors, gptqBytes, gptqTensors } from "../layouts/gptq.ts";
import type { Draft, Quantizer } from "./quantizer.ts";

/** Where zero points are stored, if there are any: `none` says that all of them are 8. */
export type ZeroPoints = "none" | "gptq" | "awq";

/** W4A16 with groups of `group` inputs, -1 for all of them. */
export function w4a16(group: number, zeroPoints: ZeroPoints = "none"): Quantizer {
  const name = group === -1 ? "channel" : `g${group}`;
  const each = group === -1 ? "a scale a channel" : `groups of ${group}`;
  const scheme = `w4a16-${name}`;
  return {
    scheme,
    title: zeroPoints === "none" ? scheme : `${scheme} with zero points of ${zeroPoints}`,
    summary: `4-bit weights, ${each}, in the layout of GPTQ or AWQ`,
    activations: "rows",
    method: "gptq",
    rotation: "on request",
    outputs: zeroPoints === "awq" ? 8 : 1,
    // AWQ's files have no place for a group that is short.
    inputs: zeroPoints === "awq" && group !== -1 ? group : 8,
    namesGroups: zeroPoints !== "awq",
    config: zeroPoints === "awq"
      ? {
        quant_method: "awq",
        bits: 4,
        group_size: group,
        zero_point: true,
        version: "gemm",
        modules_to_not_convert: null,
      }
      : {
        quant_method: "gptq",
        bits: 4,
        group_size: group,
        desc_act: false,
        static_groups: false,
        sym: zeroPoints === "none",
        lm_head: false,
        true_sequential: false,
        checkpoint_format: "gptq",
        pack_dtype: "int32",
      },
    bytes(n, k) {
      const groups = group === -1 ? 1 : Math.ceil(k / group);
      return zeroPoints === "awq" ? awqBytes(n, k, groups) : gptqBytes(n, k, groups, 4);
    },
    draft: (n, k) => draft(n, k, group, zeroPoints),
  };
}

function draft(n: number, k: number, group: number, zeroPoints: ZeroPoints): Draft {
  const grid = new AffineGrid(n, k, {
    low: 0,
    high: 15,
    // The first version of GPTQ's layout cannot hold a zero point of 0.
    zero: zeroPoints === "none" ? 8 : [zeroPoints === "gptq" ? 1 : 0, 15],
    scale: "f16",
    group: group === -1 ? k : group,
  });
  return {
    grid,
    tensors: (prefix, coded) =>
      zeroPoints === "awq" ? awqTensors(prefix, grid, coded) : gptqTensors(prefix, grid, coded, 4),
  };
}

/** Bytes of the tensors of {@link w8a16Draft}. */
export function w8a16Bytes(n: number, k: number): number {
  return gptqBytes(n, k, 1, 8);
}

/** An output projection of 8-bit weights, a scale a channel, in GPTQ's layout. */
export function w8a16Draft(n: number, k: number): Draft {
  const grid = new AffineGrid(n, k, { low: 1, high: 255, zero: 128, scale: "f16", group: k });
  return { grid, tensors: (prefix, coded) => gptqTensors(prefix, grid, coded, 8) };
}
