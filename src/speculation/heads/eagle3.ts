/**
 * EAGLE-3 (arXiv 2503.01840): a head on hidden states of several layers of its verifier drafts trees, from a vocabulary of
 * its own.
 *
 * @module
 */
import type { HeadModel } from "../../model/mod.ts";
import type { DrafterPlan } from "../sequence/drafter.ts";
import { type HeadTreeOptions, headTrees } from "./head_trees.ts";

/** Options of an EAGLE-3 drafter. */
export type Eagle3Options = HeadTreeOptions;

/**
 * Plans a drafter that grows trees with an EAGLE-3 head. Options of a draft model may be among the options: one shape can
 * be given to both. Throws an `ArgumentError` for a head of another family and for options that are not what they should be.
 */
export function eagle3(head: HeadModel, options: Eagle3Options): DrafterPlan {
  return headTrees("eagle3", head, options);
}
