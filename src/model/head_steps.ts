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
  /** Keys and values. */
  readonly cache: KvCache;
}

/** The steps of one head; see the methods of `HeadState` of the same names. */
export interface HeadSteps {
  /** Where hidden states of the verifier are put. */
  readonly input: Tensor;
  /** What a step predicts. */
  readonly hidden: Tensor;
  /** A step from `input`. */
  queueForward(step: Step, ids: TokenRows): void;
  /** A step from rows `index` of `from`. */
  queueContinue(step: Step, ids: TokenRows, from: Tensor, index: Tensor<"i32">): void;
  /** Logits of rows of `hidden`. */
  queueLogits(logits: Tensor<"f32">, x: Tensor): void;
}
