/**
 * What `auto` chooses among: every way to draft that the models given allow, in a few shapes each.
 *
 * @module
 */
import type { Device } from "../device/mod.ts";
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

/** What is chosen among beside the usual shapes of heads. */
interface Shapes {
  /** Lengths of a draft model's sequences, the longest first. */
  readonly lengths: readonly number[];
  /** Siblings beside them. */
  readonly siblings: number;
  /** Trees smaller than the usual ones of the target's heads, of the draft model's, and smaller chains. */
  readonly trees: readonly TreeShape[];
  readonly innerTrees: readonly TreeShape[];
  readonly chains: readonly TreeShape[];
}

/** Chains of one token and of two. */
const ONE: TreeShape = { depth: 1, topk: 1, treeSize: 2 };
const TWO: TreeShape = { depth: 2, topk: 1, treeSize: 3 };

const SMALL: TreeShape = { depth: 2, topk: 3, treeSize: 5 };
const MIDDLING: TreeShape = { depth: 4, topk: 6, treeSize: 16 };
const THREE: TreeShape = { depth: 3, topk: 1, treeSize: 4 };

/** A GPU verifies many rows in about the time of one. On a CPU each is paid for: what pays has a row or two. */
const SHAPES: Readonly<Record<Device["backend"], Shapes>> = {
  cuda: {
    lengths: [10, 6, 3, 1],
    siblings: 6,
    trees: [MIDDLING, SMALL],
    innerTrees: [MIDDLING, SMALL],
    chains: [THREE, ONE],
  },
  cpu: {
    lengths: [6, 3, 2, 1],
    siblings: 0,
    trees: [SMALL, TWO, ONE],
    innerTrees: [ONE],
    chains: [THREE, TWO, ONE],
  },
};

/** The shape of everything where nothing is said; a CPU has shorter sequences, without siblings. */
export const AUTO_SHAPE: SpeculationOptions = {
  minDraft: SHAPES.cuda.lengths[0],
  siblings: SHAPES.cuda.siblings,
  depth: 5,
  topk: 8,
  treeSize: 32,
};

/** Plans a drafter of all of them. What `options` say of shapes goes for all, and nothing else is chosen then. */
export function autoPlan(
  { head, draft, draftHead }: AutoModels,
  options: Partial<SpeculationOptions> = {},
): DrafterPlan {
  checkConfidence(options.leastConfidence, "auto");
  const plans = [suffix({ ...AUTO_SHAPE, ...SUFFIX.shape })];
  const device = draft?.device ?? head?.head.verifier.device;
  // A target alone has nothing but suffixes.
  if (device === undefined) return switched(plans);
  const shapes = SHAPES[device.backend];
  const { trees, innerTrees, chains } = shapes;
  if (head) plans.push(planHead(head, head.kind.shape, { trees, chains }, options));
  if (draft) {
    const inner = [suffix({ ...AUTO_SHAPE, ...SUFFIX.innerShape })];
    if (draftHead) {
      inner.push(
        planHead(draftHead, draftHead.kind.innerShape, { trees: innerTrees, chains }, options),
      );
    }
    const lengths = options.minDraft === undefined ? shapes.lengths : [options.minDraft];
    const [minDraft, ...shorter] = lengths;
    const own = switched(inner);
    // Where none were asked for, a long sequence leaves room for fewer.
    const room = Math.max(0, MAX_TREE_ROWS - 1 - minDraft - own.depth);
    const siblings = options.siblings ?? Math.min(shapes.siblings, room);
    plans.push(draftModel(draft, { minDraft, shorter, siblings }, own));
  }
  return switched(plans);
}

function planHead(
  { kind, head }: AutoHead,
  own: Partial<SpeculationOptions>,
  { trees, chains }: Pick<Shapes, "trees" | "chains">,
  { depth, topk, treeSize }: Partial<SpeculationOptions>,
): DrafterPlan {
  const given = Object.fromEntries(
    Object.entries({ depth, topk, treeSize }).filter(([, value]) => value !== undefined),
  );
  const shape = { ...AUTO_SHAPE, ...own, ...given };
  const smaller = shape.topk === 1 ? chains : trees;
  const others = Object.keys(given).length > 0
    ? []
    : smaller.filter((one) => one.depth <= shape.depth && one.treeSize < shape.treeSize);
  return kind.plan({ ...shape, others }, head);
}
