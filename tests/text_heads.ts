/**
 * Heads with text tokens: random heads that get a few rows of their model's output projection.
 *
 * @module
 */
import { BLOCK_TENSORS } from "../src/checkpoint/config/block_head.ts";
import { vocabularyMap } from "../src/quantize/heads/vocabulary_map.ts";
import { BLOCK_LAYOUTS, type RandomModel, writeRandomBlock, writeRandomHead } from "./models.ts";
import { resizeRows, rewrite, tensorsOf } from "./rewrite.ts";

/** The families that have text tokens, on random models of `shape`. */
const WHOLE: Readonly<Record<string, (dir: string, shape: RandomModel) => string>> = {
  eagle2: writeRandomHead,
  dflash: (dir, shape) => writeRandomBlock(dir, shape, BLOCK_LAYOUTS["z-lab"]),
  dspark: (dir, shape) => writeRandomBlock(dir, shape, BLOCK_LAYOUTS.DeepSpec),
};

/** Their names. */
export const TEXT_FAMILIES: readonly string[] = Object.keys(WHOLE);

/** How a head with text tokens is made. */
export interface TextHeadShape {
  /** Of the model. */
  readonly shape: RandomModel;
  /** Tokens that it keeps: the first ones. */
  readonly keep: number;
  /** Text tokens. */
  readonly textTokens: number;
}

/** Writes a random head of `family` without text tokens to `dir`; returns `dir`. */
export function writeWholeHead(dir: string, family: string, shape: RandomModel): string {
  return WHOLE[family](dir, shape);
}

/** Writes to `dir` the head in `whole` with the first tokens and rows of the random model in `model`; returns `dir`. */
export function writeTextHead(
  dir: string,
  whole: string,
  model: string,
  { shape: { vocab }, keep, textTokens }: TextHeadShape,
): string {
  const output = tensorsOf(model).get("lm_head.weight")!;
  const tokens = Array.from({ length: keep }, (_, token) => token);
  return rewrite(
    whole,
    dir,
    (tensors) => {
      tensors.set("lm_head.weight", output);
      for (const tensor of vocabularyMap(tokens, vocab)) tensors.set(tensor.name, tensor);
      resizeRows(tensors, ["lm_head.weight", `${BLOCK_TENSORS.markov[1]}.weight`], keep);
    },
    { draft_vocab_size: keep, text_tokens: textTokens },
  );
}
