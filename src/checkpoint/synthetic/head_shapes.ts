/**
 * Shapes of draft heads, for heads that are made up: each family as its trainers publish it, for a model of any shape.
 *
 * @module
 */
import { ArgumentError } from "../../base/errors.ts";
import type { ModelConfig } from "../config/config.ts";
import type { BlockConfig, HeadConfig, HeadTaps } from "../config/head_config.ts";

/** A family of heads. */
export type HeadKind = HeadConfig["kind"];

/** The numbers of DeepSpec's block drafters. */
const BLOCK = { layers: 5, taps: 5, rows: 7, markovRank: 256 };

/** What a family's head of a model is, but for its vocabulary. */
type Shaped<C> = C extends HeadConfig ? Omit<C, "draftVocabSize"> : never;

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
): (model: ModelConfig) => Shaped<HeadConfig> {
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
  });
}

const SHAPES: Readonly<Record<HeadKind, (model: ModelConfig) => Shaped<HeadConfig>>> = {
  eagle2: (model) => ({ kind: "eagle2", model: { ...model, layers: 1 }, fcBias: false }),
  eagle3: (model) => ({
    kind: "eagle3",
    model: { ...model, layers: 1 },
    fcBias: false,
    taps: { count: 3, hiddenSize: model.hiddenSize },
    tapNorm: "none",
    normedResidual: false,
    normedOutput: false,
  }),
  dflash: block("dflash", 0),
  dspark: block("dspark", BLOCK.markovRank),
};

/** Every family that there are shapes of. */
export const HEAD_KINDS = Object.keys(SHAPES) as readonly HeadKind[];

/**
 * The shape of a head of the family `kind` for a model of the shape `model`. Of the tokens of that it has `draftVocabSize`,
 * all where absent; throws `ArgumentError` where there are fewer.
 */
export function headShape(
  kind: HeadKind,
  model: ModelConfig,
  draftVocabSize: number = model.vocabSize,
): HeadConfig {
  if (draftVocabSize <= model.vocabSize) return { ...SHAPES[kind](model), draftVocabSize };
  throw new ArgumentError(
    "draftVocabSize",
    `Cannot make up a head: its vocabulary is ${draftVocabSize}, expected at most ${model.vocabSize}`,
  );
}
