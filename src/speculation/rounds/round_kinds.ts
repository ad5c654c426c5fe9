/**
 * The kinds of rounds that a sequence can have, each with its graphs: plain ones, those of what its drafter proposes, and those
 * of what a constraint forces.
 *
 * @module
 */
import type { Arena } from "../../device/mod.ts";
import { SHORT_SLOTS } from "../../model/mod.ts";
import { ByLength } from "./by_length.ts";
import { ConstraintMemory } from "../sequence/constraint.ts";
import type { Drafter, Proposal } from "../sequence/drafter.ts";
import type { LogProbsOf } from "../sequence/log_probs.ts";
import { cutsOf, RoundGraphs } from "./round_graphs.ts";
import type { RoundOps } from "./round_ops.ts";

/** All kinds of rounds of one sequence. */
export class RoundKinds implements Disposable {
  /** All but what a constraint forces. Those of one place of proposals lie side by side, ascending. */
  readonly free: readonly RoundGraphs[];
  readonly #ops: RoundOps;
  readonly #drafter?: Drafter;
  readonly #plains: ByLength<RoundGraphs>;
  /** Rounds of what the drafter proposes, of each place by their rows. */
  readonly #proposed: ReadonlyMap<Proposal, readonly ByLength<RoundGraphs>[]>;
  readonly #logged = new Set<LogProbsOf>();
  /** Rounds of what a constraint forces, and the memory of all constrained rounds, where they have been prepared. */
  #forced?: RoundGraphs;
  #constraint?: ConstraintMemory;
  readonly #cleanup: DisposableStack;

  /** Captures all that free rounds of `ops` with `drafter` need. */
  constructor(ops: RoundOps, drafter?: Drafter) {
    this.#ops = ops;
    this.#drafter = drafter;
    using cleanup = new DisposableStack();
    const { memory, seat } = ops;
    this.#plains = new ByLength(
      1,
      memory.slots,
      (slots) => cleanup.use(this.#graphs({ rows: 1 }, 0, slots)),
    );
    const places = drafter ? drafter.proposals ?? [drafter.proposal] : [];
    // Forwards of several texts know no short ones of more than one row.
    const slots = seat ? SHORT_SLOTS : memory.slots;
    this.#proposed = new Map(places.map((place, i) => [
      place,
      cutsOf(place).map((proposal) =>
        new ByLength(
          proposal.rows,
          slots,
          (slots) => cleanup.use(this.#graphs(proposal, 1 + i, slots)),
        )
      ),
    ]));
    const proposed = [...this.#proposed.values()].flat().flatMap(({ all }) => all);
    this.free = [...this.#plains.all, ...proposed];
    for (const graphs of this.free) {
      graphs.prepare();
      graphs.prepareCommit();
      if (seat) graphs.prepareShared();
    }
    this.#cleanup = cleanup.move();
  }

  #graphs(proposal: Proposal, place: number, slots?: number): RoundGraphs {
    const ops = this.#ops;
    return new RoundGraphs(
      ops.memory.device,
      proposal,
      {
        forward: (proposal) => ops.queueForward(proposal, slots),
        choose: (proposal, allowed) => ops.queueChoice(proposal, allowed),
        commit: (proposal, of) => {
          ops.queueCommit(proposal.rows, of);
          this.#drafter?.queueObserve();
          ops.queueReadBack(of);
        },
      },
      place,
      slots,
    );
  }

  get #all(): readonly RoundGraphs[] {
    return this.#forced ? [...this.free, this.#forced] : this.free;
  }

  /** Rounds of one row, as the text stands. */
  get plain(): RoundGraphs {
    return this.#plains.at(this.#ops.state.length);
  }

  /** Rounds of what a constraint forces, for which `prepareConstraint` has been called. */
  get forced(): RoundGraphs {
    return this.#forced!;
  }

  /** The memory of constrained rounds, for which `prepareConstraint` has been called. */
  get constraint(): ConstraintMemory {
    return this.#constraint!;
  }

  /** Those that verify what the drafter has proposed in the fewest rows. */
  get proposed(): RoundGraphs {
    const { proposed, proposal: place } = this.#drafter!;
    if (proposed === 1) return this.plain;
    const graphs = this.#proposed.get(place)!.find(({ all: [{ proposal }] }) =>
      proposed <= proposal.rows
    )!;
    return graphs.at(this.#ops.state.length);
  }

  /** See `Round.prepareLogProbs`. */
  prepareLogProbs(of: LogProbsOf): void {
    this.#ops.prepareLogProbs();
    for (const graphs of this.#all) graphs.prepareCommit(of);
    this.#logged.add(of);
  }

  /** Allocates in `arena` and captures what constrained rounds need beside the others, once. */
  prepareConstraint(arena: Arena): void {
    const { state, memory } = this.#ops;
    const most = Math.max(1, ...[...this.#proposed.keys()].map(({ rows }) => rows));
    // What has been captured stays, also where what comes behind it fails.
    this.#constraint ??= this.#cleanup.use(
      new ConstraintMemory(memory, arena, most, state.model.config.vocabSize),
    );
    this.#forced ??= this.#cleanup.use(this.#graphs(this.#constraint.forced, 0));
    for (const of of [undefined, ...this.#logged]) this.#forced.prepareCommit(of);
    for (const graphs of this.#all) graphs.prepareConstrained(this.#constraint);
  }

  /** Throws code `"disposed"` where anything that its graphs need has been disposed. */
  expectLive(): void {
    for (const graphs of this.#all) graphs.expectLive();
  }

  /** Destroys all graphs. */
  [Symbol.dispose](): void {
    this.#cleanup.dispose();
  }
}
