import { assertEquals, assertThrows } from "@std/assert";
import { backendTest } from "../../tests/backends.ts";
import { NativeError, SpecMQuantError } from "../base/errors.ts";
import { openReader } from "../base/reader.ts";
import { FileReader } from "./file_reader.ts";
import { PinnedMemory } from "./pinned_memory.ts";

backendTest("reads end in the order in which they were begun, and what a reader refuses", (rig) => {
  const { device } = rig;
  const path = Deno.makeTempFileSync();
  try {
    const bytes = Uint8Array.from({ length: 5_000_000 }, (_, i) => (i * 7 + (i >> 8)) & 255);
    Deno.writeFileSync(path, bytes);
    using file = openReader(path);
    using memory = new PinnedMemory(device, bytes.length, "a test");
    const reader = new FileReader(device);
    const place = (position: number) => ({ file: path, descriptor: file.descriptor!, position });
    const begin = (position: number, length: number, at: number) =>
      reader.begin(place(position), "w", length, memory.address + BigInt(at));

    // Thirty reads of odd lengths, the file's end first.
    const cuts = Array.from({ length: 31 }, (_, i) => Math.floor((i * i * bytes.length) / 900));
    for (let i = 29; i >= 0; i--) begin(cuts[i], cuts[i + 1] - cuts[i] || 1, cuts[i]);
    for (let i = 29; i >= 0; i--) {
      reader.wait();
      const piece = new Uint8Array(memory.buffer, cuts[i], cuts[i + 1] - cuts[i]);
      assertEquals(piece, bytes.subarray(cuts[i], cuts[i + 1]), `read ${i}`);
    }

    assertThrows(() => reader.wait(), NativeError, "nobody has waited for (SMQ_STATE)");
    const outside = "dst is not pinned memory of this context (SMQ_INVALID)";
    for (const [length, at] of [[10, bytes.length], [bytes.length + 1, 0], [10, -1]]) {
      assertThrows(() => begin(0, length, at), NativeError, outside);
    }
    assertThrows(() => begin(-1, 10, 0), NativeError, "position is -1");
    assertThrows(() => begin(0, 0, 0), NativeError, "bytes is 0");
    begin(0, bytes.length, 0);
    reader[Symbol.dispose]();
    reader[Symbol.dispose]();
    assertThrows(() => begin(0, 1, 0), SpecMQuantError, "disposed");
    assertThrows(() => reader.wait(), SpecMQuantError, "disposed");
  } finally {
    Deno.removeSync(path);
  }
});
