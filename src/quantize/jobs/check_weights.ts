/**
 * Whether all linear layers of a model can be quantized, before the first of them is read.
 *
 * @module
 */
import { CheckpointError, UnsupportedModelError } from "../../base/errors.ts";
import type { TensorSource } from "../../checkpoint/containers/source.ts";
import type { Quantizer } from "../quantizers/quantizer.ts";
import { READERS } from "./layer_plan.ts";
import { floatDType } from "./tensors.ts";

/** Checks the weights of `layers` decoder layers; throws what names the first tensor at fault. */
export function checkWeights(source: TensorSource, layers: number, quantizer?: Quantizer): void {
  for (let layer = 0; layer < layers; layer++) {
    for (const name of READERS.flatMap(({ linears }) => linears)) {
      checkWeight(source, `model.layers.${layer}.${name}.weight`, quantizer);
    }
  }
}

function checkWeight(source: TensorSource, name: string, quantizer: Quantizer | undefined): void {
  const info = source.info(name);
  const { file, shape } = info;
  floatDType(info);
  if (shape.length !== 2 || shape.includes(0)) {
    throw new CheckpointError(file, `its shape is [${shape.join(", ")}], expected [n, k]`, name);
  }
  if (quantizer === undefined) return;
  for (
    const [size, multiple, what] of [
      [shape[0], quantizer.outputs, "outputs"],
      [shape[1], quantizer.inputs, "inputs"],
    ] as const
  ) {
    if (size % multiple === 0) continue;
    throw new UnsupportedModelError(
      `quantizing tensor "${name}" of ${size} ${what} to ${quantizer.scheme}`,
      `expected a multiple of ${multiple}`,
    );
  }
}
