/**
 * Which tensors a draft head of a given shape has, for sources that make them up.
 *
 * @module
 */
import { BLOCK_TENSORS } from "../config/block_head.ts";
import { EAGLE3_TENSORS } from "../config/eagle3_head.ts";
import type { HeadConfig } from "../config/head_config.ts";
import {
  type DecoderInput,
  Layout,
  type LayoutTensor,
  plainTensors,
  type StoredTensors,
} from "./layout.ts";

/** How a head is stored. */
export interface HeadStorage {
  /** Its linear layers, its output projection included; f16 where absent. */
  readonly linears?: StoredTensors;
  /** Whether it has an embedding table of its own, and not its verifier's. */
  readonly ownEmbedding?: boolean;
}

/** What tells the families apart: what `fc` reads, what the first layer reads, and norms. */
interface FamilyTensors {
  readonly inputs: number;
  readonly first: DecoderInput;
  readonly fcNorm?: string;
  readonly finalNorm?: string;
  readonly ownOutput: boolean;
  readonly markovRank: number;
}

function familyTensors(config: HeadConfig): FamilyTensors {
  const { hiddenSize } = config.model;
  if (config.kind === "eagle2") {
    const { ownOutput } = config;
    return { inputs: 2 * hiddenSize, first: "plain", ownOutput, markovRank: 0 };
  }
  const inputs = config.taps.count * config.taps.hiddenSize;
  const { finalNorm } = EAGLE3_TENSORS;
  if (config.kind === "eagle3") {
    return { inputs, first: "pairs", finalNorm, ownOutput: true, markovRank: 0 };
  }
  const { markovRank, ownOutput } = config;
  const fcNorm = BLOCK_TENSORS.contextNorm;
  return { inputs, first: "normed", fcNorm, finalNorm, ownOutput, markovRank };
}

/**
 * The tensors of a head. A vocabulary of its own, shorter than its verifier's, is its verifier's first tokens. Norms of taps
 * and confidence heads are left out.
 */
export function headLayout(
  file: string,
  config: HeadConfig,
  { linears = plainTensors, ownEmbedding = false }: HeadStorage = {},
): LayoutTensor[] {
  const { model, fcBias, draftVocabSize } = config;
  const { vocabSize, hiddenSize: hidden } = model;
  const { inputs, first, fcNorm, finalNorm, ownOutput, markovRank } = familyTensors(config);
  const layout = new Layout(file);
  const table = (name: string, part: string, width: number) =>
    layout.add(`${name}.weight`, "embedding", part, "f16", [vocabSize, width], width);
  const linear = (name: string, part: string, n: number, k: number) =>
    layout.linear(name, part, linears(n, k), k);
  const norm = (name: string, part: string) =>
    layout.add(name, "norm", part, "f16", [hidden], hidden);
  const { embedding, fc, output, toTokens } = EAGLE3_TENSORS;
  if (ownEmbedding) table(embedding, "embed_tokens", hidden);
  linear(fc, "fc", hidden, inputs);
  if (fcBias) layout.add(`${fc}.bias`, "bias", "fc", "f16", [hidden], inputs);
  if (fcNorm !== undefined) norm(fcNorm, "fc_norm");
  for (let i = 0; i < model.layers; i++) {
    layout.decoder(model, `layers.${i}`, i, i === 0 ? first : "normed", linears);
  }
  if (finalNorm !== undefined) norm(finalNorm, "norm");
  if (ownOutput) linear(output, "lm_head", draftVocabSize, hidden);
  if (markovRank > 0) {
    const [before, after] = BLOCK_TENSORS.markov;
    table(before, "markov_w1", markovRank);
    linear(after, "markov_w2", draftVocabSize, markovRank);
  }
  if (draftVocabSize < vocabSize) {
    // Nothing is added to an entry to make it a token.
    layout.add(toTokens, "constant", "d2t", "i64", [draftVocabSize], 1, undefined, 0);
  }
  return layout.tensors;
}
