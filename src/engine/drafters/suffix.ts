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
  shape: { depth: 7 },
  plan: (shape) => suffix(shape),
} as const satisfies DrafterKind;
