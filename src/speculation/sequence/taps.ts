/**
 * The hidden states that a verifier keeps for its drafter.
 *
 * @module
 */
import type { ActivationDType } from "../../base/dtype.ts";
import type { Arena, Device, Tensor } from "../../device/mod.ts";
import { fill } from "../../ops/mod.ts";

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

/** Allocates taps of `width` elements a token: of the last positions, or of `kept`, which is more. */
export function taps(
  device: Device,
  arena: Arena,
  dtype: ActivationDType,
  width: number,
  kept = KEPT,
): Taps {
  const ring = arena.allocate(dtype, [Math.max(kept, KEPT), width], "taps");
  // Zeros: rows that no forward has written are read too, as padding.
  fill(device, ring, 0);
  return { ring };
}
