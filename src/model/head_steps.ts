/**
 * What a family of heads computes: from hidden states of its verifier, and from its own.
 *
 * @module
 */
import type { Scratch, Tensor } from "../device/mod.ts";
import type { HeadWeights } from "./head.ts";
import type { KvCache } from "./kv_cache.ts";
import type { TokenRows } from "./state.ts";
import type { Step } from "./step.ts";
import type { Workspace } from "./workspace.ts";

/** What steps work with. */
export interface HeadParts {
  /** The head. */
  readonly head: HeadWeights;
  /** Has further buffers. */
  readonly scratch: Scratch;
  /** The buffers that layers share. */
  readonly space: Workspace;
  /** The table of `ropeTable`, on the device. */
  readonly rope: Tensor<"f32">;
}

/** The rows of one sequence in a step. */
export interface HeadRows {
  /** Where they stand. */
  readonly step: Step;
  /** Their tokens. */
  readonly ids: TokenRows;
  /** Keys and values. */
  readonly cache: KvCache;
}

/** Those that go on from what the head gave itself: from rows `index`, i32 [step.rows], of `from`. */
export interface ContinuedRows extends HeadRows {
  /** Of the dtype and width of `hidden`. */
  readonly from: Tensor;
  /** i32 [step.rows]. */
  readonly index: Tensor<"i32">;
}

/** The rows of all parts, and the first one of each. */
export function placesOf(
  parts: readonly HeadRows[],
): { readonly count: number; readonly firsts: readonly number[] } {
  let count = 0;
  const firsts = parts.map(({ step }) => {
    count += step.rows;
    return count - step.rows;
  });
  return { count, firsts };
}

/** The steps of one head, on rows of one sequence or several, which lie one behind another; see the methods of `HeadState`. */
export interface HeadSteps {
  /** Where hidden states of the verifier are put. */
  readonly input: Tensor;
  /** What a step predicts. */
  readonly hidden: Tensor;
  /** A step from `input`. */
  queueForward(parts: readonly HeadRows[]): void;
  /** A step from what the head gave itself. */
  queueContinue(parts: readonly ContinuedRows[]): void;
  /** Logits of rows of `hidden`. */
  queueLogits(logits: Tensor<"f32">, x: Tensor): void;
}
