/**
 * What texts said before.
 *
 * @module
 */
import { type DrafterPlan, suffix } from "../../speculation/mod.ts";
import type { DrafterKind, DrafterShape } from "./kind.ts";

/** See {@linkcode suffix}. */
export const SUFFIX = {
  name: "suffix",
  proposer: "suffix",
  shape: { depth: 15, treeSize: 16 },
  innerShape: { minDraft: 6, depth: 7, treeSize: 16 },
  plan: (shape: DrafterShape): DrafterPlan => suffix(shape),
} as const satisfies DrafterKind;
