/**
 * What a quantization scheme is: how one linear layer is packed and run.
 *
 * A scheme is one file and one line in `registry.ts`. Models ask for a {@linkcode Linear} by the
 * prefix of its tensors and never learn which scheme it has; schemes get what a format has found and
 * never learn which format it was.
 *
 * @module
 */
import type { StoredLinear } from "../checkpoint/formats/stored_linear.ts";
import type { Tensor } from "../device/mod.ts";
import type { Epilogue, QuantizedForm, QuantizedRows } from "../ops/mod.ts";
import type { WeightLoader } from "./loader.ts";

/** What a linear layer wants to read: rows of the activation dtype, or 8-bit rows with a scale each. */
export type ActivationForm = "rows" | QuantizedForm;

/** Rows of activations in some form, [m, k]. */
export type Activations = Tensor | QuantizedRows;

/** What is known of a linear layer before a byte of its weights is read. */
export interface LinearFacts {
  /** Bytes of weights on a device, which one forward reads. */
  readonly bytes: number;
  /** What it reads. */
  readonly activationForm: ActivationForm;
  /** Bytes of scratch that each row needs. */
  readonly scratch: number;
}

/** A linear layer ready to run: `y = x w + bias`. */
export interface Linear extends LinearFacts {
  /** Outputs. */
  readonly n: number;
  /** Inputs. */
  readonly k: number;
  /**
   * Queues the product. `x`: [m, k] in its form; `y`: [m, n], activation dtype for `"store"`, f32 for
   * `"residual"` and `"logits"`; `scratch`: at least m times `scratch` bytes where that is not 0.
   */
  queue(y: Tensor, x: Activations, epilogue: Epilogue, scratch?: Tensor<"u8">): void;
  /**
   * Queues the weights of the outputs `index`, i32 [m], each below n, as rows of `out`, activation dtype [m, k]; absent where
   * they are stored in a way that nothing looks up.
   */
  queueWeights?(out: Tensor, index: Tensor<"i32">): void;
}

/** One linear layer that a model asks for. */
export interface LinearPart {
  /** Prefix of the tensors, without the dot, e.g. `model.layers.0.mlp.up_proj`. */
  readonly prefix: string;
  /** Outputs. */
  readonly n: number;
  /** Inputs. */
  readonly k: number;
  /** Whether `prefix.bias` [n] is expected. */
  readonly bias: boolean;
}

/** A linear layer as it is stored, with its bias. */
export interface StoredPart<S extends StoredLinear = StoredLinear> {
  /** The weight. */
  readonly stored: S;
  /** Whether `prefix.bias` [n] is there. */
  readonly bias: boolean;
}

/** A quantization scheme, for what formats store as `S`. */
export interface Scheme<S extends StoredLinear = StoredLinear> {
  /** The kind of stored layers that it runs. */
  readonly kind: S["kind"];
  /** What its linear layers read. */
  readonly activationForm: ActivationForm;
  /** Bytes of the weight on a device. */
  bytes(stored: S): number;
  /** Bytes of scratch that each row of the activation dtype needs. */
  scratch(stored: S): number;
  /** A word for people, e.g. `w4a16-g128`. Throws where the scheme cannot run it. */
  describe(stored: S): string;
  /**
   * Loads layers that read the same input, one behind another in the outputs. Returns one `Linear`, or
   * undefined where these parts cannot share one, before anything is loaded (fewer of them then are).
   */
  load(loader: WeightLoader, parts: readonly StoredPart<S>[]): Linear | undefined;
}
