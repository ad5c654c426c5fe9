/**
 * Where schemes look their layers up.
 *
 * @module
 */
import type { TensorSource } from "../checkpoint/containers/source.ts";
import type { QuantizationConfig } from "../checkpoint/formats/quantization.ts";

/** Where the tensors of a model are, and how its config says they are quantized. */
export interface StoredWeights {
  /** The tensors. */
  readonly source: TensorSource;
  /** The parsed `quantization_config`, where there is one. */
  readonly quantization?: QuantizationConfig;
}
