/**
 * What `auto` chooses among: every way to draft that the models given allow, in a few shapes each.
 *
 * @module
 */
import type { Device } from "../device/mod.ts";
import type { HeadModel, Model } from "../model/mod.ts";
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

/** What is chosen among. */
interface Shapes {
  /** Lengths of a draft model's sequences, the longest first. */
  readonly lengths: readonly number[];
  /** Rows of a proposal with siblings are multiples of it. */
  readonly fill: number;
  /** Trees of the target's heads, the largest first, and of the draft model's. */
  readonly trees: readonly TreeShape[];
  readonly innerTrees: readonly TreeShape[];
  /** Chains smaller than the usual ones. */
  readonly chains: readonly TreeShape[];
}

/** Chains of one token and of two. */
const ONE: TreeShape = { depth: 1, topk: 1, treeSize: 2 };
const TWO: TreeShape = { depth: 2, topk: 1, treeSize: 3 };
const THREE: TreeShape = { depth: 3, topk: 1, treeSize: 4 };

const SMALL: TreeShape = { depth: 2, topk: 3, treeSize: 5 };

/**
 * A GPU verifies up to 8 rows in about the time of one, up to 16 in little more, and 32 in a third more. On a CPU each is paid
 * for: what pays has a row or two.
 */
const SHAPES: Readonly<Record<Device["backend"], Shapes>> = {
  cuda: {
    lengths: [8, 4, 2, 1],
    fill: 8,
    trees: [
      { depth: 7, topk: 8, treeSize: 32 },
      { depth: 7, topk: 6, treeSize: 16 },
      { depth: 4, topk: 4, treeSize: 8 },
      SMALL,
    ],
    innerTrees: [{ depth: 5, topk: 4, treeSize: 8 }, SMALL],
    chains: [THREE, ONE],
  },
  cpu: {
    lengths: [6, 3, 2, 1],
    fill: 1,
    trees: [SMALL, TWO, ONE],
    innerTrees: [ONE],
    chains: [THREE, TWO, ONE],
  },
};

/** The shape of everything where nothing is said, but for siblings that fill a proposal; a CPU has shorter sequences. */
export const AUTO_SHAPE: SpeculationOptions = {
  minDraft: SHAPES.cuda.lengths[0],
  siblings: 0,
  ...SHAPES.cuda.trees[0],
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
    const { siblings = 0 } = options;
    const fill = options.siblings === undefined ? shapes.fill : 1;
    plans.push(draftModel(draft, { minDraft, shorter, siblings, fill }, switched(inner)));
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
  if (Object.keys(given).length > 0) return kind.plan({ ...AUTO_SHAPE, ...own, ...given }, head);
  if (own.topk === 1) return kind.plan({ ...AUTO_SHAPE, ...own, others: chains }, head);
  const [largest, ...others] = trees;
  return kind.plan({ ...AUTO_SHAPE, ...largest, others }, head);
}
