/**
 * DFlash (arXiv 2602.06036): a head drafts a block in one pass, each token without knowing the others.
 *
 * @module
 */
import type { HeadModel } from "../../model/mod.ts";
import { type BlockTreeOptions, blockTrees } from "./block_trees.ts";
import type { DrafterPlan } from "../sequence/drafter.ts";

/** Options of a DFlash drafter. */
export type DflashOptions = BlockTreeOptions;

/**
 * Plans a drafter that grows trees from blocks of a DFlash head. Options of a draft model may be among the options. Throws an
 * `ArgumentError` for a head of another family, for a depth beyond its blocks and for options that are not what they should be.
 */
export function dflash(head: HeadModel, options: DflashOptions): DrafterPlan {
  return blockTrees("dflash", head, options);
}
