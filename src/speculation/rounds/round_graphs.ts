/**
 * The captured graphs of the rounds that verify one proposal.
 *
 * @module
 */
import { type Device, Graph, rows, type Tensor } from "../../device/mod.ts";
import type { ConstraintMemory } from "../sequence/constraint.ts";
import type { Proposal } from "../sequence/drafter.ts";
import type { LogProbsOf } from "../sequence/log_probs.ts";

/** What rounds are made of; each queues ops. */
export interface RoundParts {
  /** The forward of a proposal's rows, and their logits. */
  forward(proposal: Proposal): void;
  /** The choice after each row, of the tokens that `allowed` has for it, i32 [rows, words]; and the verification. */
  choose(proposal: Proposal, allowed?: Tensor<"i32">): void;
  /** The commit, and the read-back: with log-probabilities where `of` says of what. */
  commit(proposal: Proposal, of?: LogProbsOf): void;
}

/** A proposal with all of its rows, and with those that it may be cut to, ascending. */
export function cutsOf(proposal: Proposal): Proposal[] {
  const { tokens, parents, depths, mask, cuts = [] } = proposal;
  const cut = cuts.map((count) => ({
    ...proposal,
    rows: count,
    tokens: tokens && rows(tokens, 0, count),
    parents: parents && rows(parents, 0, count),
    depths: depths && rows(depths, 0, count),
    mask: mask && rows(mask, 0, count),
  }));
  return [...cut, proposal];
}

/** Graphs of one proposal. Those of free rounds and of each other kind are captured when they are first asked for. */
export class RoundGraphs implements Disposable {
  /** What its rounds verify. */
  readonly proposal: Proposal;
  /** Slots of the cache that its forwards are for; all where absent. */
  readonly slots?: number;
  /** The number of the place where its proposal lies, cut or whole; 0 where nothing is proposed. */
  readonly place: number;
  readonly #device: Device;
  readonly #parts: RoundParts;
  readonly #cleanup = new DisposableStack();
  readonly #commits = new Map<LogProbsOf | undefined, Graph>();
  #verify?: Graph;
  #forward?: Graph;
  #choose?: Graph;
  #settle?: Graph;
  #end?: Graph;

  /** No graphs yet. */
  constructor(
    device: Device,
    proposal: Proposal,
    parts: RoundParts,
    place: number,
    slots?: number,
  ) {
    this.#device = device;
    this.place = place;
    this.proposal = proposal;
    this.slots = slots;
    this.#parts = parts;
  }

  /** Captures the verification of free rounds: all in one graph. */
  prepare(): void {
    const { proposal } = this;
    this.#verify ??= this.#capture(() => {
      this.#parts.forward(proposal);
      this.#parts.choose(proposal);
    });
  }

  /** Captures what follows a forward that others have a part in: the verification of free rounds, and all to their end. */
  prepareShared(): void {
    this.#settle ??= this.#capture(() => this.#parts.choose(this.proposal));
    this.#end ??= this.#capture(() => {
      this.#parts.choose(this.proposal);
      this.#parts.commit(this.proposal);
    });
  }

  /** Captures that of constrained rounds: in two graphs, between which the host makes masks. */
  prepareConstrained(memory: ConstraintMemory): void {
    const { proposal } = this;
    this.#forward ??= this.#capture(() => this.#parts.forward(proposal));
    this.#choose ??= this.#capture(() => {
      memory.queueMasks(proposal.rows);
      this.#parts.choose(proposal, rows(memory.allowed, 0, proposal.rows));
    });
  }

  /** Captures the commit, with log-probabilities where `of` says of what. */
  prepareCommit(of?: LogProbsOf): void {
    if (this.#commits.has(of)) return;
    this.#commits.set(of, this.#capture(() => this.#parts.commit(this.proposal, of)));
  }

  /** The verification of free rounds. */
  get verify(): Graph {
    return this.#verify!;
  }

  /** The verification of free rounds behind a forward. */
  get settle(): Graph {
    return this.#settle!;
  }

  /** That, and the commit. */
  get end(): Graph {
    return this.#end!;
  }

  /** The forward of constrained rounds. */
  get forward(): Graph {
    return this.#forward!;
  }

  /** The choice under the masks, and the verification. */
  get choose(): Graph {
    return this.#choose!;
  }

  /** The commit. */
  commit(of?: LogProbsOf): Graph {
    return this.#commits.get(of)!;
  }

  /** Throws code `"disposed"` where anything that its graphs need has been disposed. */
  expectLive(): void {
    for (const graph of [this.#verify, this.#forward, this.#choose, this.#settle, this.#end]) {
      graph?.expectLive();
    }
    for (const graph of this.#commits.values()) graph.expectLive();
  }

  #capture(queue: () => void): Graph {
    return this.#cleanup.use(Graph.capture(this.#device, queue));
  }

  /** Destroys the graphs. */
  [Symbol.dispose](): void {
    this.#cleanup.dispose();
  }
}
