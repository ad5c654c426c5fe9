/**
 * A round under way: what stands between its proposal and its result, alone or in company.
 *
 * @module
 */
import { DeviceEvent } from "../../device/mod.ts";
import type { Constraint } from "../sequence/constraint.ts";
import type { Watched } from "../sequence/drafter.ts";
import type { LogProbsOf } from "../sequence/log_probs.ts";
import type { RoundGraphs } from "./round_graphs.ts";
import type { RoundKinds } from "./round_kinds.ts";
import type { RoundOps } from "./round_ops.ts";

/** How a round is run. */
export interface RoundOptions {
  /** With log-probabilities, for which `prepareLogProbs` has been called, of this. */
  readonly logged?: LogProbsOf;
  /** Under a constraint, for which `prepareConstraint` has been called. */
  readonly constraint?: Constraint;
}

/** What works on a round. */
export interface RoundTools {
  /** Whose round it is. */
  readonly round: Watched;
  /** Its ops. */
  readonly ops: RoundOps;
  /** Its graphs. */
  readonly kinds: RoundKinds;
  /** When it began, when its proposal stood, when it was verified, and when it was committed. */
  readonly events: readonly DeviceEvent[];
}

/** Its parts in the times that rounds had together, when they are over. */
export interface SharedMs {
  /** Until the proposals stood. */
  readonly draft: number;
  /** In forwards, verification and commits. */
  readonly verify: number;
}

/**
 * A round that has begun. Alone it goes on with `propose` and `queueAlone`; in company with `propose` or, where others have made
 * its proposal, `take`, then with `queueRead`, a forward of several or `queueOwn`, and `settle`.
 */
export class UnderWay {
  readonly #tools: RoundTools;
  readonly #options: RoundOptions;
  /** Rows that a constraint forces; 0 where it leaves the proposal to the drafter. */
  readonly #forced: number;
  /** Whether its drafter is to propose. */
  readonly isProposing: boolean;
  /** What verifies the proposal. */
  #graphs: RoundGraphs;
  /** Whether its proposal was made together with others'. */
  #hasShared = false;
  /** Whether its forward had the verification with it. */
  #isVerified = false;

  /** One with `forced` rows where a constraint forces them, else 0; without, its drafter proposes where it `isProposing`. */
  constructor(tools: RoundTools, options: RoundOptions, forced: number, isProposing: boolean) {
    this.#tools = tools;
    this.#options = options;
    this.#forced = forced;
    this.isProposing = isProposing;
    this.#graphs = forced > 0 ? tools.kinds.forced : tools.kinds.plain;
  }

  /** Lets its drafter propose. */
  propose(): void {
    const { round: { drafter }, events: [, drafted] } = this.#tools;
    if (this.isProposing) {
      drafter!.propose();
      this.#take();
    }
    drafted.record();
  }

  /** Takes what has been proposed together with others' proposals. */
  take(): void {
    this.#hasShared = true;
    this.#take();
  }

  #take(): void {
    const { round: { stats, drafter }, kinds } = this.#tools;
    // The first row is the last committed token.
    stats.drafted += drafter!.proposed - 1;
    this.#graphs = kinds.proposed;
  }

  /** Of the free kinds, the one that verifies the proposal in the fewest rows; -1 for what is forced. */
  get kind(): number {
    return this.#tools.kinds.free.indexOf(this.#graphs);
  }

  /** Whether its drafter has proposed anything: it may have been told, or have found, that nothing is worth it. */
  get hasProposal(): boolean {
    return this.isProposing && this.#graphs !== this.#tools.kinds.plain;
  }

  /** Queues all that follows the proposal, in forwards of its own. */
  queueAlone(): void {
    const { events: [, , verified, committed] } = this.#tools;
    const { constraint, logged } = this.#options;
    this.queueRead(this.kind);
    this.queueOwn();
    if (constraint) this.#chooseConstrained(constraint);
    verified.record();
    this.#graphs.commit(logged).launch();
    committed.record();
  }

  /**
   * Has the proposal verified by the free kind `kind`, of the same place and no fewer rows, or by that of what is forced, and
   * queues what a constraint needs of it, and who watches, before the forward.
   */
  queueRead(kind: number): void {
    const { round, kinds } = this.#tools;
    const { constraint } = this.#options;
    if (kind >= 0) this.#graphs = kinds.free[kind];
    const count = this.#forced ? 0 : this.#proposedRows;
    round.memory.watch?.proposed(round, count);
    if (constraint === undefined) return;
    kinds.constraint.queueRead(this.#graphs.proposal, Math.max(1, count), round.state.length);
  }

  /** Queues a forward of its own, in place of a part in one of several. */
  queueOwn(): void {
    this.#isVerified = this.#options.constraint === undefined;
    (this.#isVerified ? this.#graphs.verify : this.#graphs.forward).launch();
  }

  /** Queues the choice, the verification and the commit, behind the forward. */
  settle(): void {
    const { constraint, logged } = this.#options;
    const graphs = this.#graphs;
    if (constraint) this.#chooseConstrained(constraint);
    else if (!this.#isVerified) {
      if (logged === undefined) return graphs.end.launch();
      graphs.settle.launch();
    }
    graphs.commit(logged).launch();
  }

  /** The host makes the masks while the device runs the forward. */
  #chooseConstrained(constraint: Constraint): void {
    const { proposal, choose } = this.#graphs;
    this.#tools.kinds.constraint.fill(constraint, proposal, this.#forced || this.#proposedRows);
    choose.launch();
  }

  /** Rows that there are: in company its graphs may have more than the drafter proposes, which may be accepted, too. */
  get #proposedRows(): number {
    const { rows, limit } = this.#graphs.proposal;
    return limit === undefined ? rows : this.#tools.round.drafter!.proposed;
  }

  /**
   * Waits for the result, and has everybody hear of it; gives the tokens committed. In company `sharedMs` gives its parts of the
   * times that rounds had together.
   */
  finish(sharedMs?: () => SharedMs): number {
    const { round, ops, events } = this.#tools;
    const { state, stats, memory: { text, watch }, drafter } = round;
    const [start, drafted, verified, committed] = events;
    const waitedFrom = performance.now();
    ops.wait(this.#options.logged);
    stats.readBackMs += performance.now() - waitedFrom;
    const { result } = ops;
    const accepted = result[0];
    for (let j = 1; j <= accepted; j++) text[state.length + j] = result[j];
    state.length += accepted;
    stats.add(accepted, this.#graphs.proposal.rows);
    const shared = sharedMs?.();
    stats.draftMs += this.#hasShared ? shared!.draft : DeviceEvent.elapsed(start, drafted);
    if (shared) stats.verifyMs += shared.verify;
    else {
      stats.verifyMs += DeviceEvent.elapsed(drafted, verified);
      stats.commitMs += DeviceEvent.elapsed(verified, committed);
    }
    watch?.ended(round);
    drafter?.observe(ops.output.strays(result));
    return accepted;
  }
}
