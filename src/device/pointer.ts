/**
 * Handles and addresses that the library writes to a host buffer.
 *
 * @module
 */

import { LibraryError } from "../base/errors.ts";

/** Calls `fill` with a buffer for one 64-bit value and gives the pointer that it wrote. */
export function takeHandle<T extends Deno.PointerObject>(
  op: string,
  fill: (out: BigUint64Array<ArrayBuffer>) => void,
): T {
  const pointer = Deno.UnsafePointer.create<unknown>(takeAddress(fill)) as T | null;
  if (pointer === null) throw new LibraryError(`Cannot run ${op}: the library gave no handle`);
  return pointer;
}

/** Calls `fill` with a buffer for one 64-bit value and gives the address that it wrote. */
export function takeAddress(fill: (out: BigUint64Array<ArrayBuffer>) => void): bigint {
  const out = new BigUint64Array(1);
  fill(out);
  return out[0];
}
