/**
 * How a head keeps up with the model that it drafts for: it reads what was committed, and forgets what was not.
 *
 * @module
 */
import { Graph, type Tensor } from "../../device/mod.ts";
import type { KvCache, RecentRows } from "../../model/mod.ts";
import { advance, cutBack } from "../../ops/mod.ts";
import type { Verifier } from "../sequence/drafter.ts";
import { slotsOf } from "../sequence/memory.ts";
import { RecentRing } from "./recent_ring.ts";

/** The state of a head, as far as it follows a text. */
export interface FollowingState {
  /** Its caches. */
  readonly cache: KvCache;
  /** What it has read, i32 [1]. */
  readonly cacheLength: Tensor<"i32">;
  /** The same number as the host knows it. */
  length: number;
  /** Its recent tokens, where it has any. */
  readonly recent?: RecentRows;
  /** Sets both. */
  setLength(length: number): void;
}

/** What follows what. */
export interface FollowingOptions {
  /** The model above. */
  readonly verifier: Verifier;
  /** The head's state. */
  readonly state: FollowingState;
  /** How much it reads at once: what one commit and a catch-up leave to it. */
  readonly rows: number;
  /** How much of the end of the text it reads again, whatever was accepted. */
  readonly again: 0 | 1;
  /** Queues the reading of `rows` behind the cache; what does not exist yet is read again later. */
  queueRead(): void;
}

/** A head that keeps up with its verifier. */
export class Following implements Disposable {
  readonly #options: FollowingOptions;
  readonly #read: Graph;
  readonly #ring?: RecentRing;

  /** Captures the reading. */
  constructor(options: FollowingOptions) {
    const { verifier: { memory: { device, text } }, state, rows, queueRead } = options;
    this.#options = options;
    if (state.recent) this.#ring = new RecentRing(state.recent.vocabulary, text.length);
    this.#read = Graph.capture(device, () => {
      queueRead();
      advance(device, state.cacheLength, rows);
    });
  }

  /** Reads until no more is left than one proposal reads itself. */
  follow(): void {
    const { verifier, rows } = this.#options;
    this.#catchUp(verifier.state.length - rows);
  }

  /** Makes ready for a proposal: follows, and brings the recent tokens to the text, the verifier's last token included. */
  prepare(): void {
    this.follow();
    if (this.#ring === undefined) return;
    const { verifier: { memory: { text }, state: { length } }, state } = this.#options;
    this.#ring.read(text, length + 1);
    state.recent!.show(this.#ring.tokens);
  }

  /** Prepares, then launches the graph of a proposal, which reads all that the verifier has. */
  propose(draft: Graph): void {
    this.prepare();
    draft.launch();
    this.drawn();
  }

  /** Hears that a proposal has been queued, which reads all that the verifier has. */
  drawn(): void {
    const { verifier, state } = this.#options;
    state.length = verifier.state.length;
  }

  /** See `Drafter.queueObserve`. */
  queueObserve(): void {
    const { verifier, state, again } = this.#options;
    // Not -again, which may be -0.
    cutBack(verifier.memory.device, state.cacheLength, verifier.state.cacheLength, 0 - again);
  }

  /** See `Drafter.observe`. */
  observe(): void {
    const { verifier, state, again } = this.#options;
    state.length = Math.max(0, Math.min(state.length, verifier.state.length - again));
    // A level above may have refused what this one's verifier had accepted.
    this.#ring?.takeBack(verifier.state.length);
  }

  /** See `Drafter.copy`. */
  copy(from: FollowingState, end: number): void {
    const { verifier: { memory: { device } }, state } = this.#options;
    state.cache.queueCopy(device, from.cache, state.length, end);
    state.setLength(end);
  }

  /** See `Drafter.resume`. */
  resume(kept: number, length: number): void {
    const { verifier, state } = this.#options;
    this.#read.expectLive();
    state.cache.ensure(slotsOf(verifier.memory, length));
    this.#catchUp(kept);
    state.setLength(kept);
    this.#ring?.takeBack(kept);
  }

  /** Reads up to `length` at least; what lies behind is overwritten. */
  #catchUp(length: number): void {
    const { state, rows } = this.#options;
    while (state.length < length) {
      this.#read.launch();
      state.length += rows;
    }
  }

  /** Frees the graph. */
  [Symbol.dispose](): void {
    this.#read[Symbol.dispose]();
  }
}
