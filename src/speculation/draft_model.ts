/**
 * A complete, smaller model as a drafter. With a drafter of its own it verifies that one's trees and turns
 * them into a sequence: hierarchical speculation (arXiv 2505.22179, section 4). Without, it decodes plainly. Its next best
 * choices may stand beside the sequence's tokens: where the verifier takes one of them, the round gains a token.
 *
 * @module
 */
import { ArgumentError } from "../base/errors.ts";
import { checkArgument, checkOptions, required } from "../base/options.ts";
import { Arena, Graph } from "../device/mod.ts";
import { type Model, MODEL_KIND } from "../model/mod.ts";
import { cutBack, MAX_TREE_ROWS } from "../ops/mod.ts";
import {
  type Drafter,
  type DrafterPlan,
  PLAN_KIND,
  type Proposal,
  type SharedDrafting,
  type Verifier,
} from "./sequence/drafter.ts";
import { depthOf, type DraftSetting, PLAIN, type Setting, settingName } from "./policy/setting.ts";
import { CATCH_UP_ROWS } from "./rounds/reader.ts";
import { Round } from "./rounds/round.ts";
import { DRAFTER_KINDS } from "./trees/shape.ts";
import { type DraftSteps, SharedDrafts } from "./companies/shared_drafts.ts";
import { mostSiblings, Siblings } from "./trees/siblings.ts";
import type { LevelStats } from "./sequence/stats.ts";

/** Options of a draft model. */
export interface DraftModelOptions {
  /** Tokens that a sequence has at least; 1 or more. */
  readonly minDraft: number;
  /** Lengths below `minDraft` that it can be told to use instead. */
  readonly shorter?: readonly number[];
  /** Rows of a proposal that other choices take, and more where the sequence is shorter than it may be; 0 where absent. */
  readonly siblings?: number;
  /** Rows come in multiples of it, which other choices fill; 1 where absent. */
  readonly fill?: number;
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
  const { minDraft, shorter = [], siblings = 0, fill = 1, name = "draft" } = options;
  // A round of the inner drafter starts with minDraft - 1 tokens at most and adds its depth and a bonus.
  const depth = inner ? minDraft + inner.depth : minDraft;
  if (1 + depth > MAX_TREE_ROWS) {
    throw new ArgumentError(
      "minDraft",
      `Cannot draft: minDraft ${minDraft} makes sequences of up to ${1 + depth} rows, ` +
        `expected at most ${MAX_TREE_ROWS}`,
    );
  }
  const most = Math.min(MAX_TREE_ROWS - 1 - depth, mostSiblings(model, depth));
  if (siblings > most) {
    throw new ArgumentError(
      "siblings",
      `Cannot draft: siblings is ${siblings}, expected at most ${most} beside sequences of up to ${
        1 + depth
      } rows`,
    );
  }
  const filled = (depth: number) =>
    Math.min(Math.ceil((1 + depth + siblings) / fill) * fill, 1 + depth + most);
  const settings = settingsOf([minDraft, ...shorter], filled, inner);
  const count = Math.max(
    filled(depth) - 1 - depth,
    ...settings.map((one) => one.rows - 1 - one.depth),
  );
  const rows = 1 + depth + count;
  return {
    name: inner ? `${name}(${inner.name})` : name,
    taps: "none",
    rows,
    depth,
    slack: rows + (inner ? Math.max(inner.rows, inner.slack) : 1),
    settings,
    members: inner && [inner],
    create: (verifier) =>
      new DraftModel(
        verifier,
        model,
        { name, minDraft, depth, rows: filled(depth), siblings: count, settings },
        inner,
      ),
  };
}

/** Every length with every setting of the inner drafter; of so many tokens at most, each has as many rows as `filled` says. */
function settingsOf(
  lengths: readonly number[],
  filled: (depth: number) => number,
  inner?: DrafterPlan,
): DraftSetting[] {
  const inners = (inner?.settings ?? [PLAIN])
    .filter((one): one is DraftSetting["inner"] => one.kind !== "draft");
  return lengths.flatMap((minDraft) =>
    inners.map((one): DraftSetting => {
      const depth = minDraft + depthOf(one);
      return { kind: "draft", minDraft, depth, rows: filled(depth), inner: one };
    })
  );
}

/** A draft model at work. Its cache runs ahead of the verifier's by the tokens that it proposes. */
class DraftModel implements Drafter, DraftSteps {
  readonly proposal: Proposal;
  readonly #verifier: Verifier;
  readonly round: Round;
  #minDraft: number;
  /** Rows of a proposal with siblings. */
  #rows: number;
  /** Whether the draft model decodes plainly, though it may have a drafter. */
  #alone = false;
  readonly #settings: ReadonlyMap<string, DraftSetting>;
  readonly #name: string;
  readonly #proposers: string[];
  readonly #cleanup: DisposableStack;
  /** Makes a tree of the sequence, where there are siblings. */
  readonly #grow?: Graph;
  /** Takes back a token of the sequence whose sibling was accepted. */
  readonly #takeBack?: Graph;
  /** The verifier's length when the proposal was made. */
  #from = 0;
  /** Tokens of the sequence. */
  #drafted = 0;

  constructor(
    verifier: Verifier,
    model: Model,
    { name, minDraft, depth, rows, siblings: count, settings }: {
      readonly name: string;
      readonly minDraft: number;
      readonly depth: number;
      readonly rows: number;
      readonly siblings: number;
      readonly settings: readonly DraftSetting[];
    },
    inner?: DrafterPlan,
  ) {
    const { memory } = verifier;
    this.#verifier = verifier;
    this.#minDraft = minDraft;
    this.#rows = rows;
    this.#settings = new Map(settings.map((one) => [settingName(one), one]));
    this.#name = name;
    this.#proposers = new Array(depth).fill(name);
    using cleanup = new DisposableStack();
    const arena = cleanup.use(new Arena(memory.device, `siblings of ${name}`));
    const siblings = count > 0
      ? new Siblings(arena, verifier, model, { depth, count, collected: 1 + (inner?.depth ?? 0) })
      : undefined;
    this.round = cleanup.use(new Round(model, memory, inner, name, verifier.state, siblings));
    const { cacheLength } = this.round.state;
    const all = siblings?.proposal ?? { rows: 1 + depth, limit: cacheLength };
    const cuts = [...new Set(settings.map(({ rows }) => rows))]
      .filter((rows) => rows < all.rows).sort((a, b) => a - b);
    this.proposal = { ...all, cuts };
    if (siblings) {
      const capture = (queue: () => void) => cleanup.use(Graph.capture(memory.device, queue));
      this.#grow = capture(() => siblings.queueTree(cacheLength));
      this.#takeBack = capture(() => this.#queueCutBack(-1));
    }
    this.#cleanup = cleanup.move();
  }

  get levels(): readonly LevelStats[] {
    return this.round.levels;
  }

  prefill(count: number): void {
    this.round.prefill(count);
  }

  get proposed(): number {
    return this.#grow ? this.#rows : 1 + this.#drafted;
  }

  get reach(): number {
    // The best guess of what comes behind the sequence is a sibling, too.
    return this.#drafted + (this.#grow && this.#drafted < this.#proposers.length ? 1 : 0);
  }

  use(setting: Setting): void {
    const found = this.#settings.get(settingName(setting));
    if (found === undefined) {
      throw new ArgumentError(
        "setting",
        `Cannot use ${settingName(setting)}: expected one of ${
          [...this.#settings.keys()].join(", ")
        }`,
      );
    }
    const { minDraft, rows, inner } = found;
    this.#minDraft = minDraft;
    this.#rows = rows;
    this.#alone = inner.kind === "plain";
    this.round.drafter?.use?.(inner);
  }

  follow(): void {
    const { round, behind } = this;
    // Its tokens are in the history whenever it needs them; many are read at once.
    round.catchUp(round.state.length + behind - behind % CATCH_UP_ROWS);
    round.drafter?.follow();
  }

  propose(): void {
    const { round } = this;
    this.begin();
    while (this.isShort) {
      if (this.isPlain) {
        // What was accepted as a whole ends with a token that it has proposed and not read.
        if (this.behind > 0) round.queueReadAndPlain();
        else round.queuePlain();
        this.step(1);
      } else this.step(round.run());
    }
    this.end();
  }

  share(drafters: readonly Drafter[]): SharedDrafting {
    return new SharedDrafts(drafters as readonly DraftModel[]);
  }

  get behind(): number {
    return this.#verifier.state.length - this.round.state.length;
  }

  get isShort(): boolean {
    return this.round.state.length < this.#from + this.#minDraft;
  }

  get isPlain(): boolean {
    return this.round.drafter === undefined || this.#alone;
  }

  begin(): void {
    const { round } = this;
    const { length } = this.#verifier.state;
    round.catchUp(length - (this.isPlain && round.readsAndDecodes ? 1 : 0));
    round.drafter?.follow();
    this.#from = length;
  }

  step(added: number): void {
    const { round, isPlain } = this;
    const first = round.state.length - added - this.#from;
    for (let j = 0; j < added; j++) {
      this.#proposers[first + j] = isPlain ? this.#name : round.proposer(j);
    }
  }

  end(): void {
    this.#drafted = this.round.state.length - this.#from;
    this.#grow?.launch();
  }

  #queueCutBack(delta: number): void {
    const { state, memory } = this.#verifier;
    cutBack(memory.device, this.round.state.cacheLength, state.cacheLength, delta);
    this.round.drafter?.queueObserve();
  }

  queueObserve(): void {
    this.#queueCutBack(0);
  }

  observe(strayed: boolean): void {
    const { state, drafter } = this.round;
    let { length } = this.#verifier.state;
    if (strayed) {
      // The sequence's own token stands where its sibling belongs: it is read before the next proposal.
      length--;
      this.#takeBack!.launch();
      this.#proposers[length - this.#from - 1] = this.#name;
    }
    state.length = Math.min(state.length, length);
    drafter?.observe(false);
  }

  proposer(j: number): string {
    return this.#proposers[j];
  }

  proposerOf(row: number): string {
    // The first rows are the sequence.
    return row <= this.#drafted ? this.#proposers[row - 1] : this.#name;
  }

  get held(): number {
    return this.round.held;
  }

  copy(from: Drafter, end: number): void {
    this.round.copy((from as DraftModel).round, end);
  }

  resume(kept: number, length: number): void {
    this.#grow?.expectLive();
    this.#takeBack?.expectLive();
    this.round.resume(kept, length);
  }

  forget(): void {
    this.round.forget();
  }

  [Symbol.dispose](): void {
    this.#cleanup.dispose();
  }
}
