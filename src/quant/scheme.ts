/**
 * What a quantization scheme is: how one linear layer is stored, packed and run.
 *
 * A scheme is one file and one line in `registry.ts`. Models ask for a {@linkcode Linear} by the
 * prefix of its tensors and never learn which scheme it has.
 *
 * @module
 */
import type { QuantizationConfig } from "../checkpoint/checkpoint.ts";
import type { TensorSource } from "../checkpoint/source.ts";
import type { Tensor } from "../device/mod.ts";
import type { Epilogue } from "../ops/mod.ts";
import type { WeightLoader } from "./loader.ts";

/** A linear layer ready to run: `y = x w + bias`. */
export interface Linear {
  /** Outputs. */
  readonly n: number;
  /** Inputs. */
  readonly k: number;
  /** Bytes of weights that one forward reads. */
  readonly bytes: number;
  /** Elements of activation scratch that each row needs: 0 or `k`. */
  readonly scratch: number;
  /**
   * Queues the product. `x`: activation dtype [m, k]; `y`: [m, n], activation dtype for `"store"`,
   * f32 for `"residual"` and `"logits"`; `scratch`: activation dtype [m, k] where `scratch` is not 0.
   */
  queue(y: Tensor, x: Tensor, epilogue: Epilogue, scratch?: Tensor): void;
}

/** One stored linear layer: the prefix of its tensors, e.g. `model.layers.0.mlp.up_proj`. */
export interface LinearPart {
  /** Prefix of the tensors, without the dot. */
  readonly prefix: string;
  /** Outputs. */
  readonly n: number;
  /** Inputs. */
  readonly k: number;
  /** Whether `prefix.bias` [n] is expected. */
  readonly bias: boolean;
}

/** Where the tensors of a model are, and how its config says they are quantized. */
export interface StoredWeights {
  /** The tensors. */
  readonly source: TensorSource;
  /** The parsed `quantization_config`, where there is one. */
  readonly quantization?: QuantizationConfig;
}

/** What linear layers of a scheme want to read. `"rows"`: rows of the activation dtype. */
export type ActivationForm = "rows";

/** A quantization scheme. */
export interface Scheme {
  /** Name as users write it, e.g. `w4a16-g128`; group sizes are data, so `w4a16` here. */
  readonly name: string;
  /** What its linear layers read. */
  readonly activationForm: ActivationForm;
  /** Whether the layer at `prefix` is stored in this scheme. */
  matches(weights: StoredWeights, prefix: string): boolean;
  /**
   * Checks the stored tensors of a layer without reading them, and returns the bytes that it will take
   * on a device. Throws `CheckpointError` where a tensor is missing or has the wrong dtype or shape.
   */
  check(weights: StoredWeights, part: LinearPart): number;
  /** A word for people, e.g. `w4a16-g128`. */
  describe(weights: StoredWeights, part: LinearPart): string;
  /**
   * Loads layers that read the same input, one behind another in the outputs. Returns one `Linear`, or
   * undefined where these parts cannot share one (they are then loaded one by one).
   */
  load(loader: WeightLoader, parts: readonly LinearPart[]): Linear | undefined;
}
