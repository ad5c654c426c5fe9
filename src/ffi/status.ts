/**
 * From a status to an error with the library's own message.
 *
 * @module
 */

import {
  LibraryError,
  NativeError,
  OutOfDeviceMemoryError,
  type SpecMQuantError,
} from "../base/errors.ts";
import type { Symbols } from "./library.ts";
import {
  type ContextHandle,
  SMQ_DEVICE,
  SMQ_FILE,
  SMQ_INVALID,
  SMQ_LIMIT,
  SMQ_NO_DEVICE,
  SMQ_OK,
  SMQ_OUT_OF_MEMORY,
  SMQ_STATE,
} from "./symbols.ts";

const NAMES: Readonly<Record<number, string>> = {
  [SMQ_OK]: "SMQ_OK",
  [SMQ_INVALID]: "SMQ_INVALID",
  [SMQ_OUT_OF_MEMORY]: "SMQ_OUT_OF_MEMORY",
  [SMQ_NO_DEVICE]: "SMQ_NO_DEVICE",
  [SMQ_DEVICE]: "SMQ_DEVICE",
  [SMQ_LIMIT]: "SMQ_LIMIT",
  [SMQ_STATE]: "SMQ_STATE",
  [SMQ_FILE]: "SMQ_FILE",
};

/** The name of a status, e.g. `"SMQ_LIMIT"`. */
export function statusName(status: number): string {
  return NAMES[status] ?? `status ${status}`;
}

/** The zero-terminated UTF-8 text at the start of `buffer`. */
export function zeroTerminated(buffer: Uint8Array): string {
  const end = buffer.indexOf(0);
  return new TextDecoder().decode(buffer.subarray(0, end < 0 ? buffer.length : end));
}

/** The library's message about the last error of this thread, or `"no message"`. */
export function lastError(symbols: Symbols): string {
  const buffer = new Uint8Array(1024);
  symbols.smq_last_error(buffer, buffer.length);
  return zeroTerminated(buffer) || "no message";
}

function freeBytes(symbols: Symbols, ctx: ContextHandle | null): number {
  const [used, free, total] = [1, 2, 3].map(() => new BigInt64Array(1));
  return symbols.smq_memory_info(ctx, used, free, total) === SMQ_OK ? Number(free[0]) : 0;
}

/**
 * The error for a `status` other than `SMQ_OK` that `op` has just returned: a `LibraryError` where
 * there is no device, an `OutOfDeviceMemoryError` with the bytes free on `ctx` where memory ran out
 * (`requested` bytes asked for, 0 where the op does not say), else a `NativeError`.
 */
export function statusError(
  symbols: Symbols,
  ctx: ContextHandle | null,
  status: number,
  op: string,
  requested = 0,
): SpecMQuantError {
  const message = lastError(symbols);
  if (status === SMQ_NO_DEVICE) return new LibraryError(`Cannot use the device: ${message}`);
  if (status !== SMQ_OUT_OF_MEMORY) return new NativeError(op, statusName(status), message);
  return new OutOfDeviceMemoryError(
    requested,
    freeBytes(symbols, ctx),
    `Cannot run ${op}: ${message}`,
  );
}
