/**
 * GPTQ layers read whole, for tests that look at their elements.
 *
 * @module
 */
import { describeGptqLinear, type GptqConfig } from "../../src/checkpoint/formats/gptq.ts";
import type { StoredW4A16 } from "../../src/checkpoint/formats/stored_linear.ts";
import type { TensorSource } from "../../src/checkpoint/containers/source.ts";

/** A layer with its data. */
export interface WholeGptqLinear extends Omit<StoredW4A16, "scales"> {
  readonly qweight: Uint8Array<ArrayBuffer>;
  readonly scales: Uint8Array<ArrayBuffer>;
  readonly zeros?: Uint8Array<ArrayBuffer>;
}

/** Checks and reads the layer at `prefix`. */
export function readGptqLinear(
  source: TensorSource,
  prefix: string,
  config: GptqConfig,
): WholeGptqLinear {
  const linear = describeGptqLinear(source, prefix, config);
  const { scales, zeros } = linear.scales();
  return {
    ...linear,
    qweight: source.read(`${prefix}.qweight`),
    scales: new Uint8Array(scales.buffer),
    zeros,
  };
}
