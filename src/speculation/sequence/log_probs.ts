/**
 * What a round leaves for the host, in one piece of memory, so that one read-back brings it: how many tokens were
 * accepted, which, and in which rows, and, where they are asked for, their log-probabilities and the likeliest tokens in
 * their places.
 *
 * @module
 */
import { type Arena, type Device, ReadBack, rows, type Tensor, view } from "../../device/mod.ts";
import { logProbs, topLogProbs } from "../../ops/mod.ts";

/** Most of the likeliest tokens that come with a token. */
export const MAX_TOP_LOG_PROBS = 20;

/**
 * Which distribution log-probabilities are of: the target's own, at temperature 1 with nothing taken away, or the one that
 * tokens are chosen from, after bias, penalties, temperature and cuts (at temperature 0: after bias and penalties).
 */
export type LogProbsOf = "model" | "processed";

/** Every `LogProbsOf`. */
export const LOG_PROBS_OF: readonly LogProbsOf[] = ["model", "processed"];

/** One of the likeliest tokens at a position. */
export interface TopToken {
  /** The token's id. */
  readonly id: number;
  /** Its natural log-probability. */
  readonly logprob: number;
}

/** Bytes of a word. */
const WORD = 4;

/** What the rounds of one verifier leave for the host. */
export class RoundOutput {
  /** The accept length, then the tokens accepted, i32 [1 + rows]. */
  readonly result: Tensor<"i32">;
  /** The rows accepted, i32 [rows]. */
  readonly path: Tensor<"i32">;
  readonly #rows: number;
  readonly #top: number;
  readonly #all: Tensor<"i32">;
  /** f32 [rows]. */
  readonly #chosen: Tensor<"f32">;
  /** f32 [rows, top]. */
  readonly #values: Tensor<"f32">;
  /** i32 [rows, top]. */
  readonly #ids: Tensor<"i32">;
  #words = new Int32Array(0);
  #reals = new Float32Array(0);

  /** Memory in `arena` for rounds of up to `rows` rows, whose tokens are of a vocabulary of `vocabSize`. */
  constructor(arena: Arena, rows: number, vocabSize: number) {
    const top = Math.min(MAX_TOP_LOG_PROBS, vocabSize);
    const words = 1 + 3 * rows + 2 * rows * top;
    this.#rows = rows;
    this.#top = top;
    this.#all = arena.fromHost("i32", [words], new Int32Array(words));
    this.result = view(this.#all, "i32", [1 + rows]);
    this.path = view(this.#all, "i32", [rows], (1 + rows) * WORD);
    this.#chosen = view(this.#all, "f32", [rows], (1 + 2 * rows) * WORD);
    this.#values = view(this.#all, "f32", [rows, top], this.#valuesAt * WORD);
    this.#ids = view(this.#all, "i32", [rows, top], this.#idsAt * WORD);
  }

  get #valuesAt(): number {
    return 1 + 3 * this.#rows;
  }

  get #idsAt(): number {
    return this.#valuesAt + this.#rows * this.#top;
  }

  /** What brings `result` and `path` to the host, or all of it. */
  readBack(device: Device, all: boolean): ReadBack {
    return new ReadBack(device, all ? this.#all : view(this.#all, "i32", [1 + 2 * this.#rows]));
  }

  /** Whether the last row accepted, as a read-back of either kind has brought it, lies beside the first ones proposed. */
  strays(words: Int32Array): boolean {
    const last = words[0] - 1;
    return words[1 + this.#rows + last] !== last;
  }

  /**
   * Queues the log-probabilities of `choice`, i32 [m], under the rows of `scores`, f32 [m, vocab], and of the likeliest
   * tokens of each row. A row without a choice gets numbers that mean nothing.
   */
  queueLogProbs(device: Device, choice: Tensor<"i32">, scores: Tensor<"f32">): void {
    const [m] = choice.shape;
    logProbs(device, rows(this.#chosen, 0, m), scores, choice);
    topLogProbs(device, rows(this.#values, 0, m), rows(this.#ids, 0, m), scores);
  }

  /** Takes what a read-back of all has brought; it is looked at where it lies. */
  take(words: Int32Array): void {
    if (words === this.#words) return;
    this.#words = words as Int32Array<ArrayBuffer>;
    this.#reals = new Float32Array(words.buffer as ArrayBuffer);
  }

  /** The natural log-probability of the j-th token accepted. */
  logProb(j: number): number {
    return this.#reals[1 + 2 * this.#rows + this.#row(j)];
  }

  /** The `count` likeliest tokens in its place, likeliest first; fewer where no more are possible. */
  topLogProbs(j: number, count: number): TopToken[] {
    const from = this.#row(j) * this.#top;
    const tokens: TopToken[] = [];
    for (let i = from; i < from + Math.min(count, this.#top); i++) {
      const logprob = this.#reals[this.#valuesAt + i];
      if (logprob === -Infinity) break;
      tokens.push({ id: this.#words[this.#idsAt + i], logprob });
    }
    return tokens;
  }

  #row(j: number): number {
    return this.#words[1 + this.#rows + j];
  }
}
