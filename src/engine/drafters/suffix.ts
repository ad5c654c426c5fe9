/**
 * What texts said before.
 *
 * @module
 */
import { suffix } from "../../speculation/mod.ts";
import type { DrafterKind } from "./kind.ts";

/** See {@linkcode suffix}. */
export const SUFFIX = {
  name: "suffix",
  proposer: "suffix",
  shape: { depth: 15, treeSize: 16 },
  innerShape: { depth: 7, treeSize: 16 },
  plan: (shape) => suffix(shape),
} as const satisfies DrafterKind;
