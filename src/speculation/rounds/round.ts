/**
 * One model and its drafter at work on a sequence: propose, verify, commit, again and again.
 *
 * @module
 */
import { ArgumentError } from "../../base/errors.ts";
import { Arena, DeviceEvent } from "../../device/mod.ts";
import type { ForwardPart, Model, ModelState } from "../../model/mod.ts";
import { MAX_TREE_ROWS } from "../../ops/mod.ts";
import { type Constraint, FORCED_BY, FORCED_ROWS } from "../sequence/constraint.ts";
import type { Drafter, DrafterPlan, SequenceMemory, Verifier } from "../sequence/drafter.ts";
import type { LogProbsOf, TopToken } from "../sequence/log_probs.ts";
import { slotsOf } from "../sequence/memory.ts";
import { Reader } from "./reader.ts";
import type { RoundGraphs } from "./round_graphs.ts";
import { RoundKinds } from "./round_kinds.ts";
import { RoundOps } from "./round_ops.ts";
import type { Siblings } from "../trees/siblings.ts";
import { LevelStats } from "../sequence/stats.ts";
import type { Taps } from "../sequence/taps.ts";
import { type RoundOptions, UnderWay } from "./under_way.ts";
import { RoundWatch } from "./watch.ts";

/** The begin of a text that another sequence has, too. */
export interface SharedPrefix {
  /** What works on that one, by the same plan. */
  readonly from: Round;
  /** Tokens that its caches hold; one more at least is read. */
  readonly held: number;
}

/** A model that verifies what its drafter proposes; without a drafter, plain decoding. */
export class Round implements Verifier, Disposable {
  /** Name of the model in statistics and provenance. */
  readonly name: string;
  /** What the levels share. */
  readonly memory: SequenceMemory;
  /** What proposes. */
  readonly drafter?: Drafter;
  /** Whether others choose tokens of its text, which it reads: those of a draft model. */
  readonly catchesUp: boolean;
  /** Counts and times. */
  readonly stats: LevelStats;
  readonly #arena: Arena;
  readonly #ops: RoundOps;
  readonly #kinds: RoundKinds;
  readonly #reader: Reader;
  readonly #events: readonly DeviceEvent[];
  readonly #cleanup: DisposableStack;
  #watch?: RoundWatch;
  /** Whether the last round verified what was forced. */
  #wasForced = false;

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
    const { device } = memory;
    if (model.device !== device) {
      throw new ArgumentError(
        "device",
        `Cannot run ${model.dir} in these rounds: it is on another device, expected the target's`,
      );
    }
    this.name = name;
    this.memory = memory;
    using cleanup = new DisposableStack();
    this.#arena = cleanup.use(new Arena(device, `round of ${name}`));
    // What a constraint forces is verified in rounds of their own.
    const most = above ? count : Math.max(count, FORCED_ROWS);
    const options = { plan, most, above, siblings };
    this.#ops = cleanup.use(new RoundOps(model, memory, this.#arena, options));
    this.#events = Array.from({ length: 4 }, () => cleanup.use(new DeviceEvent(device)));
    this.stats = new LevelStats(name, (plan?.depth ?? 0) + 1);
    this.drafter = plan?.create(this);
    if (this.drafter) cleanup.use(this.drafter);
    this.#kinds = cleanup.use(new RoundKinds(this.#ops, this.drafter));
    // Nothing is chosen for the target elsewhere, so it has nothing to catch up with.
    this.catchesUp = above !== undefined;
    this.#reader = cleanup.use(new Reader(this.#ops, this.#arena, this.drafter, this.catchesUp));
    this.#cleanup = cleanup.move();
  }

  /** Caches and buffers of the model. */
  get state(): ModelState {
    return this.#ops.state;
  }

  /** Hidden states for the drafter. */
  get taps(): Taps | undefined {
    return this.#ops.taps;
  }

  /** The last round's accept length, then its tokens, as the host read them; the rest is not for others. */
  get result(): Int32Array {
    return this.#ops.result;
  }

  /** Statistics of this level and of all levels inside its drafter, outermost first. */
  get levels(): readonly LevelStats[] {
    return [this.stats, ...(this.drafter?.levels ?? [])];
  }

  /** The rounds that there are, for all but what a constraint forces. Those of one place of proposals lie side by side, ascending. */
  get kinds(): readonly RoundGraphs[] {
    return this.#kinds.free;
  }

  /** Its part in a forward that verifies what `kinds[kind]` does. */
  part(kind: number): ForwardPart {
    const { proposal, slots } = this.kinds[kind];
    return this.#ops.part(proposal, slots);
  }

  /**
   * Captures what rounds with log-probabilities need beside the others, once: those of the target's own distribution, or
   * of the one that it chooses from, for which the settings of the choice must ask for scores.
   */
  prepareLogProbs(of: LogProbsOf): void {
    this.#kinds.prepareLogProbs(of);
  }

  /** Allocates and captures what constrained rounds need beside the others, once. */
  prepareConstraint(): void {
    this.#kinds.prepareConstraint(this.#arena);
  }

  /** Keeps what the rounds of all levels are from the next one on, and gives where; or keeps it no longer. */
  watch(isWatched: boolean): RoundWatch | undefined {
    this.memory.watch = isWatched
      ? this.#watch ??= this.#cleanup.use(new RoundWatch(this))
      : undefined;
    this.#watch?.reset();
    return isWatched ? this.#watch : undefined;
  }

  /** Reads the next `count` tokens of the history into the caches of all levels; `count` at most `prefillRows`. */
  prefill(count: number): void {
    this.#reader.prefill(count);
  }

  /**
   * Makes room for a text of `length` tokens (the whole context where absent) and reads a prompt of 1 token or
   * more, of which the caches keep the first `kept` tokens of the text before; yields the tokens read after each chunk. Before
   * each, `ahead` may say who has more of it than the `held` tokens that there are, which is copied. The last token stays out of
   * the caches: it is node 0 of the first round.
   */
  *read(
    prompt: readonly number[],
    length: number = this.memory.context,
    kept = 0,
    ahead: (held: number) => SharedPrefix | undefined = () => undefined,
  ): Generator<number, void> {
    this.resume(kept, length);
    this.stats.reset();
    yield* this.#reader.read(prompt, kept, () => {
      const prefix = ahead(this.state.length);
      if (prefix) this.copy(prefix.from, prefix.held);
    });
  }

  /** Queues forwards of the history up to `length` tokens, which some other level has chosen. */
  catchUp(length: number): void {
    this.stats.catchUps += this.#reader.catchUp(length);
  }

  /**
   * Reads the next token of the history, which some other level has chosen, as `catchUp` does; where it `hasForward`, behind a
   * forward that others have a part in.
   */
  queueNext(hasForward: boolean): void {
    if (!hasForward) return this.catchUp(this.state.length + 1);
    this.#reader.take();
    this.stats.catchUps++;
  }

  /**
   * Runs one round and waits for its result; with log-probabilities, for which `prepareLogProbs` has been called, where
   * `logged` says of what; under a constraint, for which `prepareConstraint` has, where there is one.
   */
  run(logged?: LogProbsOf, constraint?: Constraint): number {
    const round = this.begin({ logged, constraint });
    round.propose();
    round.queueAlone();
    return round.finish();
  }

  /** Begins a round, in which the drafter does not propose where tokens are forced or it `isPlain`: it follows. */
  begin(options: RoundOptions, isPlain = false): UnderWay {
    const { constraint } = options;
    const { length } = this.state;
    this.#events[0].record();
    const forced = constraint ? this.#kinds.constraint.propose(constraint, length) : 0;
    this.#wasForced = forced > 0;
    // A drafter needs a hidden state to start from: the first token of all is decoded plainly.
    const proposes = this.drafter !== undefined && length > 0 && forced === 0 && !isPlain;
    if (forced > 0 || (isPlain && length > 0)) this.drafter?.follow();
    const tools = { round: this, ops: this.#ops, kinds: this.#kinds, events: this.#events };
    return new UnderWay(tools, options, forced, proposes);
  }

  /**
   * Queues one round of plain decoding without waiting: its accept length is 1, whatever the token; where it `hasForward`, behind
   * a forward that others have a part in.
   */
  queuePlain(hasForward = false): void {
    const { plain } = this.#kinds;
    if (hasForward) plain.end.launch();
    else {
      plain.verify.launch();
      plain.commit().launch();
    }
    this.state.length++;
    this.stats.add(1, 1);
  }

  /** Whether a plain round may read a token that some other level has chosen before its own. */
  get readsAndDecodes(): boolean {
    return this.#reader.readsAndDecodes;
  }

  /** As `queuePlain`, in one forward with the reading of the token before, which some other level has chosen. */
  queueReadAndPlain(): void {
    this.#reader.readAndDecode();
    this.stats.add(1, 1);
  }

  /** The natural log-probability of the j-th token of the last round, which was run with log-probabilities. */
  logProb(j: number): number {
    return this.#ops.output.logProb(j);
  }

  /** The `count` likeliest tokens in its place, likeliest first; fewer where no more are possible. */
  topLogProbs(j: number, count: number): TopToken[] {
    return this.#ops.output.topLogProbs(j, count);
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
    this.#kinds.expectLive();
    this.#reader.expectLive();
    this.state.cache.ensure(slotsOf(this.memory, length));
    this.catchUp(kept);
    // It may read hidden states of what is kept.
    this.drafter?.resume(kept, length);
    this.state.setLength(kept);
  }

  /** Tokens of its text that the caches of all levels have. */
  get held(): number {
    return Math.min(this.state.length, this.drafter?.held ?? Infinity);
  }

  /** Copies what `from`, of another sequence and the same plan, holds of tokens up to `end`, at every level, behind what there is. */
  copy(from: Round, end: number): void {
    const { state, memory: { device } } = this;
    state.cache.queueCopy(device, from.state.cache, state.length, end);
    if (this.drafter) this.drafter.copy?.(from.drafter!, end);
    state.setLength(end);
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
