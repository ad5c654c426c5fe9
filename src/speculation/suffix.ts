/**
 * Drafting without a model: what comes behind the end of a text is what came behind it before, in its prompt, in what was
 * generated, or in an earlier text of the session (prompt lookup, and SuffixDecoding, arXiv 2411.04975).
 *
 * @module
 */
import { checkArgument, checkOptions, integer, required } from "../base/options.ts";
import { Arena, HostWords, rows, type Tensor } from "../device/mod.ts";
import { MAX_TREE_ROWS } from "../ops/mod.ts";
import { Continuations, PLACES } from "./continuations.ts";
import type { Drafter, DrafterPlan, Proposal, Verifier } from "./drafter.ts";
import { DRAFTER_KINDS } from "./shape.ts";
import { SuffixIndex } from "./suffix_index.ts";

/** Options of a suffix drafter. */
export interface SuffixOptions {
  /** Tokens of a proposal at most; 1 to 63. */
  readonly depth: number;
  /** Name in provenance; `suffix` where absent. */
  readonly name?: string;
}

/** Tokens of texts that are remembered: 9.5 MB of the host's memory. */
const REMEMBERED = 2 ** 17;

/** Tokens that two texts share and that are remembered twice, before the first in which they differ. */
const SHARED = 8;

/**
 * Plans a drafter that remembers texts. Options of other drafters may be among the options: one shape can be given to all.
 * Throws an `ArgumentError` for options that are not what they should be.
 */
export function suffix(options: SuffixOptions): DrafterPlan {
  const doing = "draft from suffixes";
  checkOptions(doing, options, DRAFTER_KINDS);
  checkArgument(doing, "depth", options.depth, required(integer(1, MAX_TREE_ROWS - 1)));
  const { depth } = options;
  return {
    name: "suffix",
    taps: "none",
    rows: 1 + depth,
    depth,
    slack: 1 + depth,
    create: (verifier) => new Suffix(verifier, options),
  };
}

/** A suffix drafter at work. */
class Suffix implements Drafter {
  readonly proposal: Proposal;
  readonly levels = [];
  proposed = 1;
  readonly #name: string;
  readonly #verifier: Verifier;
  readonly #index = new SuffixIndex(REMEMBERED, PLACES);
  readonly #continuations: Continuations;
  readonly #limit: Tensor<"i32">;
  /** A proposal on its way: its tokens by row, and behind them the position of the last. */
  readonly #words: HostWords;
  readonly #cleanup: DisposableStack;
  /** The index ends with the text's tokens from `#from` to `#known`, the latter not included. */
  #from = 0;
  #known = 0;
  /** Of another text that has begun, how many tokens are surely those of the one in the index. */
  #kept?: number;

  constructor(verifier: Verifier, { depth, name = "suffix" }: SuffixOptions) {
    const { device } = verifier.memory;
    this.#name = name;
    this.#verifier = verifier;
    using cleanup = new DisposableStack();
    const arena = cleanup.use(new Arena(device, "suffix"));
    this.#words = cleanup.use(new HostWords(device, 2 + depth));
    this.#limit = arena.fromHost("i32", [1], new Int32Array(1));
    this.#continuations = new Continuations(this.#index, 1 + depth, false, 0);
    this.proposal = { rows: 1 + depth, limit: this.#limit };
    this.#cleanup = cleanup.move();
  }

  prefill(): void {
    // The host has the prompt.
  }

  propose(): void {
    const { state, memory: { history, text } } = this.#verifier;
    const { length, vocabulary } = state;
    this.#read(text, length + 1);
    const count = this.#continuations.grow(text, length + 1, vocabulary);
    this.proposed = count;
    if (count === 1) return;
    const { words } = this.#words;
    words.set(this.#continuations.tokens);
    words[this.proposal.rows] = length + count - 1;
    this.#words.give(rows(history, length + 1, length + count), 1);
    this.#words.give(this.#limit, this.proposal.rows);
  }

  follow(): void {
    // What was not proposed here is read with the next proposal.
  }

  /** Brings the index up to the first `length` tokens of `text`. */
  #read(text: Int32Array, length: number): void {
    if (this.#kept !== undefined) this.#part(this.#kept, text, length);
    this.#kept = undefined;
    while (this.#known < length) this.#index.push(text[this.#known++]);
  }

  /** Begins another text unless it goes on from the one in the index, of which `kept` tokens or more begin it. */
  #part(kept: number, text: Int32Array, length: number): void {
    const index = this.#index;
    const start = index.end - this.#known;
    let same = kept;
    if (kept >= this.#from) {
      while (same < Math.min(this.#known, length) && index.at(start + same) === text[same]) same++;
      if (same === this.#known) return;
    }
    index.cut();
    this.#from = this.#known = Math.max(0, Math.min(same, length) - SHARED);
  }

  queueObserve(): void {
    // All that it knows is on the host.
  }

  observe(): void {
    if (this.#kept !== undefined) return;
    // A level above may have refused what this one's verifier had accepted.
    const refused = this.#known - this.#verifier.state.length;
    if (refused <= 0) return;
    this.#index.pop(refused);
    this.#known -= refused;
  }

  proposer(): string {
    return this.#name;
  }

  resume(kept: number): void {
    this.#kept = Math.min(this.#kept ?? this.#known, kept);
  }

  forget(): void {
    this.#index.clear();
    this.#from = this.#known = 0;
    this.#kept = undefined;
  }

  [Symbol.dispose](): void {
    this.#cleanup.dispose();
  }
}
