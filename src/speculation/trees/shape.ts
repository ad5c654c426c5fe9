/**
 * What the options of drafters may be.
 *
 * @module
 */
import { integer, type Kind, type Kinds, number, object, TEXT } from "../../base/options.ts";

const SHAPE = object(
  "a shape of trees",
  (shape) => [shape.depth, shape.topk, shape.treeSize].every((value) => integer(1).fits(value)),
);

function listOf(what: string, kind: Kind): Kind {
  return {
    expected: `a list of ${what}, each ${kind.expected}`,
    fits: (value) => Array.isArray(value) && value.every((one) => kind.fits(one)),
  };
}

/** One object may hold the options of several drafters; which of them it needs, each says itself. */
export const DRAFTER_KINDS: Kinds<
  Record<
    | "minDraft"
    | "shorter"
    | "siblings"
    | "fill"
    | "depth"
    | "topk"
    | "treeSize"
    | "others"
    | "leastWorth"
    | "leastConfidence"
    | "name",
    unknown
  >
> = {
  minDraft: integer(1),
  shorter: listOf("lengths", integer(1)),
  siblings: integer(0),
  fill: integer(1),
  depth: integer(1),
  topk: integer(1),
  treeSize: integer(1),
  others: listOf("shapes of trees", SHAPE),
  leastWorth: number(0, 1),
  leastConfidence: number(0, 1),
  name: TEXT,
};
