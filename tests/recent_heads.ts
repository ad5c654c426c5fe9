/**
 * Heads with recent tokens: random heads that get a few rows of their model's output projection.
 *
 * @module
 */
import { BLOCK_TENSORS } from "../src/checkpoint/config/block_head.ts";
import { vocabularyMap } from "../src/quantize/heads/vocabulary_map.ts";
import { BLOCK_LAYOUTS, type RandomModel, writeRandomBlock, writeRandomHead } from "./models.ts";
import { resizeRows, rewrite, tensorsOf } from "./rewrite.ts";

/** The families that have recent tokens, on random models of `shape`. */
const WHOLE: Readonly<Record<string, (dir: string, shape: RandomModel) => string>> = {
  eagle2: writeRandomHead,
  dflash: (dir, shape) => writeRandomBlock(dir, shape, BLOCK_LAYOUTS["z-lab"]),
  dspark: (dir, shape) => writeRandomBlock(dir, shape, BLOCK_LAYOUTS.DeepSpec),
};

/** Their names. */
export const RECENT_FAMILIES: readonly string[] = Object.keys(WHOLE);

/** How a head with recent tokens is made. */
export interface RecentHeadShape {
  /** Of the model. */
  readonly shape: RandomModel;
  /** Tokens that it keeps: the first ones. */
  readonly keep: number;
  /** Recent tokens. */
  readonly recentTokens: number;
}

/** Writes a random head of `family` without recent tokens to `dir`; returns `dir`. */
export function writeWholeHead(dir: string, family: string, shape: RandomModel): string {
  return WHOLE[family](dir, shape);
}

/** Writes to `dir` the head in `whole` with the first tokens and rows of the random model in `model`; returns `dir`. */
export function writeRecentHead(
  dir: string,
  whole: string,
  model: string,
  { shape: { vocab }, keep, recentTokens }: RecentHeadShape,
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
    { draft_vocab_size: keep, recent_tokens: recentTokens },
  );
}
