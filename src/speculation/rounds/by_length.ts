/**
 * What is captured once for short texts and once for all.
 *
 * @module
 */
import { SHORT_SLOTS } from "../../model/mod.ts";

/** Two captures of the same ops; of more than one row, and of a cache that is short itself, there is one. */
export class ByLength<T> {
  /** Both, or the one. */
  readonly all: readonly T[];

  /** Of `rows` rows and a cache of `slots` slots; `capture` captures with the slots that it is given, all of them where absent. */
  constructor(rows: number, slots: number, capture: (slots?: number) => T) {
    const two = rows === 1 && slots > SHORT_SLOTS;
    this.all = two ? [capture(SHORT_SLOTS), capture()] : [capture()];
  }

  /** The one for a row behind `length` tokens: the short one as long as the row itself has a slot there. */
  at(length: number): T {
    return this.all[length < SHORT_SLOTS ? 0 : this.all.length - 1];
  }
}
