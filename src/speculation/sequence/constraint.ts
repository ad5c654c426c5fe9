/**
 * What a text must follow, as rounds see it, and the memory in which masks travel to the device.
 *
 * @module
 */
import { type Arena, DeviceEvent, HostWords, rows, type Tensor } from "../../device/mod.ts";
import type { Proposal, SequenceMemory } from "./drafter.ts";

/** Who proposed what a constraint forces. */
export const FORCED_BY = "grammar";

/**
 * Rows of a round that verifies what a constraint forces, the last committed token included. On a GPU they cost about
 * what one row costs; what is forced beyond comes with the next round.
 */
export const FORCED_ROWS = 8;

/** Fewer forced tokens than this are left to the drafter, which proposes more in one round. */
export const LEAST_FORCED = 2;

/** Which tokens may come, and which must. */
export interface Constraint {
  /**
   * Fills `masks`, u32 [rows, ceil(vocab / 32)], with the tokens that may come behind each node of a tree, along its own path.
   * `tokens` and `parents` are i32 [rows]; a parent comes before its children, and node 0 is the last token of the text.
   */
  fill(tokens: Int32Array, parents: Int32Array, masks: Uint32Array): void;
  /** Up to `most` tokens that must come next, or are as good as those that must. They are verified like any proposal. */
  forced(most: number): readonly number[];
}

/** The memory of constrained rounds: what is proposed comes to the host, and masks go to the device. */
export class ConstraintMemory implements Disposable {
  /** The tokens that may come behind each row, i32 [rows, ceil(vocab / 32)]. */
  readonly allowed: Tensor<"i32">;
  /** A sequence of forced tokens: they are put into the history behind the cache. */
  readonly forced: Proposal;
  readonly #memory: SequenceMemory;
  readonly #limit: Tensor<"i32">;
  /** Tokens, and behind them parents, of each row. */
  readonly #nodes: HostWords;
  readonly #masks: HostWords;
  readonly #bits: Uint32Array<ArrayBuffer>;
  readonly #read: DeviceEvent;
  readonly #rows: number;
  /** The parents of a sequence. */
  readonly #behind: Int32Array;
  readonly #cleanup: DisposableStack;

  /** Memory for rounds of up to `most` rows and a vocabulary of `vocabSize`; tensors in `arena`. */
  constructor(memory: SequenceMemory, arena: Arena, most: number, vocabSize: number) {
    const { device } = memory;
    const words = Math.ceil(vocabSize / 32);
    using cleanup = new DisposableStack();
    this.#memory = memory;
    this.#rows = Math.max(most, FORCED_ROWS);
    this.#nodes = cleanup.use(new HostWords(device, 2 * this.#rows + 1));
    this.#masks = cleanup.use(new HostWords(device, this.#rows * words));
    this.#bits = new Uint32Array(this.#masks.words.buffer);
    this.#read = cleanup.use(new DeviceEvent(device));
    this.#behind = Int32Array.from({ length: this.#rows }, (_, row) => row - 1);
    this.allowed = arena.allocate("i32", [this.#rows, words], "allowed tokens");
    this.#limit = arena.fromHost("i32", [1], new Int32Array(1));
    this.forced = { rows: FORCED_ROWS, limit: this.#limit };
    this.#cleanup = cleanup.move();
  }

  /**
   * Proposes what `constraint` forces behind a text of `length` tokens before the last: gives how many rows that are, 0
   * where it is too little for a round of its own.
   */
  propose(constraint: Constraint, length: number): number {
    const tokens = constraint.forced(FORCED_ROWS - 1);
    const count = tokens.length;
    if (count < LEAST_FORCED) return 0;
    const { words } = this.#nodes;
    words.set(tokens, 1);
    words[2 * this.#rows] = length + count;
    this.#nodes.give(rows(this.#memory.history, length + 1, length + 1 + count), 1);
    this.#nodes.give(this.#limit, 2 * this.#rows);
    return 1 + count;
  }

  /** Queues the read-back of the first `count` rows of `proposal`, for a text of `length` tokens before the last. */
  queueRead(proposal: Proposal, count: number, length: number): void {
    const { tokens, parents } = proposal;
    if (tokens) {
      this.#nodes.take(tokens);
      this.#nodes.take(parents!, this.#rows);
    } else if (count > 1) {
      this.#nodes.take(rows(this.#memory.history, length, length + count));
    }
    this.#read.record();
  }

  /** Waits for that read-back, and makes the masks of the rows. */
  fill(constraint: Constraint, proposal: Proposal, count: number): void {
    this.#read.wait();
    const { words } = this.#nodes;
    const [width, parents] = [this.allowed.shape[1], proposal.parents && this.#rows];
    constraint.fill(
      words.subarray(0, count),
      parents === undefined
        ? this.#behind.subarray(0, count)
        : words.subarray(parents, parents + count),
      this.#bits.subarray(0, count * width),
    );
  }

  /** Queues the masks of `count` rows on their way to `allowed`; to be captured, and launched behind `fill`. */
  queueMasks(count: number): void {
    this.#masks.give(rows(this.allowed, 0, count));
  }

  /** Frees the pinned memory. */
  [Symbol.dispose](): void {
    this.#cleanup.dispose();
  }
}
