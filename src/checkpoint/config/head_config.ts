/**
 * What is known of a draft head: a description for each family, which a file's tensors and keys give, never a name.
 *
 * @module
 */
import { UnsupportedModelError } from "../../base/errors.ts";
import type { Fields } from "../containers/json.ts";
import type { TensorSource } from "../containers/source.ts";
import type { ModelConfig } from "./config.ts";

/** An EAGLE-2 head: `fc` joins an embedding and the verifier's last hidden state, behind its final norm. */
export interface Eagle2Config {
  /** The family. */
  readonly kind: "eagle2";
  /** Widths, rope and norms of its decoder layer; `layers` is 1. Its biases and norms are those that there are tensors of. */
  readonly model: ModelConfig;
  /** Whether `fc` has a bias. */
  readonly fcBias: boolean;
  /** Entries of its logits, recent tokens aside. */
  readonly draftVocabSize: number;
  /** Whether it has an output projection of its own: a trimmed or a quantized one; its verifier's serves where not. */
  readonly ownOutput: boolean;
  /** Recent tokens: entries behind those of the file, for tokens of the text that it has not; see {@linkcode recentTokensOf}. */
  readonly recentTokens: number;
}

/** Hidden states of the verifier that a head reads. */
export interface HeadTaps {
  /** How many it reads of a token. */
  readonly count: number;
  /**
   * Which: how many of the verifier's layers have run. 0 is the embedding, n what leaves layer n - 1 (counted from 0) and
   * enters layer n, before any norm. This is the one numbering here; `tap_ids.ts` brings those of files to it. Absent
   * where a file names none: {@linkcode tapsFor} has them.
   */
  readonly layers?: readonly number[];
  /** Width of each: the verifier's hidden size. */
  readonly hiddenSize: number;
  /** Layers of the verifier that it was trained for, where its file says. */
  readonly verifierLayers?: number;
}

/** An EAGLE-3 head: `fc` joins the taps; its layer reads pairs of an embedding and that, each normed. */
export interface Eagle3Config {
  /** The family. */
  readonly kind: "eagle3";
  /** Widths, rope and norms of its decoder layer, likewise; its vocabulary is the verifier's. */
  readonly model: ModelConfig;
  /** Whether `fc` has a bias. */
  readonly fcBias: boolean;
  /** What it reads. */
  readonly taps: HeadTaps;
  /** What is normed before `fc`: each tap by a norm of its own (EAGLE-3.1), all taps together, or none. */
  readonly tapNorm: "each" | "all" | "none";
  /** Whether the layer adds to the normed hidden state, and not to what the norm reads. */
  readonly normedResidual: boolean;
  /** Whether the next step reads what the last norm gives (EAGLE-3.1), and not what the layer gives. */
  readonly normedOutput: boolean;
  /** Entries of its logits, recent tokens aside. */
  readonly draftVocabSize: number;
}

/**
 * A block drafter: `fc` joins the taps of every token of the text, whose keys and values its layers keep; one pass over the
 * last token and masks behind it drafts a block.
 */
export interface BlockConfig {
  /** The family: `dspark` with a Markov head, `dflash` without. */
  readonly kind: "dflash" | "dspark";
  /** Widths, rope and norms of its decoder layers; its vocabulary is the verifier's. */
  readonly model: ModelConfig;
  /** Whether `fc` has a bias. */
  readonly fcBias: boolean;
  /** What it reads. */
  readonly taps: HeadTaps;
  /** Rows of the blocks that it was trained on, the last token of the text included. */
  readonly blockSize: number;
  /** The token whose embedding stands for tokens that are not known yet. */
  readonly maskToken: number;
  /** Whether the row of the last token predicts the first of the block; a row of a mask predicts its own token where not. */
  readonly fromAnchor: boolean;
  /** Whether a row sees no rows behind it. */
  readonly causal: boolean;
  /** Width of what a token says about the next one; 0 of `dflash`. */
  readonly markovRank: number;
  /** What its confidence head reads: a row, a row and what the token before says, or nothing where there is none. */
  readonly confidence: "hidden" | "markov" | "none";
  /** Entries of its logits, recent tokens aside. */
  readonly draftVocabSize: number;
  /** Whether it has an output projection of its own: a trimmed or a quantized one; its verifier's serves where not. */
  readonly ownOutput: boolean;
  /** Recent tokens: entries behind those of the file, for tokens of the text that it has not; see {@linkcode recentTokensOf}. */
  readonly recentTokens: number;
}

/** A description of any family. */
export type HeadConfig = Eagle2Config | Eagle3Config | BlockConfig;

/**
 * The recent tokens of a head: so many further entries of its logits are for tokens that its vocabulary has not and that the
 * text has said last. Their rows are its verifier's. None of an EAGLE-3 head, whose projection is not its verifier's.
 */
export function recentTokensOf(config: HeadConfig): number {
  return config.kind === "eagle3" ? 0 : config.recentTokens;
}

/** A family of heads: how a file is known to be one of it, and how it is read. */
export interface HeadFamily {
  /** The family. */
  readonly kind: HeadConfig["kind"];
  /** Whether these tensors, by their usual names, can only be such a head's. */
  owns(tensors: TensorSource): boolean;
  /** The keys of the JSON of `file`, as those of a model of the layer's family. */
  fields(file: string, json: unknown, tensors: TensorSource): Fields;
  /** The description; refuses by name what is nearly such a head. */
  read(fields: Fields, tensors: TensorSource): HeadConfig;
}

/** The taps that a head reads of a verifier of `layers` layers; those of EAGLE-3's paper where its file names none. */
export function tapsFor({ layers: named }: HeadTaps, layers: number): readonly number[] {
  return named ?? [2, Math.floor(layers / 2), layers - 3];
}

/** Whether `tensors` have a bias for the layer `name`. */
export function hasBias(tensors: TensorSource, name: string): boolean {
  return tensors.find(`${name}.bias`) !== undefined;
}

/** The model of a head's layer `layers.0`, with the biases and norms that there are tensors of. */
export function withTensors(model: ModelConfig, tensors: TensorSource): ModelConfig {
  const any = (parent: string, what: string, ...names: string[]): boolean =>
    names.some((name) => tensors.find(`layers.0.${parent}.${name}.${what}`) !== undefined);
  return {
    ...model,
    qkvBias: any("self_attn", "bias", "q_proj", "k_proj", "v_proj"),
    outputBias: any("self_attn", "bias", "o_proj"),
    mlpBias: any("mlp", "bias", "gate_proj", "up_proj", "down_proj"),
    qkNorm: any("self_attn", "weight", "q_norm", "k_norm"),
  };
}

/** Refuses what is no head of the family `expected`, by the name of the `feature` that says so. */
export function refuse(
  feature: string,
  expected = "an EAGLE-2 or EAGLE-3 head of one layer, or a block drafter",
): never {
  throw new UnsupportedModelError(feature, `expected ${expected}`);
}
