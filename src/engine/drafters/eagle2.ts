/**
 * EAGLE-2 heads.
 *
 * @module
 */
import type { HeadModel } from "../../model/mod.ts";
import { type DrafterPlan, eagle2 } from "../../speculation/mod.ts";
import type { DrafterKind, DrafterShape } from "./kind.ts";

/** See {@linkcode eagle2}. */
export const EAGLE2 = {
  name: "eagle2",
  proposer: "head",
  head: "an EAGLE-2 head",
  shape: {},
  innerShape: { depth: 5, topk: 4, treeSize: 8 },
  plan: (shape: DrafterShape, head?: HeadModel): DrafterPlan => eagle2(head!, shape),
} as const satisfies DrafterKind;
