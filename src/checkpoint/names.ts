/**
 * Names of tensors, as models and heads are asked for them, and what files call them instead.
 *
 * @module
 */
import { renamed } from "./containers/views.ts";
import type { TensorSource } from "./containers/source.ts";

/** The embedding of a model. */
export const EMBEDDING = "model.embed_tokens.weight";

/** The weight of a model's last norm. */
export const FINAL_NORM = "model.norm.weight";

/** The output projection of a model, where it is not quantized. */
export const OUTPUT = "lm_head.weight";

/**
 * A model's tensors by their usual names. As transformers 5 does, `model.` is put before the names of a model that was
 * saved without its output projection, and the embedding of a tied model may be stored as its output projection.
 */
export function modelNames(source: TensorSource, tied: boolean): TensorSource {
  const plain = renamed(source, (name) => {
    if (/^(embed_tokens|layers|norm)\./.test(name)) return `model.${name}`;
    return name.replace(/^model\.(?=lm_head\.)/, "");
  });
  if (!tied || plain.find(EMBEDDING) !== undefined) return plain;
  return renamed(plain, (name) => name === OUTPUT ? EMBEDDING : name);
}

/** A head's tensors by their usual names: without a `model.` before them, and its layer as `layers.0`, not `midlayer`. */
export function headNames(source: TensorSource): TensorSource {
  return renamed(
    source,
    (name) => name.replace(/^model\./, "").replace(/^midlayer\./, "layers.0."),
  );
}

/** The name of a tensor with `*` for the layer's number. */
export function layerPattern(name: string): string {
  return name.replace(/(^|\.)layers\.\d+\./, "$1layers.*.");
}
