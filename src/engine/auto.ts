/**
 * What `auto` chooses among: every way to draft that the models given allow, in a few shapes each.
 *
 * @module
 */
import type { HeadModel, Model } from "../model/mod.ts";
import { MAX_TREE_ROWS } from "../ops/mod.ts";
import { type DrafterPlan, draftModel, suffix, switched } from "../speculation/mod.ts";
import { checkConfidence } from "./confidence.ts";
import type { DrafterKind, SpeculationOptions, TreeShape } from "./drafters/kind.ts";
import { SUFFIX } from "./drafters/suffix.ts";

/** A head and what it is to an engine. */
export interface AutoHead {
  /** Its kind. */
  readonly kind: DrafterKind;
  /** The head. */
  readonly head: HeadModel;
}

/** What there is beside a target. */
export interface AutoModels {
  /** A head of the target. */
  readonly head?: AutoHead;
  /** A draft model. */
  readonly draft?: Model;
  /** A head of the draft model. */
  readonly draftHead?: AutoHead;
}

/** Lengths of a draft model's sequences, the longest first. */
const LENGTHS = [10, 6, 3, 1];

/** The shape of everything where nothing is said. */
export const AUTO_SHAPE: SpeculationOptions = {
  minDraft: LENGTHS[0],
  siblings: 6,
  depth: 5,
  topk: 8,
  treeSize: 32,
};

/** Smaller shapes than a head's own, of trees and of chains. */
const TREES: readonly TreeShape[] = [
  { depth: 4, topk: 6, treeSize: 16 },
  { depth: 2, topk: 3, treeSize: 5 },
];
const CHAINS: readonly TreeShape[] = [
  { depth: 3, topk: 1, treeSize: 4 },
  { depth: 1, topk: 1, treeSize: 2 },
];

/** Plans a drafter of all of them. What `options` say of shapes goes for all, and nothing else is chosen then. */
export function autoPlan(
  { head, draft, draftHead }: AutoModels,
  options: Partial<SpeculationOptions> = {},
): DrafterPlan {
  checkConfidence(options.leastConfidence, "auto");
  const plans = [suffix({ ...AUTO_SHAPE, ...SUFFIX.shape })];
  if (head) plans.push(planHead(head, head.kind.shape, options));
  if (draft) {
    const inner = [suffix({ ...AUTO_SHAPE, ...SUFFIX.innerShape })];
    if (draftHead) inner.push(planHead(draftHead, draftHead.kind.innerShape, options));
    const lengths = options.minDraft === undefined ? LENGTHS : [options.minDraft];
    const [minDraft, ...shorter] = lengths;
    const own = switched(inner);
    // Where none were asked for, a long sequence leaves room for fewer.
    const room = Math.max(0, MAX_TREE_ROWS - 1 - minDraft - own.depth);
    const siblings = options.siblings ?? Math.min(AUTO_SHAPE.siblings, room);
    plans.push(draftModel(draft, { minDraft, shorter, siblings }, own));
  }
  return switched(plans);
}

function planHead(
  { kind, head }: AutoHead,
  own: Partial<SpeculationOptions>,
  { depth, topk, treeSize }: Partial<SpeculationOptions>,
): DrafterPlan {
  const given = Object.fromEntries(
    Object.entries({ depth, topk, treeSize }).filter(([, value]) => value !== undefined),
  );
  const shape = { ...AUTO_SHAPE, ...own, ...given };
  const smaller = shape.topk === 1 ? CHAINS : TREES;
  const others = Object.keys(given).length > 0
    ? []
    : smaller.filter((one) => one.depth <= shape.depth && one.treeSize < shape.treeSize);
  return kind.plan({ ...shape, others }, head);
}
