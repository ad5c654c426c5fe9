/**
 * Names of tensors outside of decoder layers.
 *
 * @module
 */

/** Token embeddings. */
export const EMBEDDING = "model.embed_tokens.weight";

/** The norm behind the last layer. */
export const FINAL_NORM = "model.norm.weight";

/** The output projection. */
export const LM_HEAD = "lm_head.weight";
