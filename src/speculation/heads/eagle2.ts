/**
 * EAGLE-2 (arXiv 2406.16858): a head on the last hidden states of its verifier drafts trees.
 *
 * @module
 */
import type { HeadModel } from "../../model/mod.ts";
import type { DrafterPlan } from "../sequence/drafter.ts";
import { type HeadTreeOptions, headTrees } from "./head_trees.ts";

/** Options of an EAGLE-2 drafter. */
export type Eagle2Options = HeadTreeOptions;

/**
 * Plans a drafter that grows trees with an EAGLE-2 head. Options of a draft model may be among the options: one shape can
 * be given to both. Throws an `ArgumentError` for a head of another family and for options that are not what they should be.
 */
export function eagle2(head: HeadModel, options: Eagle2Options): DrafterPlan {
  return headTrees("eagle2", head, options);
}
