/**
 * A complete, smaller model as a drafter. With a drafter of its own it verifies that one's trees and turns
 * them into a sequence: hierarchical speculation (arXiv 2505.22179, section 4). Without, it decodes plainly.
 *
 * @module
 */
import { ArgumentError } from "../base/errors.ts";
import { checkArgument, checkOptions, required } from "../base/options.ts";
import { type Model, MODEL_KIND } from "../model/mod.ts";
import { cutBack, MAX_TREE_ROWS } from "../ops/mod.ts";
import {
  type Drafter,
  type DrafterPlan,
  PLAN_KIND,
  type Proposal,
  type Verifier,
} from "./drafter.ts";
import { Round } from "./round.ts";
import { DRAFTER_KINDS } from "./shape.ts";
import type { LevelStats } from "./stats.ts";

/** Options of a draft model. */
export interface DraftModelOptions {
  /** Tokens that a sequence has at least; 1 or more. */
  readonly minDraft: number;
  /** Name in statistics and provenance; `draft` where absent. */
  readonly name?: string;
}

/**
 * Plans a draft model; `inner` proposes for it. Options of a tree may be among the options: one shape can be given
 * to both. Throws an `ArgumentError` for options that are not what they should be.
 */
export function draftModel(
  model: Model,
  options: DraftModelOptions,
  inner?: DrafterPlan,
): DrafterPlan {
  const doing = "draft";
  checkArgument(doing, "model", model, MODEL_KIND);
  checkOptions(doing, options, DRAFTER_KINDS);
  checkArgument(doing, "minDraft", options.minDraft, required(DRAFTER_KINDS.minDraft));
  checkArgument(doing, "inner", inner, PLAN_KIND);
  model.expectLive(doing);
  const { minDraft, name = "draft" } = options;
  // A round of the inner drafter starts with minDraft - 1 tokens at most and adds its depth and a bonus.
  const depth = inner ? minDraft + inner.depth : minDraft;
  if (1 + depth > MAX_TREE_ROWS) {
    throw new ArgumentError(
      "minDraft",
      `Cannot draft: minDraft ${minDraft} makes sequences of up to ${1 + depth} rows, ` +
        `expected at most ${MAX_TREE_ROWS}`,
    );
  }
  return {
    name: inner ? `${name}(${inner.name})` : name,
    taps: "none",
    rows: 1 + depth,
    depth,
    slack: 1 + depth + (inner ? Math.max(inner.rows, inner.slack) : 1),
    create: (verifier) => new DraftModel(verifier, model, minDraft, depth, name, inner),
  };
}

/** A draft model at work. Its cache runs ahead of the verifier's by the tokens that it proposes. */
class DraftModel implements Drafter {
  readonly proposal: Proposal;
  readonly #verifier: Verifier;
  readonly #round: Round;
  readonly #minDraft: number;
  readonly #proposers: string[];

  constructor(
    verifier: Verifier,
    model: Model,
    minDraft: number,
    depth: number,
    name: string,
    inner?: DrafterPlan,
  ) {
    this.#verifier = verifier;
    this.#round = new Round(model, verifier.memory, inner, name, verifier.state);
    this.#minDraft = minDraft;
    this.#proposers = new Array(depth).fill(name);
    this.proposal = { rows: 1 + depth, limit: this.#round.state.cacheLength };
  }

  get levels(): readonly LevelStats[] {
    return this.#round.levels;
  }

  prefill(count: number): void {
    this.#round.prefill(count);
  }

  get proposed(): number {
    return 1 + this.#round.state.length - this.#verifier.state.length;
  }

  follow(): void {
    const round = this.#round;
    while (round.state.length < this.#verifier.state.length) round.catchUp();
    round.drafter?.follow();
  }

  propose(): void {
    this.follow();
    const round = this.#round;
    const { length } = this.#verifier.state;
    while (round.state.length < length + this.#minDraft) {
      if (round.drafter === undefined) {
        round.queuePlain();
        continue;
      }
      const first = round.state.length - length;
      const accepted = round.run();
      for (let j = 0; j < accepted; j++) this.#proposers[first + j] = round.proposer(j);
    }
  }

  queueObserve(): void {
    const { state, memory } = this.#verifier;
    cutBack(memory.device, this.#round.state.cacheLength, state.cacheLength, 0);
    this.#round.drafter?.queueObserve();
  }

  observe(): void {
    const { state } = this.#round;
    state.length = Math.min(state.length, this.#verifier.state.length);
    this.#round.drafter?.observe();
  }

  proposer(j: number): string {
    return this.#proposers[j];
  }

  resume(kept: number, length: number): void {
    this.#round.resume(kept, length);
  }

  [Symbol.dispose](): void {
    this.#round[Symbol.dispose]();
  }
}
