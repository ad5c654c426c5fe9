/**
 * What the options of drafters may be.
 *
 * @module
 */
import { integer, type Kinds, TEXT } from "../base/options.ts";

/** The options of all drafters. */
interface DrafterOptions {
  readonly minDraft: number;
  readonly depth: number;
  readonly topk: number;
  readonly treeSize: number;
  readonly name: string;
}

/** One object may hold the options of several drafters; which of them it needs, each says itself. */
export const DRAFTER_KINDS: Kinds<DrafterOptions> = {
  minDraft: integer(1),
  depth: integer(1),
  topk: integer(1),
  treeSize: integer(1),
  name: TEXT,
};
