/**
 * DSpark: a head drafts a block in one pass; a Markov head adds what each token says about the next one.
 *
 * @module
 */
import type { HeadModel } from "../../model/mod.ts";
import { type BlockTreeOptions, blockTrees } from "./block_trees.ts";
import type { DrafterPlan } from "../sequence/drafter.ts";

/** Options of a DSpark drafter. */
export type DsparkOptions = BlockTreeOptions;

/**
 * Plans a drafter that grows trees from blocks of a DSpark head. Options of a draft model may be among the options. Throws an
 * `ArgumentError` for a head of another family, for a depth beyond its blocks and for options that are not what they should be.
 */
export function dspark(head: HeadModel, options: DsparkOptions): DrafterPlan {
  return blockTrees("dspark", head, options);
}
