/**
 * Directories of EAGLE-2 draft heads.
 *
 * @module
 */
import { CheckpointError } from "../base/errors.ts";
import { pathOf } from "../base/options.ts";
import { readConfig } from "./checkpoint.ts";
import { type HeadConfig, parseHeadConfig, refuse } from "./config/head_config.ts";
import { disposing, type TensorSource } from "./containers/source.ts";
import { openWeights } from "./containers/weights.ts";
import { findQuantization, type QuantizationConfig } from "./formats/quantization.ts";

export type { HeadConfig };

/** An open head. Disposing it closes its files. */
export interface Head extends Disposable {
  /** The directory, as given. */
  readonly dir: string;
  /** Its configuration. */
  readonly config: HeadConfig;
  /** Its weights. */
  readonly tensors: TensorSource;
  /** How they are quantized, where they are. */
  readonly quantization?: QuantizationConfig;
}

/** Tensors that only other kinds of head have, with what they mean. */
const OTHER_TENSORS: readonly (readonly [string, string])[] = [
  ["d2t", "an EAGLE-3 head (tensor d2t)"],
  ["midlayer.self_attn.q_proj.weight", "an EAGLE-3 head (tensor midlayer)"],
  ["layers.0.hidden_norm.weight", "an EAGLE-3 head (tensor hidden_norm)"],
  ["rms_norm_rotation.weight", "a head of a rotated model"],
];

/** Opens the head in `from`, a path or a `file:` URL. Reads configuration and headers, no weights. */
export function openHead(from: string | URL): Head {
  const dir = pathOf("open a head", "from", from);
  const rawConfig = readConfig(dir);
  const config = parseHeadConfig(`${dir}/config.json`, rawConfig);
  const tensors = openWeights(dir);
  const quantization = disposing(tensors, () => {
    for (const [name, feature] of OTHER_TENSORS) if (tensors.find(name)) refuse(feature);
    checkBias(dir, config, tensors);
    return findQuantization(dir, rawConfig, tensors);
  });
  return {
    dir,
    config,
    tensors,
    ...(quantization && { quantization }),
    [Symbol.dispose]: () => tensors[Symbol.dispose](),
  };
}

/** The bias of `fc` is there where the configuration says so, and only there. */
function checkBias(dir: string, { fcBias }: HeadConfig, tensors: TensorSource): void {
  // A quantized layer has tensors of other names.
  const first = tensors.names().find((name) => name.startsWith("fc.")) ?? "fc.weight";
  const { file } = tensors.info(first);
  if (fcBias === (tensors.find("fc.bias") !== undefined)) return;
  const key = `as "bias" of ${dir}/config.json is ${fcBias}`;
  throw new CheckpointError(
    file,
    fcBias ? `it is missing, expected one ${key}` : `it is there, expected none ${key}`,
    "fc.bias",
  );
}
