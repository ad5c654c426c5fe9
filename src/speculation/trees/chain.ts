/**
 * A tree with one node on each level: only its tokens change from round to round, and how many of them are proposed.
 *
 * @module
 */
import { type Arena, type Device, ReadBack, reshape, type Tensor, view } from "../../device/mod.ts";
import type { Proposal } from "../sequence/drafter.ts";
import type { TreeProposal } from "./tree.ts";

/** Allocates the proposal of `depth` tokens in a row, at most 63, behind node 0; of fewer too, where it `isCut`. */
export function allocateChain(
  arena: Arena,
  depth: number,
  isCut: boolean,
): TreeProposal & Pick<Proposal, "cuts"> {
  const size = 1 + depth;
  const numbers = (of: (row: number) => number) =>
    Int32Array.from({ length: size }, (_, i) => of(i));
  const mask = BigUint64Array.from({ length: size }, (_, row) => (2n << BigInt(row)) - 1n);
  return {
    rows: size,
    tokens: arena.allocate("i32", [size], "chain tokens"),
    parents: arena.fromHost("i32", [size], numbers((row) => row - 1)),
    depths: arena.fromHost("i32", [size], numbers((row) => row)),
    mask: arena.fromHost("u64", [size, 1], mask),
    // Of two rows at least: where no token is proposed, the round is a plain one.
    cuts: isCut ? Array.from({ length: depth - 1 }, (_, i) => i + 2) : undefined,
  };
}

/**
 * Cuts chains: a token is proposed if it and all before it are likely enough to be accepted. What is said of a token is said
 * before it is drafted, and what comes behind it has no say.
 */
export class ChainCut implements Disposable {
  /** Tokens of the last chain that are proposed. */
  kept = 0;
  readonly #least: number;
  readonly #readBack: ReadBack;
  #logits?: Float32Array;

  /** `confidence`: f32 [depth, 1], the logit of each token's chance to be accepted if those before it are. */
  constructor(device: Device, confidence: Tensor<"f32">, least: number) {
    this.#least = least;
    const [depth] = confidence.shape;
    this.#readBack = new ReadBack(device, view(reshape(confidence, [depth]), "i32", [depth]));
  }

  /** Queues the reading of what is said of a chain; may be captured. */
  queue(): void {
    this.#readBack.queue();
  }

  /** Waits for what is said of a chain of `depth` tokens. */
  read(depth: number): void {
    const bits = this.#readBack.wait();
    this.#logits ??= new Float32Array(bits.buffer, bits.byteOffset, bits.length);
    let chance = 1;
    this.kept = 0;
    for (; this.kept < depth; this.kept++) {
      chance *= 1 / (1 + Math.exp(-this.#logits[this.kept]));
      // A chance that is no number is none.
      if (!(chance >= this.#least)) return;
    }
  }

  /** Frees the memory of the read-back. */
  [Symbol.dispose](): void {
    this.#readBack[Symbol.dispose]();
  }
}
