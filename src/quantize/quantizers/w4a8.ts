/**
 * 4-bit weights on 8-bit activations, as QQQ and as QServe (QoQ) store them.
 *
 * @module
 */
import { AffineGrid } from "../grids/affine_grid.ts";
import { qoqBytes, qoqGroupTensors, qoqTensors } from "../layouts/qoq.ts";
import { qqqBytes, qqqGroupTensors, qqqTensors } from "../layouts/qqq.ts";
import type { Draft, Quantizer } from "./quantizer.ts";
import { TwoLevelGrid } from "../grids/two_level_grid.ts";

/** Inputs of a group, in both. */
const GROUP = 128;

/** What all four have. */
const COMMON = {
  activations: "i8",
  // Of a rotated model smoothing has nothing left to even out.
  method: "gptq",
  rotation: "default",
  namesGroups: false,
} as const;

function qqq(scheme: string, group: number, draft: (n: number, k: number) => Draft): Quantizer {
  return {
    ...COMMON,
    scheme,
    title: scheme,
    summary: `4-bit weights, ${group === -1 ? "a scale a channel" : "groups of 128"}, on 8-bit ` +
      "activations, in the layout of QQQ",
    outputs: 64,
    inputs: group === -1 ? 32 : GROUP,
    config: { quant_method: "qqq", wbits: 4, group_size: group, desc_act: false, sym: true },
    bytes: (n, k) => qqqBytes(n, k, group === -1 || k === group ? 0 : k / group),
    draft,
  };
}

function qoq(scheme: string, group: number, draft: (n: number, k: number) => Draft): Quantizer {
  return {
    ...COMMON,
    scheme,
    title: scheme,
    summary:
      `4-bit weights with zero points, ${group === -1 ? "a channel" : "groups of 128"}, on ` +
      "8-bit activations, in the layout of QServe",
    outputs: 32,
    inputs: group === -1 ? 32 : GROUP,
    config: { quant_method: "qoq", wbits: 4, group_size: group },
    bytes: (n, k) => qoqBytes(n, k, group === -1 ? 0 : k / group),
    draft,
  };
}

function qqqChannel(n: number, k: number): Draft {
  // Symmetric: the code 0, of the value -8, is not used.
  const grid = new AffineGrid(n, k, { low: 1, high: 15, zero: 8, scale: "f32", group: k });
  return { grid, tensors: (prefix, { codes }) => qqqTensors(prefix, grid, codes) };
}

/** The W4A8 schemes. */
export const w4a8: readonly Quantizer[] = [
  qqq("w4a8-qqq", -1, qqqChannel),
  qqq("w4a8-qqq-g128", GROUP, (n, k) => {
    // A row of one group is a channel for QQQ, whatever the description says.
    if (k === GROUP) return qqqChannel(n, k);
    const grid = new TwoLevelGrid(n, k, {
      group: GROUP,
      most: 127,
      channelScale: "f32",
      whole: false,
    });
    return { grid, tensors: (prefix, { codes }) => qqqGroupTensors(prefix, grid, codes) };
  }),
  qoq("w4a8-qoq", -1, (n, k) => {
    const grid = new AffineGrid(n, k, {
      low: 0,
      high: 15,
      zero: [0, 15],
      scale: "f16",
      group: k,
      scaledZeros: true,
    });
    return { grid, tensors: (prefix, { codes }) => qoqTensors(prefix, grid, codes) };
  }),
  qoq("w4a8-qoq-g128", GROUP, (n, k) => {
    // QServe's protective range: rounding of the second level adds at most 8 to 119.
    const grid = new TwoLevelGrid(n, k, {
      group: GROUP,
      most: 119,
      channelScale: "f16",
      whole: true,
    });
    return { grid, tensors: (prefix, { codes }) => qoqGroupTensors(prefix, grid, codes) };
  }),
];
