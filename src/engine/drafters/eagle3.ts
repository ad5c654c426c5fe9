/**
 * EAGLE-3 heads.
 *
 * @module
 */
import type { HeadModel } from "../../model/mod.ts";
import { type DrafterPlan, eagle3 } from "../../speculation/mod.ts";
import type { DrafterKind, DrafterShape } from "./kind.ts";

/** See {@linkcode eagle3}. */
export const EAGLE3 = {
  name: "eagle3",
  proposer: "head",
  head: "an EAGLE-3 head",
  shape: {},
  innerShape: { depth: 5, topk: 4, treeSize: 8 },
  plan: (shape: DrafterShape, head?: HeadModel): DrafterPlan => eagle3(head!, shape),
} as const satisfies DrafterKind;
