/**
 * Directories of draft heads, of any family.
 *
 * @module
 */
import { CheckpointError } from "../base/errors.ts";
import { pathOf } from "../base/options.ts";
import { isGguf } from "../gguf/mod.ts";
import { readConfig } from "./checkpoint.ts";
import { type HeadConfig, refuse } from "./config/head_config.ts";
import { familyOf } from "./config/head_families.ts";
import { type UnusedKey, unusedKeys } from "./config/unused_keys.ts";
import { disposing, type TensorSource } from "./containers/source.ts";
import { openWeights } from "./containers/weights.ts";
import {
  findDescription,
  type QuantizationConfig,
  quantizationOf,
} from "./formats/quantization.ts";
import { expectKind } from "./kind.ts";
import { headNames } from "./names.ts";

export type { HeadConfig };

/** An open head. Disposing it closes its files. */
export interface Head extends Disposable {
  /** The directory, as given. */
  readonly dir: string;
  /** Its configuration. */
  readonly config: HeadConfig;
  /** Its weights, by their usual names. */
  readonly tensors: TensorSource;
  /** How they are quantized, where they are. */
  readonly quantization?: QuantizationConfig;
  /** Keys of its JSON files that nothing uses. */
  readonly unusedKeys: readonly UnusedKey[];
}

/** Tensors that only other kinds of head have, with what they mean. */
const OTHER_TENSORS: readonly (readonly [string, string])[] = [
  ["mask_hidden", "a P-EAGLE head (tensor mask_hidden)"],
  ["rms_norm_rotation.weight", "a head of a rotated model"],
];

/** Opens the head in `from`, a path or a `file:` URL. Reads configuration and headers, no weights. */
export function openHead(from: string | URL): Head {
  const dir = pathOf("open a head", "from", from);
  if (isGguf(dir)) {
    throw new CheckpointError(dir, "it is a GGUF file, expected the directory of a draft head");
  }
  const { file, object } = readConfig(dir);
  const stored = openWeights(dir);
  return disposing(stored, () => {
    expectKind("head", dir, stored);
    const tensors = headNames(stored);
    for (const [name, feature] of OTHER_TENSORS) if (tensors.find(name)) refuse(feature);
    const family = familyOf(tensors);
    const fields = family.fields(file, object, tensors);
    const config = family.read(fields, tensors);
    const quantization = quantizationOf(findDescription(dir, fields), tensors);
    return {
      dir,
      config,
      tensors,
      ...(quantization && { quantization }),
      unusedKeys: unusedKeys(fields),
      [Symbol.dispose]: () => tensors[Symbol.dispose](),
    };
  });
}
