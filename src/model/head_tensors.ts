/**
 * What the heads of each family store, as data: what is checked and what is loaded.
 *
 * @module
 */
import type { ModelConfig } from "../checkpoint/config/config.ts";
import { EAGLE3_TENSORS } from "../checkpoint/config/eagle3_head.ts";
import type { Head } from "../checkpoint/head.ts";
import type { LinearShape } from "../checkpoint/formats/stored_linear.ts";
import type { LinearPart, StoredWeights } from "../quant/mod.ts";
import type { LayerInput } from "./layer.ts";

/** The weight of a norm. */
export interface NormPart {
  /** Its tensor. */
  readonly name: string;
  /** Its elements. */
  readonly size: number;
}

/** What a head stores beside its layers' usual tensors. */
export interface HeadTensors {
  /** Width of a token's embedding. */
  readonly embedding: LinearShape;
  /** Joins what the head reads. */
  readonly fc: LinearPart;
  /** What the attention of its first layer reads. */
  readonly layerInput: LayerInput;
  /** Brings what its layers give into the space of a verifier that is rotated, hidden -> hidden. */
  readonly output?: LinearPart;
  /** Its own output projection; the verifier's reads what the head gives where there is none. */
  readonly lmHead?: LinearPart;
  /** The norm behind its layers. */
  readonly finalNorm?: NormPart;
  /** Norms of the taps: one for each, or one for all of them together. */
  readonly tapNorms: readonly NormPart[];
}

/** What `head` stores. */
export function headTensors(head: Head): HeadTensors {
  const { config, tensors } = head;
  const { hiddenSize: hidden, vocabSize } = config.model;
  const linear = (prefix: string, n: number, k: number, bias = false): LinearPart => ({
    prefix,
    n,
    k,
    bias,
  });
  const embedding = embeddingShape(config.model);
  if (config.kind === "eagle2") {
    const rotated = tensors.names().some((name) => name.startsWith("output."));
    return {
      embedding,
      fc: linear("fc", hidden, 2 * hidden, config.fcBias),
      layerInput: "plain",
      output: rotated ? linear("output", hidden, hidden) : undefined,
      tapNorms: [],
    };
  }
  const { taps, tapNorm, fcBias, draftVocabSize = vocabSize } = config;
  const { fc, finalNorm, output, allNorm, eachNorm } = EAGLE3_TENSORS;
  const width = taps.count * taps.hiddenSize;
  const each = (_: unknown, i: number): NormPart => ({ name: eachNorm(i), size: taps.hiddenSize });
  return {
    embedding,
    fc: linear(fc, hidden, width, fcBias),
    layerInput: "pairs",
    lmHead: linear(output, draftVocabSize, hidden),
    finalNorm: { name: finalNorm, size: hidden },
    tapNorms: tapNorm === "each"
      ? Array.from({ length: taps.count }, each)
      : tapNorm === "all"
      ? [{ name: allNorm, size: width }]
      : [],
  };
}

/** The embedding table of a head that has one. */
function embeddingShape({ vocabSize, hiddenSize }: ModelConfig): LinearShape {
  return { prefix: EAGLE3_TENSORS.embedding, n: vocabSize, k: hiddenSize };
}

/** Whether `head` has an embedding of its own. */
export function hasEmbedding({ tensors }: Head): boolean {
  return tensors.find(`${EAGLE3_TENSORS.embedding}.weight`) !== undefined;
}

/** Where the weights of a head come from. */
export function storedWeights({ tensors, quantization }: Head): StoredWeights {
  return { source: tensors, quantization };
}
