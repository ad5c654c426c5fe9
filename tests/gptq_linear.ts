/**
 * GPTQ layers read whole, for tests that look at their elements.
 *
 * @module
 */
import {
  checkScales,
  describeGptqLinear,
  type GptqConfig,
  type GptqLinear,
} from "../src/checkpoint/gptq.ts";
import type { TensorSource } from "../src/checkpoint/source.ts";

/** A layer with its data. */
export interface WholeGptqLinear extends GptqLinear {
  readonly qweight: Uint8Array<ArrayBuffer>;
  readonly scales: Uint8Array<ArrayBuffer>;
}

/** Checks and reads the layer at `prefix`. */
export function readGptqLinear(
  source: TensorSource,
  prefix: string,
  config: GptqConfig,
): WholeGptqLinear {
  const linear = describeGptqLinear(source, prefix, config);
  const scales = source.read(`${prefix}.scales`);
  checkScales(source, `${prefix}.scales`, scales);
  return { ...linear, qweight: source.read(`${prefix}.qweight`), scales };
}
