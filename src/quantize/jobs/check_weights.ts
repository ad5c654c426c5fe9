/**
 * Whether all linear layers of a model can be quantized, before the first of them is read.
 *
 * @module
 */
import { CheckpointError, UnsupportedModelError } from "../../base/errors.ts";
import type { TensorSource } from "../../checkpoint/containers/source.ts";
import type { Quantizer } from "../quantizers/quantizer.ts";
import { allQuantizers } from "../quantizers/registry.ts";
import { LINEARS } from "./layer_plan.ts";
import { floatDType } from "./tensors.ts";

/** A linear layer's weight. */
export interface Weight {
  /** Its name. */
  readonly name: string;
  /** Outputs. */
  readonly n: number;
  /** Inputs. */
  readonly k: number;
}

/**
 * Checks the weights of `layers` decoder layers. Throws what names the first tensor at fault, and the schemes that
 * all of the weights would fit.
 */
export function checkWeights(source: TensorSource, layers: number, quantizer?: Quantizer): void {
  const weights: Weight[] = [];
  for (let layer = 0; layer < layers; layer++) {
    for (const name of LINEARS) {
      weights.push(weightOf(source, `model.layers.${layer}.${name}.weight`));
    }
  }
  if (quantizer !== undefined) checkFits(weights, quantizer, "model");
}

/** Throws what names the first of the weights that `quantizer` has no place for, and the schemes that all of them would fit. */
export function checkFits(
  weights: readonly Weight[],
  quantizer: Quantizer,
  what: "model" | "head",
): void {
  for (const weight of weights) {
    const why = misfit(weight, quantizer);
    if (why === undefined) continue;
    const others = allQuantizers().filter((other) =>
      hasZeros(other) === hasZeros(quantizer) && weights.every((one) => !misfit(one, other))
    );
    throw new UnsupportedModelError(
      `quantizing tensor "${weight.name}" of ${why.size} ${why.what} to ${quantizer.title}`,
      `expected a multiple of ${why.multiple}` +
        (others.length === 0
          ? `; no scheme takes this ${what}`
          : `; this ${what} can be quantized to ${others.map(({ title }) => title).join(", ")}`),
    );
  }
}

/** Whether zero points were asked for. */
function hasZeros({ scheme, title }: Quantizer): boolean {
  return title !== scheme;
}

/** The weight `name` of a source; a CheckpointError where it is no float matrix. */
export function weightOf(source: TensorSource, name: string): Weight {
  const info = source.info(name);
  const { file, shape } = info;
  floatDType(info);
  if (shape.length !== 2 || shape.includes(0)) {
    throw new CheckpointError(file, `its shape is [${shape.join(", ")}], expected [n, k]`, name);
  }
  return { name, n: shape[0], k: shape[1] };
}

/** What of a weight a scheme has no place for. */
function misfit(
  { n, k }: Weight,
  { outputs, inputs }: Quantizer,
): { readonly size: number; readonly multiple: number; readonly what: string } | undefined {
  if (n % outputs !== 0) return { size: n, multiple: outputs, what: "outputs" };
  return k % inputs === 0 ? undefined : { size: k, multiple: inputs, what: "inputs" };
}
