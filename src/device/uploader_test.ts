import { assertEquals, assertGreater, assertThrows } from "@std/assert";
import { backendTest } from "../../tests/backends.ts";
import { ArgumentError, SpecMQuantError } from "../base/errors.ts";
import { Arena } from "./arena.ts";
import { tensor } from "./tensor.ts";
import { Uploader } from "./uploader.ts";

const byteAt = (seed: number, i: number): number => (Math.imul(i ^ seed, 0x9e3779b1) >>> 13) & 255;

backendTest("uploads of all sizes arrive whole and in order, whatever the buffers hold", (rig) => {
  const { device } = rig;
  for (const bufferBytes of [256, 1024, 2 ** 16, 3 * 2 ** 20]) {
    using arena = new Arena(device, "uploads");
    using uploader = new Uploader(device, bufferBytes);
    const sizes = [1, 255, 256, 257, 1000, 70_000, bufferBytes, bufferBytes + 1, 3, 300_001];
    const tensors = sizes.map((size, seed) => {
      const out = arena.allocate("u8", [size]);
      let next = 0;
      uploader.upload(out, (into, offset) => {
        assertEquals([offset, offset % 256], [next, 0]);
        next = offset + into.length;
        for (let i = 0; i < into.length; i++) into[i] = byteAt(seed, offset + i);
      });
      assertEquals(next, size);
      return out;
    });
    for (const [seed, out] of tensors.entries()) {
      const expected = Uint8Array.from({ length: sizes[seed] }, (_, i) => byteAt(seed, i));
      assertEquals(device.download(out), expected, `${sizes[seed]} bytes by ${bufferBytes}`);
    }
  }
});

backendTest("a piece is never cut short for the end of a buffer", (rig) => {
  using arena = new Arena(rig.device, "uploads");
  using uploader = new Uploader(rig.device, 2 ** 21);
  const pieces: number[] = [];
  for (const size of [2 ** 21 - 512, 2 ** 20, 2 ** 22 + 256]) {
    uploader.upload(arena.allocate("u8", [size]), (into) => void pieces.push(into.length));
  }
  assertEquals(pieces, [2 ** 21 - 512, 2 ** 20, 2 ** 20, 2 ** 21, 2 ** 20 + 256]);
});

backendTest("a fill that throws leaves the uploader usable", (rig) => {
  using arena = new Arena(rig.device, "uploads");
  using uploader = new Uploader(rig.device, 512);
  const out = arena.allocate("u8", [2000]);
  const fail = (_: Uint8Array, offset: number) => {
    if (offset > 600) throw new Error("no more");
  };
  assertThrows(() => uploader.upload(out, fail), Error, "no more");
  uploader.upload(out, (into) => void into.fill(7));
  assertEquals(rig.device.download(out), new Uint8Array(2000).fill(7));
});

backendTest("what an uploader refuses", (rig) => {
  const { device } = rig;
  for (const size of [0, 100, -256, 0.5, NaN]) {
    assertThrows(() => new Uploader(device, size), ArgumentError, "expected a multiple of 256");
  }
  const uploader = new Uploader(device, 256);
  const gaps = tensor(0n, "f16", [2, 3], 5);
  assertThrows(() => uploader.upload(gaps, () => {}), ArgumentError, "contiguous");
  let view = new Uint8Array();
  using arena = new Arena(device, "uploads");
  uploader.upload(arena.allocate("u8", [9]), (into) => void (view = into));
  assertGreater(view.length, 0);
  uploader[Symbol.dispose]();
  uploader[Symbol.dispose]();
  assertEquals(view.length, 0, "a view of freed memory");
  const late = () => uploader.upload(arena.allocate("u8", [9]), () => {});
  assertThrows(late, SpecMQuantError, "disposed");
});
