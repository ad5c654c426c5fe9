/**
 * The ops that a round of one model on one sequence is made of, and the memory that they need beside the model's.
 *
 * @module
 */
import type { DType } from "../../base/dtype.ts";
import { type Arena, type ReadBack, rows, type Tensor } from "../../device/mod.ts";
import { type ForwardPart, type Model, ModelState } from "../../model/mod.ts";
import { commit, MAX_TREE_ROWS, ringWrite, verify } from "../../ops/mod.ts";
import type { DrafterPlan, Proposal, SequenceMemory } from "../sequence/drafter.ts";
import { type LogProbsOf, RoundOutput } from "../sequence/log_probs.ts";
import { firstRow, type Seat } from "../sequence/seats.ts";
import type { Siblings } from "../trees/siblings.ts";
import { type Taps, taps } from "../sequence/taps.ts";

/** Whose rounds they are. */
export interface RoundOpsOptions {
  /** What drafts; nothing where absent. */
  readonly plan?: DrafterPlan;
  /** Most rows of a round. */
  readonly most: number;
  /** The state of the model that it drafts for, where it is a draft model: it chooses from the tokens that are known there. */
  readonly above?: ModelState;
  /** Collects its other choices. */
  readonly siblings?: Siblings;
}

/** Queues the ops of rounds; all of it may be captured. */
export class RoundOps implements Disposable {
  /** Caches and buffers of the model. */
  readonly state: ModelState;
  /** What the levels share. */
  readonly memory: SequenceMemory;
  /** Hidden states for the drafter. */
  readonly taps?: Taps;
  /** What rounds leave for the host. */
  readonly output: RoundOutput;
  /** The last round's accept length, then its tokens, as the host read them; the rest is not for others. */
  result: Int32Array;
  /** Where its rows lie among those of other sequences; absent where it is alone. */
  readonly seat?: Seat;
  readonly #siblings?: Siblings;
  readonly #readBack: ReadBack;
  #readBackAll?: ReadBack;
  readonly #cleanup: DisposableStack;

  /** Allocates the state of `model`; what is small lies in `arena`. */
  constructor(model: Model, memory: SequenceMemory, arena: Arena, options: RoundOpsOptions) {
    const { plan, most, above, siblings } = options;
    const { device } = memory;
    const { seat } = memory;
    this.memory = memory;
    this.seat = seat;
    this.#siblings = siblings;
    using cleanup = new DisposableStack();
    this.state = cleanup.use(
      new ModelState(model, {
        context: memory.context,
        slots: memory.slots,
        // A draft model reads a token and decodes behind it in one forward.
        rows: Math.max(most, memory.prefillRows, above ? 2 : 1, seat ? MAX_TREE_ROWS : 0),
        logitsRows: seat ? MAX_TREE_ROWS : most,
        vocabulary: above?.vocabulary,
        kvCache: memory.kvCache,
        taps: typeof plan?.taps === "string" ? undefined : plan?.taps,
        scratch: seat?.scratch,
      }),
    );
    if (plan && plan.taps !== "none") {
      const width = this.state.tapped.shape[1];
      // Who is used by turns reads what it has missed when its turn comes.
      const kept = plan.several ? memory.slots : undefined;
      this.taps = taps(device, arena, model.dtype, width, kept);
    }
    this.output = new RoundOutput(arena, most, model.config.vocabSize);
    this.result = new Int32Array(1 + most);
    this.#readBack = cleanup.use(this.output.readBack(device, false));
    this.#cleanup = cleanup.move();
  }

  /** Makes what rounds with log-probabilities need beside the others, once. */
  prepareLogProbs(): void {
    this.#readBackAll ??= this.#cleanup.use(this.output.readBack(this.memory.device, true));
  }

  /** The rows of a proposal as a part in a forward, for caches of `slots` slots, all where absent. */
  part({ rows, tokens, depths, mask }: Proposal, slots?: number): ForwardPart {
    const { state, memory: { history } } = this;
    const { cacheLength } = state;
    return {
      state,
      step: { rows, cacheLength, depths, mask, slots },
      ids: tokens ? { tokens } : { tokens: history, start: cacheLength },
    };
  }

  /** Queues the forward of a proposal's rows, and their logits. */
  queueForward(proposal: Proposal, slots?: number): void {
    const { step, ids } = this.part(proposal, slots);
    const first = firstRow(this.seat, step.rows);
    this.state.queueForward(step, ids, first);
    this.state.queueLogits(step.rows, first, first);
  }

  /** Queues the choice after each row, of the tokens that `allowed` has for it, i32 [rows, words]; and the verification. */
  queueChoice(proposal: Proposal, allowed?: Tensor<"i32">): void {
    const { state, output, memory: { device, history, choice } } = this;
    const { rows: count, tokens, parents, depths, mask, limit } = proposal;
    const first = firstRow(this.seat, count);
    state.queueChoice(count, choice, { history, tokens, depths, mask, allowed }, first);
    verify(device, {
      result: rows(output.result, 0, 1 + count),
      path: rows(output.path, 0, count),
      history,
      cacheLength: state.cacheLength,
      choice: rows(state.choice, first, first + count),
      tokens,
      parents,
      limit,
    });
  }

  /**
   * Queues the commit of what was accepted of `count` rows, with log-probabilities where `of` says of what; hidden states of the
   * rows lie from row `from` on, with their logits where absent.
   */
  queueCommit(count: number, of?: LogProbsOf, from?: number): void {
    const { state, output, memory: { device }, taps } = this;
    const first = firstRow(this.seat, count);
    const own = <D extends DType>(all: Tensor<D>, at = first) => rows(all, at, at + count);
    if (of) {
      const scores = of === "model" ? state.logits : state.scores;
      output.queueLogProbs(device, own(state.choice), own(scores));
    }
    const path = rows(output.path, 0, count);
    this.#siblings?.queueCollect(state, path, rows(output.result, 0, 1), first);
    if (taps) {
      ringWrite(device, taps.ring, own(state.tapped, from), {
        start: state.cacheLength,
        path,
        count: rows(output.result, 0, 1),
      });
    }
    commit(device, {
      caches: state.cache.table,
      rowBytes: state.cache.rowBytes,
      path,
      result: rows(output.result, 0, 1 + count),
      cacheLength: state.cacheLength,
    });
  }

  /** Queues the read-back of what a round leaves. */
  queueReadBack(of?: LogProbsOf): void {
    (of ? this.#readBackAll! : this.#readBack).queue();
  }

  /** Waits for that read-back, which brings `result`. */
  wait(of?: LogProbsOf): void {
    this.result = (of ? this.#readBackAll! : this.#readBack).wait();
    if (of) this.output.take(this.result);
  }

  /** Frees the state and the read-backs. */
  [Symbol.dispose](): void {
    this.#cleanup.dispose();
  }
}
