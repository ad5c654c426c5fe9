/**
 * A tree with one node on each level: only its tokens change from round to round.
 *
 * @module
 */
import type { Arena } from "../device/mod.ts";
import type { TreeProposal } from "./tree.ts";

/** Allocates the proposal of `depth` tokens in a row, at most 63, behind node 0. */
export function allocateChain(arena: Arena, depth: number): TreeProposal {
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
  };
}
