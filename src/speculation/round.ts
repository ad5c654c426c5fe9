/**
 * One model and its drafter at work on a sequence: propose, verify, commit, again and again.
 *
 * @module
 */
import { ArgumentError } from "../base/errors.ts";
import { Arena, DeviceEvent, Graph, type ReadBack, rows, type Tensor } from "../device/mod.ts";
import type { DType } from "../base/dtype.ts";
import { type ForwardPart, type Model, ModelState } from "../model/mod.ts";
import { advance, commit, MAX_TREE_ROWS, ringWrite, verify } from "../ops/mod.ts";
import { ByLength } from "./by_length.ts";
import { type Constraint, ConstraintMemory, FORCED_BY, FORCED_ROWS } from "./constraint.ts";
import type { Drafter, DrafterPlan, Proposal, SequenceMemory, Verifier } from "./drafter.ts";
import { type LogProbsOf, RoundOutput, type TopToken } from "./log_probs.ts";
import { slotsOf } from "./memory.ts";
import { cutsOf, RoundGraphs } from "./round_graphs.ts";
import type { Siblings } from "./siblings.ts";
import { firstRow, type Seat } from "./seats.ts";
import { LevelStats } from "./stats.ts";
import { type Taps, taps } from "./taps.ts";
import { RoundWatch } from "./watch.ts";

/** Rows of a forward that reads many tokens which others have chosen; few enough that hidden states of all are kept. */
const CATCH_UP_ROWS = 32;

/** How a round is run. */
export interface RoundOptions {
  /** With log-probabilities, for which `prepareLogProbs` has been called, of this. */
  readonly logged?: LogProbsOf;
  /** Under a constraint, for which `prepareConstraint` has been called. */
  readonly constraint?: Constraint;
}

/** A round under way. */
interface Turn extends RoundOptions {
  /** What verifies the proposal. */
  graphs: RoundGraphs;
  /** Rows that a constraint forces; 0 where it leaves the proposal to the drafter. */
  readonly forced: number;
  /** Whether its forward had the verification with it. */
  isVerified?: boolean;
}

/** A model that verifies what its drafter proposes; without a drafter, plain decoding. */
export class Round implements Verifier, Disposable {
  /** Name of the model in statistics and provenance. */
  readonly name: string;
  /** Caches and buffers of the model. */
  readonly state: ModelState;
  /** What the levels share. */
  readonly memory: SequenceMemory;
  /** Hidden states for the drafter. */
  readonly taps?: Taps;
  /** What proposes. */
  readonly drafter?: Drafter;
  /** Counts and times. */
  readonly stats: LevelStats;
  /** The rounds that there are, for all but what a constraint forces. Those of one place of proposals lie side by side, ascending. */
  readonly kinds: readonly RoundGraphs[];
  /** The last round's accept length, then its tokens, as the host read them; the rest is not for others. */
  result: Int32Array;
  readonly #arena: Arena;
  readonly #output: RoundOutput;
  readonly #seat?: Seat;
  readonly #siblings?: Siblings;
  readonly #inOrder: Tensor<"i32">;
  readonly #many: Tensor<"i32">;
  readonly #zero: Tensor<"i32">;
  readonly #one: Tensor<"i32">;
  readonly #position: Tensor<"i32">;
  readonly #readBack: ReadBack;
  #readBackAll?: ReadBack;
  readonly #events: readonly DeviceEvent[];
  readonly #cleanup: DisposableStack;
  readonly #plains: ByLength<RoundGraphs>;
  /** Rounds of what the drafter proposes, of each place by their rows. */
  readonly #proposed: ReadonlyMap<Proposal, readonly RoundGraphs[]>;
  /** Rounds of what a constraint forces, and the memory of all constrained rounds, where they have been prepared. */
  #forced?: RoundGraphs;
  #constraint?: ConstraintMemory;
  /** Forwards of the next tokens of the history, of many and of one. */
  readonly #catchUps: readonly { readonly rows: number; readonly graphs: ByLength<Graph> }[];
  readonly #logged = new Set<LogProbsOf>();
  #watch?: RoundWatch;
  /** Whether the last round verified what was forced. */
  #wasForced = false;
  /** The round under way. */
  #turn?: Turn;

  /**
   * Allocates the state of `model`, makes the drafter of `plan` for it, and captures its graphs. Where it drafts for a model
   * itself, `above` is that one's state: it chooses from the tokens that are known there, no constraint forces its, and
   * `siblings` collects its other choices.
   */
  constructor(
    model: Model,
    memory: SequenceMemory,
    plan?: DrafterPlan,
    name = "target",
    above?: ModelState,
    siblings?: Siblings,
  ) {
    const count = plan?.rows ?? 1;
    if (count > MAX_TREE_ROWS) {
      throw new ArgumentError(
        "rows",
        `Cannot verify ${count} rows at once: expected at most ${MAX_TREE_ROWS}; ` +
          `a tree has treeSize rows, a sequence 1 + minDraft + depth`,
      );
    }
    // What a constraint forces is verified in rounds of their own.
    const most = above ? count : Math.max(count, FORCED_ROWS);
    const { device } = memory;
    if (model.device !== device) {
      throw new ArgumentError(
        "device",
        `Cannot run ${model.dir} in these rounds: it is on another device, expected the target's`,
      );
    }
    this.name = name;
    this.memory = memory;
    // Only forwards of the target are shared.
    const seat = above ? undefined : memory.seat;
    this.#seat = seat;
    this.#siblings = siblings;
    using cleanup = new DisposableStack();
    this.#arena = cleanup.use(new Arena(device, `round of ${name}`));
    this.state = cleanup.use(
      new ModelState(model, {
        context: memory.context,
        slots: memory.slots,
        rows: Math.max(most, memory.prefillRows, seat ? MAX_TREE_ROWS : 0),
        logitsRows: seat ? MAX_TREE_ROWS : most,
        vocabulary: above?.vocabulary,
        kvCache: memory.kvCache,
        taps: typeof plan?.taps === "string" ? undefined : plan?.taps,
        scratch: memory.seat?.scratch,
      }),
    );
    if (plan && plan.taps !== "none") {
      const width = this.state.tapped.shape[1];
      // Who is used by turns reads what it has missed when its turn comes.
      const kept = plan.several ? memory.slots : undefined;
      this.taps = taps(device, this.#arena, model.dtype, width, kept);
    }
    this.#output = new RoundOutput(this.#arena, most, model.config.vocabSize);
    // Nothing is chosen for the target elsewhere, so it has nothing to catch up with.
    const many = above ? Math.min(CATCH_UP_ROWS, memory.prefillRows) : 1;
    this.#inOrder = this.#arena.fromHost(
      "i32",
      [many],
      Int32Array.from({ length: many }, (_, i) => i),
    );
    this.#many = this.#arena.fromHost("i32", [1], Int32Array.of(many));
    this.#zero = this.#arena.fromHost("i32", [1], Int32Array.of(0));
    this.#one = this.#arena.fromHost("i32", [1], Int32Array.of(1));
    this.#position = this.#arena.fromHost("i32", [1], Int32Array.of(0));
    this.#readBack = cleanup.use(this.#output.readBack(device, false));
    this.#events = Array.from({ length: 4 }, () => cleanup.use(new DeviceEvent(device)));
    this.result = new Int32Array(1 + most);
    this.drafter = plan?.create(this);
    if (this.drafter) cleanup.use(this.drafter);
    this.stats = new LevelStats(name, (plan?.depth ?? 0) + 1);
    const byLength = <T extends Disposable>(
      capture: (slots?: number) => T,
      rows = 1,
    ): ByLength<T> => new ByLength(rows, memory.slots, (slots) => cleanup.use(capture(slots)));
    this.#plains = byLength((slots) => this.#graphs({ rows: 1 }, 0, slots));
    const places = this.drafter ? this.drafter.proposals ?? [this.drafter.proposal] : [];
    this.#proposed = new Map(places.map((place, i) => [
      place,
      cutsOf(place).map((proposal) => cleanup.use(this.#graphs(proposal, 1 + i))),
    ]));
    this.kinds = this.#all;
    for (const graphs of this.kinds) {
      graphs.prepare();
      graphs.prepareCommit();
      if (seat) graphs.prepareShared();
    }
    this.#catchUps = [...new Set([many, 1])].map((count) => ({
      rows: count,
      graphs: byLength(
        (slots) => Graph.capture(device, () => this.#queueCatchUp(count, slots)),
        count,
      ),
    }));
    this.#cleanup = cleanup.move();
  }

  #graphs(proposal: Proposal, place: number, slots?: number): RoundGraphs {
    const parts = {
      forward: (proposal: Proposal) => {
        const { step, ids } = this.#part(proposal, slots);
        const first = firstRow(this.#seat, step.rows);
        this.state.queueForward(step, ids, first);
        this.state.queueLogits(step.rows, first, first);
      },
      choose: (proposal: Proposal, allowed?: Tensor<"i32">) => this.#queueChoice(proposal, allowed),
      commit: (proposal: Proposal, of?: LogProbsOf) => this.#queueCommit(proposal.rows, of),
    };
    return new RoundGraphs(this.memory.device, proposal, parts, place, slots);
  }

  #part({ rows, tokens, depths, mask }: Proposal, slots?: number): ForwardPart {
    const { state, memory: { history } } = this;
    const { cacheLength } = state;
    return {
      state,
      step: { rows, cacheLength, depths, mask, slots },
      ids: tokens ? { tokens } : { tokens: history, start: cacheLength },
    };
  }

  /** Its part in a forward that verifies what `kinds[kind]` does. */
  part(kind: number): ForwardPart {
    const { proposal, slots } = this.kinds[kind];
    return this.#part(proposal, slots);
  }

  #queueChoice(proposal: Proposal, allowed?: Tensor<"i32">): void {
    const { state, memory: { device, history, choice } } = this;
    const { rows: count, tokens, parents, depths, mask, limit } = proposal;
    const first = firstRow(this.#seat, count);
    state.queueChoice(count, choice, { history, tokens, depths, mask, allowed }, first);
    verify(device, {
      result: rows(this.#output.result, 0, 1 + count),
      path: rows(this.#output.path, 0, count),
      history,
      cacheLength: state.cacheLength,
      choice: rows(state.choice, first, first + count),
      tokens,
      parents,
      limit,
    });
  }

  #queueCommit(count: number, of?: LogProbsOf): void {
    const { state, memory: { device }, taps } = this;
    const first = firstRow(this.#seat, count);
    const own = <D extends DType>(all: Tensor<D>) => rows(all, first, first + count);
    if (of) {
      const scores = of === "model" ? state.logits : state.scores;
      this.#output.queueLogProbs(device, own(state.choice), own(scores));
    }
    const path = rows(this.#output.path, 0, count);
    this.#siblings?.queueCollect(state, path, rows(this.#output.result, 0, 1));
    if (taps) {
      ringWrite(device, taps.ring, own(state.tapped), {
        start: state.cacheLength,
        path,
        count: rows(this.#output.result, 0, 1),
      });
    }
    commit(device, {
      caches: state.cache.table,
      rowBytes: state.cache.rowBytes,
      path,
      result: rows(this.#output.result, 0, 1 + count),
      cacheLength: state.cacheLength,
    });
    this.drafter?.queueObserve();
    (of ? this.#readBackAll! : this.#readBack).queue();
  }

  /** All kinds of rounds that there are. */
  get #all(): readonly RoundGraphs[] {
    const proposed = [...this.#proposed.values()].flat();
    return [...this.#plains.all, ...proposed, ...(this.#forced ? [this.#forced] : [])];
  }

  /** Rounds of one row, as the text stands. */
  get #plain(): RoundGraphs {
    return this.#plains.at(this.state.length);
  }

  /**
   * Captures what rounds with log-probabilities need beside the others, once: those of the target's own distribution, or
   * of the one that it chooses from, for which the settings of the choice must ask for scores.
   */
  prepareLogProbs(of: LogProbsOf): void {
    this.#readBackAll ??= this.#cleanup.use(this.#output.readBack(this.memory.device, true));
    for (const graphs of this.#all) graphs.prepareCommit(of);
    this.#logged.add(of);
  }

  /** Allocates and captures what constrained rounds need beside the others, once. */
  prepareConstraint(): void {
    const { state, memory } = this;
    const most = Math.max(1, ...[...this.#proposed.keys()].map(({ rows }) => rows));
    // What has been captured stays, also where what comes behind it fails.
    this.#constraint ??= this.#cleanup.use(
      new ConstraintMemory(memory, this.#arena, most, state.model.config.vocabSize),
    );
    this.#forced ??= this.#cleanup.use(this.#graphs(this.#constraint.forced, 0));
    for (const of of [undefined, ...this.#logged]) this.#forced.prepareCommit(of);
    for (const graphs of this.#all) graphs.prepareConstrained(this.#constraint);
  }

  /** Keeps what the rounds of all levels are from the next one on, and gives where; or keeps it no longer. */
  watch(isWatched: boolean): RoundWatch | undefined {
    this.memory.watch = isWatched
      ? this.#watch ??= this.#cleanup.use(new RoundWatch(this))
      : undefined;
    this.#watch?.reset();
    return isWatched ? this.#watch : undefined;
  }

  #queueCatchUp(count: number, slots?: number): void {
    const { state, memory: { device, history }, taps } = this;
    const { cacheLength } = state;
    state.queueForward(
      { rows: count, cacheLength, slots },
      { tokens: history, start: cacheLength },
    );
    if (taps) {
      ringWrite(device, taps.ring, rows(state.tapped, 0, count), {
        start: cacheLength,
        path: rows(this.#inOrder, 0, count),
        count: count === 1 ? this.#one : this.#many,
      });
    }
    advance(device, cacheLength, count);
  }

  /** Statistics of this level and of all levels inside its drafter, outermost first. */
  get levels(): readonly LevelStats[] {
    return [this.stats, ...(this.drafter?.levels ?? [])];
  }

  /** Reads the next `count` tokens of the history into the caches of all levels; `count` at most `prefillRows`. */
  prefill(count: number): void {
    const { state, memory: { device, history }, taps } = this;
    const { cacheLength } = state;
    state.queueForward({ rows: count, cacheLength }, { tokens: history, start: cacheLength });
    this.drafter?.prefill(count);
    advance(device, cacheLength, count);
    state.length += count;
    if (taps) {
      device.upload(this.#position, Int32Array.of(state.length - 1));
      ringWrite(device, taps.ring, rows(state.tapped, count - 1, count), {
        start: this.#position,
        path: this.#zero,
        count: this.#one,
      });
    }
  }

  /**
   * Makes room for a text of `length` tokens (the whole context where absent) and reads a prompt of 1 token or
   * more, of which the caches keep the first `kept` tokens of the text before; yields the tokens read after each chunk. The
   * last token stays out of the caches: it is node 0 of the first round.
   */
  *read(
    prompt: readonly number[],
    length: number = this.memory.context,
    kept = 0,
  ): Generator<number, void> {
    const { memory: { device, history, text, prefillRows }, state, drafter } = this;
    this.resume(kept, length);
    this.stats.reset();
    text.set(prompt.slice(kept), kept);
    device.upload(rows(history, kept, prompt.length), Int32Array.from(prompt.slice(kept)));
    const count = prompt.length - 1;
    while (state.length < count) {
      this.prefill(Math.min(prefillRows, count - state.length));
      yield state.length;
    }
    if (count === 0) return;
    drafter?.queueObserve();
    drafter?.observe(false);
  }

  /**
   * Runs one round and waits for its result; with log-probabilities, for which `prepareLogProbs` has been called, where
   * `logged` says of what; under a constraint, for which `prepareConstraint` has, where there is one.
   */
  run(logged?: LogProbsOf, constraint?: Constraint): number {
    this.queue({ logged, constraint });
    return this.finish();
  }

  /** Queues one round, for which `finish` waits. */
  queue(options: RoundOptions): void {
    const { constraint, logged } = options;
    this.begin(options);
    this.queueRead();
    const { graphs } = this.#turn!;
    if (constraint) {
      graphs.forward.launch();
      this.#chooseConstrained(constraint);
    } else graphs.verify.launch();
    const [, , verified, committed] = this.#events;
    verified.record();
    graphs.commit(logged).launch();
    committed.record();
  }

  /**
   * Begins a round: queues its proposal, but none where it `isPlain`. What follows is `queueRead`, a forward of several or
   * `queueOwn`, `settle` and `finish`.
   */
  begin({ logged, constraint }: RoundOptions, isPlain = false): void {
    const [start, drafted] = this.#events;
    start.record();
    const forced = constraint ? this.#constraint!.propose(constraint, this.state.length) : 0;
    const graphs = this.#propose(forced > 0, isPlain);
    drafted.record();
    this.#turn = { logged, constraint, graphs, forced };
  }

  /** Of `kinds`, the one that verifies the proposal in the fewest rows; -1 for what is forced. */
  get kind(): number {
    return this.kinds.indexOf(this.#turn!.graphs);
  }

  /**
   * Has the proposal verified by `kinds[kind]`, of the same place and no fewer rows, and queues what a constraint needs of it,
   * and who watches, before the forward.
   */
  queueRead(kind: number = this.kind): void {
    const turn = this.#turn!;
    const { constraint, forced } = turn;
    if (kind >= 0) turn.graphs = this.kinds[kind];
    const count = forced ? 0 : this.#proposedRows(turn.graphs);
    this.memory.watch?.proposed(this, count);
    if (constraint === undefined) return;
    this.#constraint!.queueRead(turn.graphs.proposal, Math.max(1, count), this.state.length);
  }

  /** Queues a forward of its own, in place of a part in one of several. */
  queueOwn(): void {
    const turn = this.#turn!;
    const { graphs, constraint } = turn;
    turn.isVerified = constraint === undefined;
    if (constraint) graphs.forward.launch();
    else graphs.verify.launch();
  }

  /** Queues the choice, the verification and the commit, behind the forward. */
  settle(): void {
    const { graphs, constraint, logged, isVerified } = this.#turn!;
    if (constraint) this.#chooseConstrained(constraint);
    else if (!isVerified) {
      if (logged === undefined) return graphs.end.launch();
      graphs.settle.launch();
    }
    graphs.commit(logged).launch();
  }

  /** The host makes the masks while the device runs the forward. */
  #chooseConstrained(constraint: Constraint): void {
    const { graphs, forced } = this.#turn!;
    this.#constraint!.fill(constraint, graphs.proposal, forced || this.#proposedRows(graphs));
    graphs.choose.launch();
  }

  /** Rows of `graphs` that there are: in company they may have more than the drafter proposes, which may be accepted, too. */
  #proposedRows({ proposal: { rows, limit } }: RoundGraphs): number {
    return limit === undefined ? rows : this.drafter!.proposed;
  }

  /** Waits for the round's result; `sharedMs` gives its part of the time in which rounds were verified together, when that is over. */
  finish(sharedMs?: () => number): number {
    const { state, stats } = this;
    const [start, drafted, verified, committed] = this.#events;
    const { graphs, logged } = this.#turn!;
    const waitedFrom = performance.now();
    this.result = (logged ? this.#readBackAll! : this.#readBack).wait();
    if (logged) this.#output.take(this.result);
    stats.readBackMs += performance.now() - waitedFrom;
    const accepted = this.result[0];
    const { text } = this.memory;
    for (let j = 1; j <= accepted; j++) text[state.length + j] = this.result[j];
    state.length += accepted;
    stats.add(accepted, graphs.proposal.rows);
    stats.draftMs += DeviceEvent.elapsed(start, drafted);
    if (sharedMs) stats.verifyMs += sharedMs();
    else {
      stats.verifyMs += DeviceEvent.elapsed(drafted, verified);
      stats.commitMs += DeviceEvent.elapsed(verified, committed);
    }
    this.memory.watch?.ended(this);
    this.drafter?.observe(this.#output.strays(this.result));
    return accepted;
  }

  /** Lets the drafter propose, or only follow where tokens are forced or none are wanted; gives the graphs that verify what stands. */
  #propose(forced: boolean, isPlain: boolean): RoundGraphs {
    this.#wasForced = forced;
    if (forced || (isPlain && this.state.length > 0)) {
      this.drafter?.follow();
      return forced ? this.#forced! : this.#plain;
    }
    // A drafter needs a hidden state to start from: the first token of all is decoded plainly.
    if (this.drafter === undefined || this.state.length === 0) return this.#plain;
    this.drafter.propose();
    const { proposed, proposal: place } = this.drafter;
    // The first row is the last committed token.
    this.stats.drafted += proposed - 1;
    if (proposed === 1) return this.#plain;
    return this.#proposed.get(place)!.find(({ proposal }) => proposed <= proposal.rows)!;
  }

  /** The natural log-probability of the j-th token of the last round, which was run with log-probabilities. */
  logProb(j: number): number {
    return this.#output.logProb(j);
  }

  /** The `count` likeliest tokens in its place, likeliest first; fewer where no more are possible. */
  topLogProbs(j: number, count: number): TopToken[] {
    return this.#output.topLogProbs(j, count);
  }

  /** Queues one round of plain decoding without waiting: its accept length is 1, whatever the token. */
  queuePlain(): void {
    this.#plain.verify.launch();
    this.#plain.commit().launch();
    this.state.length++;
    this.stats.add(1, 1);
  }

  /** Queues forwards of the history up to `length` tokens, which some other level has chosen. */
  catchUp(length: number): void {
    const { state, stats, drafter } = this;
    while (state.length < length) {
      const { rows, graphs } = this.#catchUps.find(({ rows }) => rows <= length - state.length)!;
      graphs.at(state.length).launch();
      state.length += rows;
      stats.catchUps++;
      // Taps do not reach back for ever.
      if (rows > 1) drafter?.follow();
    }
  }

  /** Who proposed the j-th token of the last round. */
  proposer(j: number): string {
    if (j === this.result[0] - 1) return this.name;
    return this.#wasForced ? FORCED_BY : this.drafter!.proposer(j);
  }

  /**
   * Forgets all but the first `kept` tokens at every level, and makes room for a text of `length` tokens; caches never
   * shrink. Throws code `"disposed"` where anything that a round needs has been disposed.
   */
  resume(kept: number, length: number): void {
    for (const graphs of this.#all) graphs.expectLive();
    for (const { graphs } of this.#catchUps) for (const graph of graphs.all) graph.expectLive();
    this.state.cache.ensure(slotsOf(this.memory, length));
    this.catchUp(kept);
    // It may read hidden states of what is kept.
    this.drafter?.resume(kept, length);
    this.state.setLength(kept);
  }

  /** Forgets, at every level, what is remembered of earlier texts. */
  forget(): void {
    this.drafter?.forget?.();
  }

  /** Frees everything but the model. */
  [Symbol.dispose](): void {
    this.#cleanup.dispose();
  }
}
