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
  /** What a verifier's `tapped` has of each, activation dtype [kept, its width]. */
  readonly ring: Tensor;
}

/** Allocates taps of `width` elements a token. */
export function taps(arena: Arena, dtype: ActivationDType, width: number): Taps {
  // Zeros: rows that no forward has written are read too, as padding.
  const zeros = new Uint8Array(KEPT * width * 2);
  return { ring: arena.fromHost(dtype, [KEPT, width], zeros) };
}
