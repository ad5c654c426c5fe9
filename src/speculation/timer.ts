/**
 * Times rounds, and forwards of any number of rows, behind a text.
 *
 * @module
 */
import { Graph } from "../device/mod.ts";
import { slotsAt } from "./rounds/by_length.ts";
import { slotsOf } from "./sequence/memory.ts";
import { depthOf, type Setting } from "./policy/setting.ts";
import type { Round } from "./rounds/round.ts";
import type { LevelStats } from "./sequence/stats.ts";

/** Tokens behind what is read that rounds may make. */
const BEHIND = 256;

/** What one setting's rounds took, in milliseconds: medians, as something else may have held one up. */
export interface Times {
  /** Wall time beside the draft. */
  readonly rest: number;
  /** Until the proposal stood. */
  readonly draft: number;
  /** The same for each round of the draft model; 0 where there were none. */
  readonly innerRound: number;
  /** Until its own proposal stood. */
  readonly innerDraft: number;
}

/** Times the rounds of settings behind one prompt. */
export class Timer {
  readonly #round: Round;
  readonly #runs: number;
  readonly #until: number;
  #prompt: number[] = [];

  /** Times each setting `runs` times, once where `enoughMs` have gone by. */
  constructor(round: Round, runs: number, enoughMs: number) {
    this.#round = round;
    this.#runs = runs;
    this.#until = performance.now() + enoughMs;
  }

  /** Whether it has taken as long as it may. */
  get isEnough(): boolean {
    return performance.now() > this.#until;
  }

  /** Reads a text of `count` tokens, of which the caches have what was read before. */
  read(count: number): void {
    const { vocabSize } = this.#round.state.model.config;
    // A shorter text than the one before is its beginning.
    const kept = Math.max(0, Math.min(count, this.#prompt.length) - 2);
    this.#prompt = Array.from({ length: count }, (_, i) => (i * 7919 + 13) % vocabSize);
    this.#begin(kept);
    this.#round.memory.device.synchronize();
  }

  #begin(kept = Math.max(0, this.#prompt.length - 2)): void {
    const round = this.#round;
    const length = Math.min(this.#prompt.length + BEHIND, round.memory.context);
    for (const _ of round.read(this.#prompt, length, kept)) void 0;
  }

  /** Whether another round stays within the room that `begin` has made. */
  #hasRoom(setting: Setting): boolean {
    const { state, memory } = this.#round;
    const most = Math.min(this.#prompt.length + BEHIND, memory.context);
    return state.length + depthOf(setting) + 2 <= most;
  }

  /**
   * Milliseconds of forwards of each of `counts` rows at the end of the text, with the logits and the choice, as a whole round
   * of so many rows has them beside the rest; of those that there is room for. Logits of more rows than rounds have are computed
   * in pieces.
   */
  forwards(counts: readonly number[]): ReadonlyMap<number, number> {
    this.#begin();
    const { state, memory } = this.#round;
    const { device, history, choice } = memory;
    const length = Math.min(this.#prompt.length + BEHIND, memory.context);
    const room = Math.min(state.hidden.shape[0], slotsOf(memory, length) - state.length);
    const most = state.logits.shape[0];
    const { cacheLength } = state;
    const times = new Map<number, number>();
    for (const count of counts.filter((count) => count <= room)) {
      using forward = Graph.capture(device, () => {
        const slots = slotsAt(count, state.length);
        state.queueForward({ rows: count, cacheLength, slots }, {
          tokens: history,
          start: cacheLength,
        });
        for (let at = 0; at < count; at += most) {
          const rows = Math.min(most, count - at);
          state.queueLogits(rows, at);
          state.queueChoice(rows, choice, { history });
        }
      });
      const each: number[] = [];
      do {
        const started = performance.now();
        forward.launch();
        device.synchronize();
        each.push(performance.now() - started);
      } while (each.length <= this.#runs && !this.isEnough);
      // The first one touches pages.
      times.set(count, median(each.slice(each.length > 1 ? 1 : 0)));
    }
    return times;
  }

  /** Times the rounds of one setting. */
  time(setting: Setting): Times {
    const round = this.#round;
    const inner = round.levels[1];
    round.drafter!.use!(setting);
    this.#begin();
    // Caches grow, pages are touched.
    round.run();
    if (!this.#hasRoom(setting)) this.#begin();
    const each: Times[] = [];
    do {
      const before = taken(round.stats, inner);
      const started = performance.now();
      round.run();
      const wall = performance.now() - started;
      const after = taken(round.stats, inner);
      const draft = after.draft - before.draft;
      const rounds = Math.max(1, after.innerRounds - before.innerRounds);
      each.push({
        rest: wall - draft,
        draft,
        innerRound: draft / rounds,
        innerDraft: (after.innerDraft - before.innerDraft) / rounds,
      });
    } while (
      each.length < this.#runs && performance.now() < this.#until && this.#hasRoom(setting)
    );
    const middle = (name: keyof Times) => median(each.map((times) => times[name]));
    return {
      rest: middle("rest"),
      draft: middle("draft"),
      innerRound: middle("innerRound"),
      innerDraft: middle("innerDraft"),
    };
  }
}

/** The middle one of some values, of an even number the upper one. */
export function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1];
}

function taken(stats: LevelStats, inner: LevelStats | undefined) {
  return {
    draft: stats.draftMs,
    innerRounds: inner?.rounds ?? 0,
    innerDraft: inner?.draftMs ?? 0,
  };
}
