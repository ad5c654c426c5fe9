/**
 * How many parameters a model has, however they are stored.
 *
 * @module
 */
import type { ModelConfig } from "../../checkpoint/config/config.ts";
import type { Head } from "../../checkpoint/head.ts";
import { hasEmbedding, headTensors } from "../../model/mod.ts";

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

/** Parameters of a head; what joins embeddings of a rotated model to it counts, the maps of a vocabulary do not. */
export function headParameters(head: Head): number {
  const { config: { model } } = head;
  const { hiddenSize: hidden, heads, kvHeads, headDim } = model;
  const { embedding, fc, output, lmHead, markov, confidence, layerInput, ...rest } = headTensors(
    head,
  );
  const linears = [fc, output, lmHead, markov?.after].filter((part) => part !== undefined)
    .reduce((sum, { n, k, bias }) => sum + n * k + (bias ? n : 0), 0);
  const sure = confidence
    ? confidence.inputs.reduce((sum, width) => sum + width, confidence.bias ? 1 : 0)
    : 0;
  const norms = [...rest.tapNorms, rest.fcNorm, rest.finalNorm].filter((norm) => norm !== undefined)
    .reduce((sum, { size }) => sum + size, 0);
  const tables = [...(hasEmbedding(head) ? [embedding] : []), ...(markov ? [markov.before] : [])]
    .reduce((sum, { n, k }) => sum + n * k, 0);
  // Its first layer has no norm before attention, or two, and reads twice as much.
  const first = {
    plain: -hidden,
    normed: 0,
    context: 0,
    pairs: hidden + hidden * (heads + 2 * kvHeads) * headDim,
  };
  return linears + norms + tables + sure + model.layers * layerParameters(model) +
    first[layerInput(0)];
}
