/**
 * Tensors of a checkpoint that a model or a head does not use.
 *
 * @module
 */
import { warn } from "../base/warnings.ts";
import type { RecordedSource } from "../checkpoint/containers/views.ts";
import { layerPattern } from "../checkpoint/names.ts";

/** A tensor that is not used. */
export interface UnusedTensor {
  /** Its name. */
  readonly name: string;
  /** The file that holds it. */
  readonly file: string;
  /** Whether something would be another if it were used. */
  readonly matters: boolean;
}

/**
 * What can be computed from the configuration, what engines have left behind, an embedding and an output projection that are
 * other tensors of the model (any other would have been used).
 */
const HARMLESS = [
  /(^|\.)rotary_emb\.(inv_freq|cos_cached|sin_cached)$/,
  /(^|\.)(position_ids|masked_bias|attn\.bias)$/,
  /\.(weight_g_idx|workspace|wf)$/,
  /^(lm_head|embed_tokens)\.weight$/,
];

/** A bias of more bytes is none. */
const BIAS_BYTES = 2 ** 20;

/**
 * The tensors of `source` that nothing has looked up. One without elements and a bias of zeros, as quantizers write
 * them, do not matter.
 */
export function unusedTensors(source: RecordedSource): UnusedTensor[] {
  return source.unused().map((name) => {
    const { file, bytes } = source.info(name);
    const isNothing = bytes === 0 || name.endsWith(".bias") && bytes <= BIAS_BYTES &&
        source.read(name).every((byte) => byte === 0);
    return { name, file, matters: !isNothing && !HARMLESS.some((pattern) => pattern.test(name)) };
  });
}

/** Warns of those that matter; `consequence` says for what. */
export function warnOfTensors(
  dir: string,
  unused: readonly UnusedTensor[],
  consequence: string,
): void {
  const counts = new Map<string, number>();
  for (const { name, matters } of unused) {
    if (!matters) continue;
    const pattern = layerPattern(name);
    counts.set(pattern, (counts.get(pattern) ?? 0) + 1);
  }
  if (counts.size === 0) return;
  const named = [...counts].map(([name, count]) => count === 1 ? name : `${name} (${count})`);
  warn(`${dir}: ${consequence}, as these tensors are not used: ${named.join(", ")}`);
}
