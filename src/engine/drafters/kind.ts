/**
 * What a kind of drafter is to an engine.
 *
 * @module
 */
import type { HeadModel } from "../../model/mod.ts";
import type { DrafterPlan } from "../../speculation/mod.ts";

/** Shape of what is proposed. */
export interface SpeculationOptions {
  /** Tokens that a draft model's sequence has at least. */
  readonly minDraft: number;
  /** Rows of a draft model's proposal that its other choices take, beside the tokens of the sequence. */
  readonly siblings: number;
  /** Levels of a tree below its root. */
  readonly depth: number;
  /** Nodes expanded on each level of a head's tree. */
  readonly topk: number;
  /** Nodes of a tree that are verified, its root included; those of a suffix drafter at most. */
  readonly treeSize: number;
  /**
   * Chance to be accepted, 0 to 1, below which a DSpark head's chain ends, as its confidence head says; chains are whole
   * where absent.
   */
  readonly leastConfidence?: number;
}

/** Shape of a tree. */
export type TreeShape = Pick<SpeculationOptions, "depth" | "topk" | "treeSize">;

/** Shape of a drafter, and other shapes that it can be told to draw. */
export interface DrafterShape extends SpeculationOptions {
  /** Of a head's trees. */
  readonly others?: readonly TreeShape[];
}

/** A drafter that is no complete model: it proposes to the target, or to the draft model of a hierarchy. */
export interface DrafterKind {
  /** The method in which it proposes to the target, and what `inner` calls it. */
  readonly name: string;
  /** Who its tokens are from, in provenance. */
  readonly proposer: string;
  /** The head that it needs, e.g. `an EAGLE-2 head`; absent where it needs none. */
  readonly head?: string;
  /** Whether its heads may say how sure they are of their tokens. */
  readonly confident?: true;
  /** Its shape by default, where it has one of its own. */
  readonly shape: Partial<SpeculationOptions>;
  /** That inside a hierarchy. */
  readonly innerShape: Partial<SpeculationOptions>;
  /** Plans it; with a head where it needs one. */
  plan(shape: DrafterShape, head?: HeadModel): DrafterPlan;
}
