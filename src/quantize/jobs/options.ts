/**
 * What quantizing a checkpoint is asked to do, and what it tells.
 *
 * @module
 */
import type { Device } from "../../device/mod.ts";
import type { InputOrder } from "../methods/gptq.ts";
import type { ZeroPoints } from "../quantizers/w4a16.ts";

/** Where {@link quantizeCheckpoint} stands. */
export interface QuantizeProgress {
  /** Shares of layers done in this run. */
  readonly done: number;
  /** Layers (with what is before the first and behind the last) that this run had to do. */
  readonly total: number;
  /** What is being done, in a few words. */
  readonly stage: string;
}

/** What {@link quantizeCheckpoint} leaves where it ends early. */
export interface QuantizeKept {
  /** The directory that it lies in. */
  readonly dir: string;
  /** Layers (with what is before the first and behind the last) that are done. */
  readonly done: number;
  /** All of them. */
  readonly total: number;
}

/** What {@link quantizeCheckpoint} is asked to do. */
export interface QuantizeOptions {
  /** Directory of the unquantized checkpoint: a path or a `file:` URL, like the others. */
  readonly model: string | URL;
  /** Directory to write, absent or empty (then files move into it), not inside `model`; its parent must exist. */
  readonly out: string | URL;
  /** The scheme, e.g. `w4a16-g128`; `f16` writes a rotated copy that is not quantized. */
  readonly scheme: string;
  /** The method; the scheme's best where absent. */
  readonly method?: string;
  /** Where zero points of W4A16 are stored; none by default. */
  readonly zeroPoints?: ZeroPoints;
  /** A file of calibration text; a built-in sample where absent. */
  readonly calibration?: string | URL;
  /** Most calibration texts; 128 by default. */
  readonly calibrationTexts?: number;
  /** Most tokens of each; 512 by default. */
  readonly calibrationTokens?: number;
  /** Share of the mean of the Hessian's diagonal that GPTQ adds to it, 0 to 1; 0.01 by default. */
  readonly damping?: number;
  /** Which inputs GPTQ takes first; `static` by default. */
  readonly order?: InputOrder;
  /** Whether a rotation is folded into the weights; by default with W4A8, unless the model is rotated already. */
  readonly rotate?: boolean;
  /** What the rotation is drawn from, a whole number below 2^30; 0 by default. */
  readonly seed?: number;
  /** How the output projection is stored; as in the model where absent. */
  readonly lmHead?: "w4a16" | "w8a16";
  /** Opens the device that layers run on; asked only where a method needs it. */
  readonly device?: () => Device;
  /** Threads that share the rows of a weight, this one included; 0, the default, for one a core. */
  readonly threads?: number;
  /** Hears where the work stands. */
  readonly onProgress?: (progress: QuantizeProgress) => void;
  /** Hears what stays for the next run where this one is stopped or fails; not where nothing is worth it. */
  readonly onKept?: (kept: QuantizeKept) => void;
  /** Stops the work; what is finished stays for the next run. */
  readonly signal?: AbortSignal;
}

/** What {@link quantizeCheckpoint} did. */
export interface QuantizeResult {
  /** Linear layers quantized. */
  readonly quantized: number;
  /** Bytes of all tensors before. */
  readonly bytesBefore: number;
  /** Bytes of all tensors after. */
  readonly bytesAfter: number;
  /** The method. */
  readonly method: string;
  /** Whether a rotation was folded into the weights: heads of the model must then be converted. */
  readonly rotated: boolean;
  /** Tokens of calibration text; 0 where none was read. */
  readonly calibrationTokens: number;
  /** Parts that an earlier run had finished. */
  readonly resumed: number;
}
