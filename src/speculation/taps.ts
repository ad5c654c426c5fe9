/**
 * The hidden states that a verifier keeps for its drafter.
 *
 * @module
 */
import type { ActivationDType } from "../base/dtype.ts";
import type { Arena, Tensor } from "../device/mod.ts";

/**
 * Positions kept. A drafter falls behind its verifier by one proposal and the rows of a few catch-ups,
 * at most 64 and one for each level, so what it needs is always there.
 */
const KEPT = 128;

/** Hidden states of the last positions: position p lies in row p % rows. */
export interface Taps {
  /** Activation dtype [kept, hidden]. */
  readonly ring: Tensor;
}

/** Allocates taps of `hidden` elements a token. */
export function taps(arena: Arena, dtype: ActivationDType, hidden: number): Taps {
  // Zeros: rows that no forward has written are read too, as padding.
  const zeros = new Uint8Array(KEPT * hidden * 2);
  return { ring: arena.fromHost(dtype, [KEPT, hidden], zeros) };
}
