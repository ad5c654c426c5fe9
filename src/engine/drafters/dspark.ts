/**
 * DSpark heads.
 *
 * @module
 */
import type { HeadModel } from "../../model/mod.ts";
import { type DrafterPlan, dspark } from "../../speculation/mod.ts";
import type { DrafterKind, DrafterShape } from "./kind.ts";

/** See {@linkcode dspark}. */
export const DSPARK = {
  name: "dspark",
  proposer: "head",
  head: "a DSpark head",
  confident: true,
  shape: { depth: 7, topk: 1, treeSize: 8 },
  innerShape: { depth: 4, topk: 1, treeSize: 5 },
  plan: (shape: DrafterShape, head?: HeadModel): DrafterPlan => dspark(head!, shape),
} as const satisfies DrafterKind;
