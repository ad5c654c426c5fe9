/**
 * What is captured once for short texts and once for all.
 *
 * @module
 */
import { FEW_ROWS, SHORT_SLOTS } from "../../model/mod.ts";

/** Slots of the cache that a forward of `rows` rows behind `length` tokens is for; all where absent. */
export function slotsAt(rows: number, length: number): number | undefined {
  return rows <= FEW_ROWS && length + rows <= SHORT_SLOTS ? SHORT_SLOTS : undefined;
}

/** Two captures of the same ops; of many rows, and of a cache that is short itself, there is one. */
export class ByLength<T> {
  /** Both, or the one. */
  readonly all: readonly T[];
  readonly #rows: number;

  /** Of `rows` rows and a cache of `slots` slots; `capture` captures with the slots that it is given, all of them where absent. */
  constructor(rows: number, slots: number, capture: (slots?: number) => T) {
    this.#rows = rows;
    const two = rows <= FEW_ROWS && slots > SHORT_SLOTS;
    this.all = two ? [capture(SHORT_SLOTS), capture()] : [capture()];
  }

  /** The one for its rows behind `length` tokens: the short one as long as all of them have slots there. */
  at(length: number): T {
    return this.all[slotsAt(this.#rows, length) ? 0 : this.all.length - 1];
  }
}
