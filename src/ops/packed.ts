/**
 * What packing has in common whatever the scheme: several layers that read the same input share one
 * packed weight.
 *
 * @module
 */

import { byteLength, type Tensor } from "../device/mod.ts";
import { expectInteger, expectTensor, refuse } from "./check.ts";

/** The place of one layer's outputs in a packed weight. */
export interface Part {
  /** Outputs of the packed weight. */
  nTotal: number;
  /** The packed weight's output that is this layer's first. */
  nOffset: number;
  /** Outputs of this layer. */
  n: number;
}

/** Checks that a layer lies within its weight. */
export function expectPart(op: string, { nTotal, nOffset, n }: Part): void {
  expectInteger(op, "nTotal", nTotal, n);
  expectInteger(op, "nOffset", nOffset, 0, nTotal - n);
}

/** Checks a packed weight; `size` says in words what makes it `bytes` long. */
export function expectBytes(op: string, w: Tensor, bytes: number, size: string): void {
  expectTensor(op, "w", w, ["u8"], [-1]);
  if (byteLength(w) !== bytes) {
    refuse(op, "w", `has ${byteLength(w)} bytes`, `${bytes} for ${size}`);
  }
}
