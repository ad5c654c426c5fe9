/**
 * Shapes of draft heads, for heads that are made up: each family as its trainers publish it, for a model of any shape.
 *
 * @module
 */
import { ArgumentError } from "../../base/errors.ts";
import type { ModelConfig } from "../config/config.ts";
import { plainEagle2 } from "../config/eagle2_head.ts";
import type { BlockConfig, HeadConfig, HeadTaps } from "../config/head_config.ts";

/** A family of heads. */
export type HeadKind = HeadConfig["kind"];

/** The numbers of DeepSpec's block drafters. */
const BLOCK = { layers: 5, taps: 5, rows: 7, markovRank: 256 };

/** Taps spread evenly from behind the second layer to before the last three, as block drafters have them. */
function spreadTaps({ layers, hiddenSize }: ModelConfig): HeadTaps {
  const [first, last] = [2, Math.max(2, layers - 2)];
  const at = (i: number) => Math.round(first + (i * (last - first)) / (BLOCK.taps - 1));
  return {
    count: BLOCK.taps,
    layers: Array.from({ length: BLOCK.taps }, (_, i) => at(i)),
    hiddenSize,
  };
}

function block(
  kind: BlockConfig["kind"],
  markovRank: number,
): (model: ModelConfig) => BlockConfig {
  return (model) => ({
    kind,
    // The layers are Qwen3's, whatever the model is.
    model: { ...model, layers: BLOCK.layers, qkvBias: false, qkNorm: true },
    fcBias: false,
    taps: spreadTaps(model),
    blockSize: BLOCK.rows,
    maskToken: model.vocabSize - 1,
    fromAnchor: true,
    causal: false,
    markovRank,
    confidence: "none",
    draftVocabSize: model.vocabSize,
    ownOutput: false,
    recentTokens: 0,
  });
}

const SHAPES: Readonly<Record<HeadKind, (model: ModelConfig) => HeadConfig>> = {
  eagle2: plainEagle2,
  eagle3: (model) => ({
    kind: "eagle3",
    model: { ...model, layers: 1 },
    fcBias: false,
    taps: { count: 3, hiddenSize: model.hiddenSize },
    tapNorm: "none",
    normedResidual: false,
    normedOutput: false,
    draftVocabSize: model.vocabSize,
  }),
  dflash: block("dflash", 0),
  dspark: block("dspark", BLOCK.markovRank),
};

/** Every family that there are shapes of. */
export const HEAD_KINDS = Object.keys(SHAPES) as readonly HeadKind[];

/**
 * The shape of a head of the family `kind` for a model of the shape `model`. With `draftVocabSize` it has so many of its tokens
 * and an output projection of its own, whatever the family; throws `ArgumentError` where the model has fewer.
 */
export function headShape(
  kind: HeadKind,
  model: ModelConfig,
  draftVocabSize?: number,
): HeadConfig {
  const shape = SHAPES[kind](model);
  if (draftVocabSize === undefined) return shape;
  if (draftVocabSize > model.vocabSize) {
    throw new ArgumentError(
      "draftVocabSize",
      `Cannot make up a head: its vocabulary is ${draftVocabSize}, expected at most ${model.vocabSize}`,
    );
  }
  return { ...shape, draftVocabSize, ...("ownOutput" in shape && { ownOutput: true }) };
}
