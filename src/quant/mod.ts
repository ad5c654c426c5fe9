/**
 * Quantization schemes: how linear layers are stored, packed and run.
 *
 * @module
 */
export * from "./scheme.ts";
export * from "./loader.ts";
export * from "./registry.ts";
export type { StoredWeights } from "./stored_weights.ts";
export { f16Linear } from "./f16.ts";
export { factsOfRows, quantizedBytes, quantizedRowsIn, readingRows } from "./activation.ts";
export {
  checkEmbedding,
  type Embedding,
  type EmbeddingSummary,
  loadEmbedding,
} from "./embedding.ts";
