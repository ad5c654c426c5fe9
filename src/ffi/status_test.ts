import { assert, assertEquals } from "@std/assert";
import { LibraryError, NativeError, OutOfDeviceMemoryError } from "../base/errors.ts";
import type { Symbols } from "./library.ts";
import { lastError, statusError, statusName, zeroTerminated } from "./status.ts";
import {
  SMQ_INVALID,
  SMQ_LIMIT,
  SMQ_NO_DEVICE,
  SMQ_OK,
  SMQ_OUT_OF_MEMORY,
  SMQ_STATE,
} from "./symbols.ts";

/** A library whose last error is `message`, with 1234 bytes free. */
function fake(message: string): Symbols {
  return {
    smq_last_error(out: Uint8Array, capacity: number) {
      out.fill(0x78);
      out.set(new TextEncoder().encode(`${message}\0`).subarray(0, capacity));
      return SMQ_OK;
    },
    smq_memory_info(_ctx: unknown, _used: unknown, free: BigInt64Array) {
      free[0] = 1234n;
      return SMQ_OK;
    },
  } as unknown as Symbols;
}

Deno.test("a status becomes an error of its class, with the library's message", () => {
  const limit = statusError(fake("m is 65"), null, SMQ_LIMIT, "smq_attention");
  assert(limit instanceof NativeError);
  assertEquals(limit.message, "Cannot run smq_attention: m is 65 (SMQ_LIMIT)");
  assertEquals([limit.code, limit.status, limit.op], ["native", "SMQ_LIMIT", "smq_attention"]);

  const memory = statusError(fake("none left"), null, SMQ_OUT_OF_MEMORY, "smq_malloc", 99);
  assert(memory instanceof OutOfDeviceMemoryError);
  assertEquals([memory.requested, memory.free], [99, 1234]);
  assertEquals(memory.message, "Cannot run smq_malloc: none left");

  const device = statusError(fake("no driver"), null, SMQ_NO_DEVICE, "smq_context_create");
  assert(device instanceof LibraryError);
  assertEquals(device.message, "Cannot use the device: no driver");
});

Deno.test("statuses have names, and unknown ones their number", () => {
  assertEquals([SMQ_INVALID, SMQ_STATE].map(statusName), ["SMQ_INVALID", "SMQ_STATE"]);
  assertEquals(statusName(77), "status 77");
});

Deno.test("messages end at their zero", () => {
  assertEquals(zeroTerminated(new TextEncoder().encode("grün\0rest")), "grün");
  assertEquals(zeroTerminated(new TextEncoder().encode("all")), "all");
  assertEquals(lastError(fake("")), "no message");
});
