import {
  assert,
  assertEquals,
  assertGreater,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { backendTest } from "../../tests/backends.ts";
import { ArgumentError, CheckpointError, SpecMQuantError } from "../base/errors.ts";
import { openReader } from "../base/reader.ts";
import { copy } from "../ops/memory.ts";
import { Arena } from "./arena.ts";
import { tensor } from "./tensor.ts";
import { PIECES, type StoredBytes, Uploader } from "./uploader.ts";

const byteAt = (seed: number, i: number): number => (Math.imul(i ^ seed, 0x9e3779b1) >>> 13) & 255;

const bytesOf = (seed: number, count: number) =>
  Uint8Array.from({ length: count }, (_, i) => byteAt(seed, i));

/** Calls `use` with a file of `bytes` and its reader. */
function withFile(
  bytes: Uint8Array,
  use: (path: string, at: (position: number) => StoredBytes) => void,
): void {
  const path = Deno.makeTempFileSync();
  try {
    Deno.writeFileSync(path, bytes);
    using reader = openReader(path);
    const descriptor = reader.descriptor!;
    use(path, (position) => ({ place: { file: path, descriptor, position }, tensor: "w" }));
  } finally {
    Deno.removeSync(path);
  }
}

backendTest("uploads of all sizes arrive whole and in order, filled and from files", (rig) => {
  const { device } = rig;
  const sizes = [1, 255, 256, 257, 1000, 70_000, 2 ** 16, 2 ** 16 + 1, 3, 300_001, 1_400_000];
  const file = bytesOf(99, 1_500_000);
  withFile(file, (_, at) => {
    for (const pieceBytes of [256, 1024, 2 ** 16, 3 * 2 ** 20]) {
      using arena = new Arena(device, "uploads");
      using uploader = new Uploader(device, pieceBytes);
      // Pieces of 256 bytes take a call each.
      const some = pieceBytes === 256 ? sizes.filter((size) => size < 10_000) : sizes;
      const made = some.map((size, seed) => {
        const [filled, stored] = [0, 1].map(() => arena.allocate("u8", [size]));
        let [next, seen] = [0, 0];
        uploader.upload(filled, (into, offset) => {
          assertEquals([offset, offset % 256], [next, 0]);
          next = offset + into.length;
          for (let i = 0; i < into.length; i++) into[i] = byteAt(seed, offset + i);
        });
        assertEquals(next, size);
        const position = 17 * seed;
        uploader.uploadStored(stored, at(position), (piece, offset) => {
          assertEquals([offset, piece[0]], [seen, file[position + offset]]);
          seen = offset + piece.length;
        });
        return { filled, stored, position, seen: () => seen };
      });
      uploader.settle();
      for (const [seed, { filled, stored, position, seen }] of made.entries()) {
        const size = some[seed];
        const what = `${size} bytes by ${pieceBytes}`;
        assertEquals(seen(), size);
        assert(equal(device.download(filled), bytesOf(seed, size)), what);
        const expected = file.subarray(position, position + size);
        assert(equal(device.download(stored), expected), `${what} of a file`);
      }
    }
  });
});

/** As many and the same bytes; quicker than a comparison that shows them. */
function equal(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}

backendTest("what is queued behind uploads sees them, and not those after it", (rig) => {
  const { device } = rig;
  const size = 3 * PIECES * 256;
  withFile(bytesOf(5, size), (_, at) => {
    using arena = new Arena(device, "uploads");
    using uploader = new Uploader(device, 256);
    const staged = arena.allocate("u8", [size]);
    const kept = [0, 1, 2].map((seed) => {
      const out = arena.allocate("u8", [size]);
      if (seed === 1) uploader.uploadStored(staged, at(0));
      else uploader.upload(staged, (into, offset) => void into.fill(seed + (offset >> 8)));
      uploader.behind(() => copy(device, out, staged));
      return out;
    });
    uploader.settle();
    const pattern = (seed: number) => Uint8Array.from({ length: size }, (_, i) => seed + (i >> 8));
    const expected = [pattern(0), bytesOf(5, size), pattern(2)];
    kept.forEach((out, i) => assertEquals(device.download(out), expected[i], `upload ${i}`));
  });
});

backendTest("a file that has become shorter is refused, naming file, tensor and bytes", (rig) => {
  const bytes = 2 ** 22;
  withFile(bytesOf(1, bytes), (path, at) => {
    using arena = new Arena(rig.device, "uploads");
    using uploader = new Uploader(rig.device, 2 ** 21);
    const out = arena.allocate("u8", [bytes]);
    Deno.truncateSync(path, 2 ** 21 + 2 ** 20 + 5);
    uploader.uploadStored(out, at(0));
    const error = assertThrows(() => uploader.settle(), CheckpointError);
    assertEquals([error.file, error.tensor], [path, "w"]);
    assertStringIncludes(
      error.message,
      "the file ends at byte 3145733, expected bytes 2097152 to 4194304",
    );
    // It stays usable.
    uploader.uploadStored(out, at(0), () => {});
    assertThrows(() => uploader.settle(), CheckpointError, "ends at byte 3145733");
    const start = arena.allocate("u8", [1000]);
    uploader.uploadStored(start, at(3));
    uploader.settle();
    assertEquals(rig.device.download(start), bytesOf(1, 1003).subarray(3));
  });
});

backendTest("what the system refuses to read is refused in its words", (rig) => {
  using arena = new Arena(rig.device, "uploads");
  using uploader = new Uploader(rig.device, 2 ** 16);
  const out = arena.allocate("u8", [300]);
  const place = { file: "lost", descriptor: 2 ** 30, position: 40 };
  uploader.uploadStored(out, { place, tensor: "w" });
  const message = 'Cannot read lost, tensor "w": bytes 40 to 340 cannot be read: ' +
    "Bad file descriptor at byte 40";
  assertThrows(() => uploader.settle(), CheckpointError, message);
});

backendTest("a fill or a look that throws leaves the uploader usable", (rig) => {
  withFile(bytesOf(1, 20_000), (_, at) => {
    using arena = new Arena(rig.device, "uploads");
    using uploader = new Uploader(rig.device, 256);
    const out = arena.allocate("u8", [20_000]);
    const fail = (_: Uint8Array, offset: number) => {
      if (offset > 600) throw new Error("no more");
    };
    assertThrows(() => uploader.upload(out, fail), Error, "no more");
    const piece = arena.allocate("u8", [256]);
    uploader.uploadStored(piece, at(0), () => fail(new Uint8Array(), 601));
    assertThrows(() => uploader.settle(), Error, "no more");
    uploader.upload(out, (into) => void into.fill(7));
    uploader.settle();
    assertEquals(rig.device.download(out), new Uint8Array(20_000).fill(7));
  });
});

backendTest(
  "an uploader that is disposed while files are read waits for no more of them",
  (rig) => {
    withFile(bytesOf(1, 2 ** 22), (_, at) => {
      using arena = new Arena(rig.device, "uploads");
      const out = arena.allocate("u8", [2 ** 22]);
      for (let i = 0; i < 20; i++) {
        using uploader = new Uploader(rig.device, 2 ** 20);
        uploader.uploadStored(out, at(0));
      }
    });
  },
);

backendTest("a device that is disposed while files are read ends them", (_, { open }) => {
  withFile(bytesOf(1, 2 ** 22), (_, at) => {
    const device = open();
    const uploader = new Uploader(device, 2 ** 20);
    uploader.uploadStored(new Arena(device, "uploads").allocate("u8", [2 ** 22]), at(0));
    device[Symbol.dispose]();
    assertThrows(() => uploader.settle(), SpecMQuantError, "disposed");
    uploader[Symbol.dispose]();
  });
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
