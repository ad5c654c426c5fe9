/**
 * What a format of quantized checkpoints is. A format is one file and one line in `quantization.ts`.
 *
 * @module
 */
import type { Fields } from "../containers/json.ts";
import type { TensorSource } from "../containers/source.ts";
import type { LinearShape, StoredLinear } from "./stored_linear.ts";

/** A way to store quantized linear layers. `C` is what its description says. */
export interface Format<C> {
  /**
   * Checks the keys of a description. A CheckpointError names the key; an UnsupportedModelError what this
   * project does not read.
   */
  parse(fields: Fields): C;
  /**
   * The linear layer at `shape.prefix`, its tensors' dtypes and shapes checked, or undefined where the format
   * leaves it as it was. Reads zero points and orders, neither weights nor scales.
   */
  linear(source: TensorSource, shape: LinearShape, config: C): StoredLinear | undefined;
}
