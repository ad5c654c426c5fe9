/**
 * DFlash heads.
 *
 * @module
 */
import type { HeadModel } from "../../model/mod.ts";
import { dflash, type DrafterPlan } from "../../speculation/mod.ts";
import type { DrafterKind, DrafterShape } from "./kind.ts";

/** See {@linkcode dflash}. */
export const DFLASH = {
  name: "dflash",
  proposer: "head",
  head: "a DFlash head",
  shape: { depth: 7, topk: 1, treeSize: 8 },
  innerShape: { depth: 4, topk: 1, treeSize: 5 },
  plan: (shape: DrafterShape, head?: HeadModel): DrafterPlan => dflash(head!, shape),
} as const satisfies DrafterKind;
