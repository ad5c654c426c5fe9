/**
 * Whether a model's output projection is its embedding: what its configuration says, unless its tensors say otherwise.
 *
 * @module
 */
import { warn } from "../base/warnings.ts";
import { sameShape } from "../base/shape.ts";
import { hasQuantizedOutput } from "./config/draft_vocabulary.ts";
import { EMBEDDING, OUTPUT } from "./names.ts";
import { sameRows } from "./same_rows.ts";
import type { TensorSource } from "./containers/source.ts";

/**
 * Whether the output projection of `source`, whose configuration ties it, is the embedding. It is not, as in
 * transformers 5, where there is one that differs, or a quantized one.
 */
export function isTied(dir: string, source: TensorSource): boolean {
  if (hasQuantizedOutput(source)) return false;
  if (source.find(OUTPUT) === undefined || isEmbedding(source)) return true;
  warn(
    `${dir}: its configuration ties embeddings (tie_word_embeddings), but ${OUTPUT} differs from ${EMBEDDING}; ` +
      `${OUTPUT} is used`,
  );
  return false;
}

/** Whether the output projection is stored, too, and is the embedding. */
function isEmbedding(source: TensorSource): boolean {
  const [embedding, output] = [source.info(EMBEDDING), source.info(OUTPUT)];
  return embedding.dtype === output.dtype && sameShape(embedding.shape, output.shape) &&
    sameRows({ source, name: EMBEDDING }, { source, name: OUTPUT });
}
