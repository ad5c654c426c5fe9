/**
 * What quantizing a checkpoint takes on disk, known before it begins.
 *
 * @module
 */
import type { TensorSource } from "../../checkpoint/containers/source.ts";
import type { Quantizer } from "../quantizers/quantizer.ts";
import { companionBytes } from "./config_json.ts";
import type { HiddenStates } from "./hidden_states.ts";
import { LINEARS } from "./layer_plan.ts";
import { LM_HEAD } from "./names.ts";
import type { OutputProjection } from "./output_projection.ts";
import { type ModelRotation, rotationBytes } from "./rotate_model.ts";

/** What is made of a model. */
export interface Making {
  /** The scheme of its linear layers; as they are where absent. */
  readonly quantizer?: Quantizer;
  /** Its output projection. */
  readonly output: OutputProjection;
  /** How it is rotated. */
  readonly rotation?: ModelRotation;
  /** The states of the calibration text. */
  readonly hidden?: HiddenStates;
}

/** About the bytes that headers, an index and a configuration have for each tensor of the model. */
const HEADER_BYTES = 1000;

/** About the bytes that the copy of the model in `dir`, and the work on it, take together at most. */
export function diskBytes(dir: string, source: TensorSource, making: Making): number {
  const { quantizer, output, rotation, hidden } = making;
  const names = source.names();
  let bytes = companionBytes(dir) + output.bytes + HEADER_BYTES * names.length;
  if (rotation !== undefined) bytes += rotationBytes(rotation);
  // The states behind a step are written while those before it are there.
  if (hidden !== undefined) bytes += 2 * hidden.bytes;
  for (const name of names) {
    if (name === LM_HEAD) continue;
    const { bytes: before, shape: [n, k] } = source.info(name);
    bytes += quantizer !== undefined && isLinear(name) ? quantizer.bytes(n, k) : before;
  }
  return bytes;
}

/** Whether a tensor is the weight of a linear layer of a decoder layer. */
function isLinear(name: string): boolean {
  const found = /^model\.layers\.\d+\.(.+)\.weight$/.exec(name);
  return found !== null && LINEARS.includes(found[1]);
}
