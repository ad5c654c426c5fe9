/**
 * DFlash heads.
 *
 * @module
 */
import { dflash } from "../../speculation/mod.ts";
import type { DrafterKind } from "./kind.ts";

/** See {@linkcode dflash}. */
export const DFLASH = {
  name: "dflash",
  proposer: "head",
  head: "a DFlash head",
  shape: { depth: 7, topk: 1, treeSize: 8 },
  innerShape: { depth: 4, topk: 1, treeSize: 5 },
  plan: (shape, head) => dflash(head!, shape),
} as const satisfies DrafterKind;
