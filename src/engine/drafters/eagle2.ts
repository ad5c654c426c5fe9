/**
 * EAGLE-2 heads.
 *
 * @module
 */
import { eagle2 } from "../../speculation/mod.ts";
import type { DrafterKind } from "./kind.ts";

/** See {@linkcode eagle2}. */
export const EAGLE2 = {
  name: "eagle2",
  proposer: "head",
  head: "an EAGLE-2 head",
  shape: {},
  innerShape: { depth: 3, treeSize: 24 },
  plan: (shape, head) => eagle2(head!, shape),
} as const satisfies DrafterKind;
