/**
 * A tree that the host has grown, on its way to a device.
 *
 * @module
 */
import { type Arena, type Device, HostWords, type Tensor, view } from "../../device/mod.ts";
import type { Proposal } from "../sequence/drafter.ts";

/** Nodes of a tree: each comes behind its parent, which is before it; node 0 is the last token of the text. */
export interface Nodes {
  /** i32 [rows]. */
  readonly tokens: Int32Array;
  /** -1 for node 0. */
  readonly parents: Int32Array;
  /** 0 for node 0. */
  readonly depths: Int32Array;
}

/** Words of a node's mask. */
const MASK = 2;

/** Bytes of a word. */
const WORD = 4;

/** The device memory of a proposal and the pinned memory from which it is filled, in one copy. */
export class HostNodes implements Disposable {
  /** The tree as a verifier reads it. */
  readonly proposal: Proposal;
  readonly #rows: number;
  readonly #words: HostWords;
  readonly #all: Tensor<"i32">;

  /** Memory for up to `rows` nodes, 64 at most; tensors in `arena`. */
  constructor(device: Device, arena: Arena, rows: number) {
    const count = (MASK + 3) * rows + 1;
    this.#rows = rows;
    this.#words = new HostWords(device, count);
    this.#all = arena.fromHost("i32", [count], new Int32Array(count));
    const part = (at: number, length: number) => view(this.#all, "i32", [length], at * WORD);
    this.proposal = {
      rows,
      mask: view(this.#all, "u64", [rows, 1]),
      tokens: part(MASK * rows, rows),
      parents: part((MASK + 1) * rows, rows),
      depths: part((MASK + 2) * rows, rows),
      limit: part((MASK + 3) * rows, 1),
    };
    // Rows that do not exist are computed all the same, behind the root.
    for (let row = 0; row < rows; row++) this.#set(row, 0, Math.sign(row) - 1, Math.sign(row));
  }

  /**
   * Queues the first `count` of `nodes` behind a text of `length` tokens before the last. What was queued before must have
   * reached the device.
   */
  queue({ tokens, parents, depths }: Nodes, count: number, length: number): void {
    for (let row = 0; row < count; row++) {
      this.#set(row, tokens[row], parents[row], depths[row]);
    }
    this.#words.words[(MASK + 3) * this.#rows] = length + count - 1;
    this.#words.give(this.#all);
  }

  #set(row: number, token: number, parent: number, depth: number): void {
    const { words } = this.#words;
    const rows = this.#rows;
    words[MASK * rows + row] = token;
    words[(MASK + 1) * rows + row] = parent;
    words[(MASK + 2) * rows + row] = depth;
    for (let half = 0; half < MASK; half++) {
      words[MASK * row + half] = parent < 0 ? 0 : words[MASK * parent + half];
    }
    words[MASK * row + (row >> 5)] |= 1 << (row & 31);
  }

  /** Frees the pinned memory. */
  [Symbol.dispose](): void {
    this.#words[Symbol.dispose]();
  }
}
