/**
 * What the heads of each family store, as data: what is checked and what is loaded.
 *
 * @module
 */
import { BLOCK_TENSORS } from "../checkpoint/config/block_head.ts";
import type { ModelConfig } from "../checkpoint/config/config.ts";
import { DRAFT_TENSORS } from "../checkpoint/config/draft_vocabulary.ts";
import { EAGLE3_TENSORS } from "../checkpoint/config/eagle3_head.ts";
import type { Head } from "../checkpoint/head.ts";
import type { LinearShape } from "../checkpoint/formats/stored_linear.ts";
import type { LinearPart, StoredWeights } from "../quant/mod.ts";
import { keyParts, type LayerInput } from "./layer.ts";

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
  /** The norm behind that. */
  readonly fcNorm?: NormPart;
  /** What the attention of layer i reads. */
  readonly layerInput: (i: number) => LayerInput;
  /** Brings what its layers give into the space of a verifier that is rotated, hidden -> hidden. */
  readonly output?: LinearPart;
  /** Its own output projection; the verifier's reads what the head gives where there is none. */
  readonly lmHead?: LinearPart;
  /** The norm behind its layers. */
  readonly finalNorm?: NormPart;
  /** What a token says about the next one: its row of a table, and what that adds to the logits. */
  readonly markov?: { readonly before: LinearShape; readonly after: LinearPart };
  /** What says how sure a row is: of the row, and of what the token before says, one output each, and a bias. */
  readonly confidence?: {
    readonly prefix: string;
    readonly inputs: readonly number[];
    readonly bias: boolean;
  };
  /** Norms of the taps: one for each, or one for all of them together. */
  readonly tapNorms: readonly NormPart[];
  /** Keys and values that all layers make of one thing, where they do: each layer's keys, then its values. */
  readonly context?: readonly LinearPart[];
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
  const { output: lmHead } = DRAFT_TENSORS;
  if (config.kind === "eagle2") {
    const rotated = tensors.names().some((name) => name.startsWith("output."));
    return {
      embedding,
      fc: linear("fc", hidden, 2 * hidden, config.fcBias),
      layerInput: firstReads("plain"),
      output: rotated ? linear("output", hidden, hidden) : undefined,
      lmHead: config.ownOutput ? linear(lmHead, config.draftVocabSize, hidden) : undefined,
      tapNorms: [],
    };
  }
  const { taps, fcBias, draftVocabSize } = config;
  const { fc, finalNorm, allNorm, eachNorm } = EAGLE3_TENSORS;
  const width = taps.count * taps.hiddenSize;
  if (config.kind !== "eagle3") {
    const { markovRank } = config;
    const [before, after] = BLOCK_TENSORS.markov;
    return {
      embedding,
      fc: linear(fc, hidden, width, fcBias),
      fcNorm: { name: BLOCK_TENSORS.contextNorm, size: hidden },
      layerInput: () => "context",
      lmHead: config.ownOutput ? linear(lmHead, draftVocabSize, hidden) : undefined,
      finalNorm: { name: finalNorm, size: hidden },
      markov: markovRank === 0 ? undefined : {
        before: { prefix: before, n: vocabSize, k: markovRank },
        after: linear(after, draftVocabSize, markovRank),
      },
      confidence: config.confidence === "none" ? undefined : {
        prefix: BLOCK_TENSORS.confidence,
        inputs: config.confidence === "markov" ? [hidden, markovRank] : [hidden],
        bias: tensors.find(`${BLOCK_TENSORS.confidence}.bias`) !== undefined,
      },
      tapNorms: [],
      context: Array.from(
        { length: config.model.layers },
        (_, i) => keyParts(config.model, `layers.${i}`, "context"),
      ).flat(),
    };
  }
  const { tapNorm } = config;
  const each = (_: unknown, i: number): NormPart => ({ name: eachNorm(i), size: taps.hiddenSize });
  return {
    embedding,
    fc: linear(fc, hidden, width, fcBias),
    layerInput: firstReads("pairs"),
    lmHead: linear(lmHead, draftVocabSize, hidden),
    finalNorm: { name: finalNorm, size: hidden },
    tapNorms: tapNorm === "each"
      ? Array.from({ length: taps.count }, each)
      : tapNorm === "all"
      ? [{ name: allNorm, size: width }]
      : [],
  };
}

/** Layers behind the first read the stream, normed. */
function firstReads(input: LayerInput): HeadTensors["layerInput"] {
  return (i) => i === 0 ? input : "normed";
}

/** The embedding table of a head that has one. */
function embeddingShape({ vocabSize, hiddenSize }: ModelConfig): LinearShape {
  return { prefix: EAGLE3_TENSORS.embedding, n: vocabSize, k: hiddenSize };
}

/** Whether `head` has an embedding of its own; that of a block drafter is a copy of its verifier's. */
export function hasEmbedding({ tensors, config: { kind } }: Head): boolean {
  if (kind === "dflash" || kind === "dspark") return false;
  return tensors.find(`${EAGLE3_TENSORS.embedding}.weight`) !== undefined;
}

/** Where the weights of a head come from. */
export function storedWeights({ tensors, quantization }: Head): StoredWeights {
  return { source: tensors, quantization };
}
