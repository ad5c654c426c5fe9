/**
 * What the options of drafters may be.
 *
 * @module
 */
import { integer, type Kinds, number, TEXT } from "../base/options.ts";

/** One object may hold the options of several drafters; which of them it needs, each says itself. */
export const DRAFTER_KINDS: Kinds<
  Record<"minDraft" | "depth" | "topk" | "treeSize" | "leastWorth" | "name", unknown>
> = {
  minDraft: integer(1),
  depth: integer(1),
  topk: integer(1),
  treeSize: integer(1),
  leastWorth: number(0, 1),
  name: TEXT,
};
