/**
 * 8-bit weights, a scale a channel, on 8-bit activations, a scale a token: integers or floats.
 *
 * @module
 */
import { AffineGrid } from "../grids/affine_grid.ts";
import { FloatGrid } from "../grids/float_grid.ts";
import {
  compressedBytes,
  compressedConfig,
  compressedTensors,
} from "../layouts/compressed_tensors.ts";
import type { Quantizer } from "./quantizer.ts";

/** W8A8: 8-bit integers. */
export const w8a8: Quantizer = {
  scheme: "w8a8",
  title: "w8a8",
  summary: "8-bit integer weights and activations, compressed-tensors int-quantized",
  activations: "i8",
  method: "smooth",
  rotation: "no",
  outputs: 1,
  inputs: 16,
  namesGroups: false,
  config: compressedConfig("int"),
  bytes: compressedBytes,
  draft(n, k) {
    const grid = new AffineGrid(n, k, { low: -127, high: 127, zero: 0, scale: "f32", group: k });
    return {
      grid,
      tensors: (prefix, { codes }) => compressedTensors(prefix, "i8", codes, grid.scales),
    };
  },
};

/** FP8: 8-bit floats of 4 exponent bits. */
export const fp8: Quantizer = {
  scheme: "fp8",
  title: "fp8",
  summary: "8-bit float (e4m3) weights and activations, compressed-tensors float-quantized",
  activations: "e4m3",
  method: "gptq",
  rotation: "no",
  outputs: 1,
  inputs: 16,
  namesGroups: false,
  config: compressedConfig("float"),
  bytes: compressedBytes,
  draft(n, k) {
    const grid = new FloatGrid(n, k);
    return {
      grid,
      tensors: (prefix, { codes }) => compressedTensors(prefix, "f8_e4m3", codes, grid.scales),
    };
  },
};
