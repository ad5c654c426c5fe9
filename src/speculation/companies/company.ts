/**
 * Several sequences of one model that are verified together: their rows lie side by side in one forward, so that the weights
 * are read once for all. Each has its own caches, and what comes of its rows does not depend on those beside them.
 *
 * @module
 */
import { DeviceEvent } from "../../device/mod.ts";
import { MAX_TREE_ROWS } from "../../ops/mod.ts";
import { Crowd } from "./crowd.ts";
import type { SharedDrafting } from "../sequence/drafter.ts";
import { slotsOf } from "../sequence/memory.ts";
import type { Round } from "../rounds/round.ts";
import { PLAIN_KIND, SharedForwards } from "./shared_forwards.ts";
import type { RoundOptions, UnderWay } from "../rounds/under_way.ts";

/** A sequence whose turn it is. */
export interface Turn extends RoundOptions {
  /** Which one. */
  readonly seat: number;
  /** Hears what came of it: tokens committed, or what went wrong. */
  readonly done: (result: { readonly accepted: number } | { readonly error: unknown }) => void;
}

/** A turn whose round is under way. */
interface Begun {
  readonly turn: Turn;
  readonly round: UnderWay;
}

/** Rounds of several sequences. */
export class Company implements Disposable {
  readonly #rounds: readonly Round[];
  readonly #forwards: SharedForwards;
  /** Proposes for several; absent where each drafter works alone. */
  readonly #drafting?: SharedDrafting;
  readonly #crowd = new Crowd();
  readonly #events: readonly DeviceEvent[];
  readonly #cleanup: DisposableStack;

  /** Captures the forwards of `rounds`, which are of one model and one plan, each in its own seat. */
  constructor(rounds: readonly Round[]) {
    const [{ memory: { device } }] = rounds;
    this.#rounds = rounds;
    using cleanup = new DisposableStack();
    this.#events = Array.from({ length: 3 }, () => cleanup.use(new DeviceEvent(device)));
    // A seat may have a part in a forward before it has a text.
    for (const { state, memory } of rounds) state.cache.ensure(slotsOf(memory, 1));
    this.#forwards = cleanup.use(new SharedForwards(rounds));
    const [{ drafter }] = rounds;
    this.#drafting = drafter?.share?.(rounds.map((round) => round.drafter!));
    if (this.#drafting) cleanup.use(this.#drafting);
    this.#cleanup = cleanup.move();
  }

  /**
   * Queues a round of each of `turns`, of different seats; plain ones where they are to be `isPlain`, and where that is left
   * open what has been the faster for so many. What it gives waits for all of them and tells what came of each.
   */
  queue(turns: readonly Turn[], isPlain?: boolean): () => void {
    const rounds = this.#rounds;
    if (turns.length === 1 && isPlain === undefined) return this.#queueAlone(turns[0]);
    if (rounds[0].drafter === undefined || isPlain !== undefined) {
      return this.#queue(turns, isPlain ?? false).finish;
    }
    const count = turns.length;
    const length = () => turns.reduce((sum, { seat }) => sum + rounds[seat].state.length, 0);
    const askedPlain = this.#crowd.isPlain(count);
    const [before, started] = [length(), performance.now()];
    const { wasPlain, finish } = this.#queue(turns, askedPlain);
    return () => {
      finish();
      const [tokens, ms] = [length() - before, performance.now() - started];
      this.#crowd.observe(count, { askedPlain, wasPlain, tokens, ms });
    };
  }

  /** Queues a round of plain decoding of each of `seats`, ascending; see `Round.queuePlain`. */
  queuePlain(seats: readonly number[]): void {
    for (const { graphs, seats: of } of this.#forwards.of(PLAIN_KIND, seats)) {
      graphs?.forEach((graph) => graph.launch());
      for (const seat of of) this.#rounds[seat].queuePlain(graphs !== undefined);
    }
  }

  /** Queues the reading of the next token of each of `seats`, ascending, which others have chosen; see `Round.queueNext`. */
  queueNext(seats: readonly number[]): void {
    for (const { graphs, seats: of } of this.#forwards.reading(seats)) {
      graphs?.forEach((graph) => graph.launch());
      for (const seat of of) this.#rounds[seat].queueNext(graphs !== undefined);
    }
  }

  /** Runs them and waits. */
  run(turns: readonly Turn[], isPlain?: boolean): void {
    this.queue(turns, isPlain)();
  }

  #queueAlone(turn: Turn): () => void {
    let round: UnderWay | undefined;
    const isQueued = tried(turn, () => {
      round = this.#rounds[turn.seat].begin(turn);
      round.propose();
      round.queueAlone();
    });
    return () => {
      if (isQueued) tried(turn, () => turn.done({ accepted: round!.finish() }));
    };
  }

  /** Queues them; gives whether nobody proposed, and what ends them. */
  #queue(turns: readonly Turn[], isPlain: boolean): { wasPlain: boolean; finish: () => void } {
    const begun = new Map<number, Begun>();
    // What went wrong has been told, and has no part in what follows.
    const attempt = (seat: number, body: (one: Begun) => void): void => {
      const one = begun.get(seat);
      if (one && !tried(one.turn, () => body(one))) begun.delete(seat);
    };
    const [start, before, after] = this.#events;
    start.record();
    const together: number[] = [];
    for (const turn of turns) {
      const { seat } = turn;
      tried(turn, () => {
        const round = this.#rounds[seat].begin(turn, isPlain);
        if (this.#drafting && round.isProposing) together.push(seat);
        else round.propose();
        begun.set(seat, { turn, round });
      });
    }
    together.sort((a, b) => a - b);
    if (together.length > 0) this.#drafting!.propose(together);
    for (const seat of together) attempt(seat, ({ round }) => round.take());
    const wasPlain = [...begun.values()].every(({ round }) => !round.hasProposal);
    const kinds = this.#kindsOf(begun);
    for (const [kind, seats] of kinds) {
      for (const seat of seats) attempt(seat, ({ round }) => round.queueRead(kind));
    }
    before.record();
    for (const [kind, all] of kinds) {
      const there = all.filter((seat) => begun.has(seat));
      for (const { graphs, seats } of this.#forwards.of(kind, there)) {
        if (graphs) graphs.forEach((graph) => graph.launch());
        else begun.get(seats[0])!.round.queueOwn();
        // Before the next forward has their rows.
        for (const seat of seats) attempt(seat, ({ round }) => round.settle());
      }
    }
    after.record();
    const share = begun.size;
    const sharedMs = () => ({
      draft: together.length > 0 ? DeviceEvent.elapsed(start, before) / together.length : 0,
      verify: DeviceEvent.elapsed(before, after) / share,
    });
    const finish = () => {
      for (const seat of begun.keys()) {
        attempt(seat, ({ turn, round }) => turn.done({ accepted: round.finish(sharedMs) }));
      }
    };
    return { wasPlain, finish };
  }

  /** The seats of each kind of rounds, ascending; proposals of one place take the most rows that one of them needs, if these are few. */
  #kindsOf(begun: ReadonlyMap<number, Begun>): ReadonlyMap<number, readonly number[]> {
    const byKind = new Map<number, number[]>();
    const { kinds } = this.#rounds[0];
    const add = (kind: number, seat: number) => byKind.set(kind, [...byKind.get(kind) ?? [], seat]);
    const wanted = [...begun].map(([seat, { round: { kind } }]) => ({ seat, kind }))
      .sort((a, b) => a.seat - b.seat);
    for (const { seat, kind } of wanted) {
      if (kind < 0) {
        add(kind, seat);
        continue;
      }
      const most = Math.max(
        ...wanted.filter((other) => kinds[other.kind]?.place === kinds[kind].place)
          .map((other) => other.kind),
      );
      add(kinds[most].proposal.rows <= MAX_TREE_ROWS / 2 ? most : kind, seat);
    }
    return byKind;
  }

  /** Frees the graphs. */
  [Symbol.dispose](): void {
    this.#cleanup.dispose();
  }
}

/** Whether `body` ran; who waits for the turn hears otherwise. */
function tried({ done }: Turn, body: () => void): boolean {
  try {
    body();
    return true;
  } catch (error) {
    done({ error });
    return false;
  }
}
