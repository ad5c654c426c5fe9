/**
 * Where the rows of several sequences lie in the buffers that they share: each sequence has a seat, and with it rows of its
 * own, so that what is captured for it serves it alone and in company.
 *
 * @module
 */
import type { Scratch } from "../../device/mod.ts";
import { MAX_TREE_ROWS } from "../../ops/mod.ts";

/** Most sequences side by side: with one row each they fill a forward. */
export const MOST_SLOTS: number = MAX_TREE_ROWS;

/** One of several sequences of a plan. */
export interface Seat {
  /** Which one, from 0. */
  readonly index: number;
  /** How many there are. */
  readonly of: number;
  /** The buffers that all of them share. */
  readonly scratch: Scratch;
}

/** Seats side by side in one forward where each has `rows` rows, a power of two. */
export function abreast(rows: number): number {
  return 2 ** Math.floor(Math.log2(MAX_TREE_ROWS / rows));
}

/** The first of the `rows` rows of a seat. */
export function firstRow(seat: Seat | undefined, rows: number): number {
  return seat === undefined ? 0 : (seat.index % abreast(rows)) * rows;
}
