/**
 * How many parameters a model has, however they are stored.
 *
 * @module
 */
import type { ModelConfig } from "../../checkpoint/config/config.ts";

/** Parameters of the decoder layers of `config`. */
function layerParameters(config: ModelConfig): number {
  const { hiddenSize: hidden, intermediateSize: inter, heads, kvHeads, headDim } = config;
  const [q, kv] = [heads * headDim, kvHeads * headDim];
  const biases = (config.qkvBias ? q + 2 * kv : 0) + (config.outputBias ? hidden : 0) +
    (config.mlpBias ? 2 * inter + hidden : 0);
  const norms = 2 * hidden + (config.qkNorm ? 2 * headDim : 0);
  return hidden * (2 * q + 2 * kv) + 3 * hidden * inter + biases + norms;
}

/** Parameters of a model; tied embeddings count once. */
export function modelParameters(config: ModelConfig): number {
  const { vocabSize, hiddenSize, layers, tiedEmbeddings } = config;
  const embeddings = vocabSize * hiddenSize * (tiedEmbeddings ? 1 : 2);
  return embeddings + layers * layerParameters(config) + hiddenSize;
}

/** Parameters of an EAGLE-2 head; its layer has no norm before attention. */
export function headParameters(
  config: ModelConfig,
  { fcBias, ownEmbedding }: { readonly fcBias: boolean; readonly ownEmbedding: boolean },
): number {
  const { vocabSize, hiddenSize, layers } = config;
  const fc = 2 * hiddenSize * hiddenSize + (fcBias ? hiddenSize : 0);
  return fc + layers * layerParameters(config) - hiddenSize +
    (ownEmbedding ? vocabSize * hiddenSize : 0);
}
