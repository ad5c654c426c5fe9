import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  ArgumentError,
  NativeError,
  OutOfDeviceMemoryError,
  SpecMQuantError,
} from "../../src/base/errors.ts";
import { Arena, columns, DeviceEvent, Graph, ReadBack } from "../../src/device/mod.ts";
import { fill } from "../../src/ops/mod.ts";
import { backendTest } from "../backends.ts";

backendTest("a device says what it is and why it was chosen", ({ device }) => {
  assert(device.name.length > 0);
  assertEquals(device.why, `${device.backend} was asked for`);
  const { used, free, total } = device.memory();
  assert(used >= 0 && free > 0 && total >= free, JSON.stringify({ used, free, total }));
});

backendTest("uploads and downloads carry bytes, and check their number", (rig) => {
  const t = rig.put("i32", [2, 3], [1, 2, 3, 4, 5, 6]);
  assertEquals([...rig.get(t)], [1, 2, 3, 4, 5, 6]);
  const into = new Int32Array(6);
  rig.device.downloadInto(into, t);
  assertEquals([...into], [1, 2, 3, 4, 5, 6]);
  // A view into a larger buffer carries its own part.
  rig.device.upload(t, new Int32Array([0, 0, 6, 5, 4, 3, 2, 1]).subarray(2));
  assertEquals([...rig.get(t)], [6, 5, 4, 3, 2, 1]);
  assertThrows(
    () => rig.device.upload(t, new Int32Array(5)),
    ArgumentError,
    "Cannot upload: the host memory has 20 bytes, expected 24",
  );
  assertThrows(
    () => rig.device.download(columns(t, 0, 2)),
    ArgumentError,
    "Cannot download: the row stride is 3, expected contiguous rows",
  );
});

backendTest("an arena counts its bytes and gives them back", ({ device }) => {
  const before = device.memory().used;
  const arena = new Arena(device, "count");
  const t = arena.allocate("f32", [10, 100]);
  assertEquals(t.address % 256n, 0n, "aligned to 256 bytes");
  arena.allocate("u8", [7]);
  assertEquals(arena.bytes, 4007);
  assert(device.memory().used >= before + 4007);
  arena[Symbol.dispose]();
  arena[Symbol.dispose]();
  assertEquals(arena.bytes, 0);
  assertEquals(device.memory().used, before);
  assertThrows(
    () => arena.allocate("u8", [1], "a bias"),
    SpecMQuantError,
    'Cannot use the arena "count" for a bias: it has been disposed',
  );
});

backendTest("what is reserved grows at one address, and new bytes are zero", (rig) => {
  const { device, arena } = rig;
  const rowElements = 1000;
  const growable = arena.reserve("f16", [50, rowElements], "a cache");
  const { tensor } = growable;
  assertEquals([growable.rows, arena.bytes, tensor.shape], [0, 0, [50, rowElements]]);
  let grown = 0;
  for (const rows of [1, 7, 7, 3, 50]) {
    growable.grow(rows);
    const now = Math.max(grown, rows);
    assertEquals([growable.rows, arena.bytes], [now, now * rowElements * 2]);
    assert(growable.tensor === tensor, "the tensor stays");
    const bytes = device.download({ ...tensor, shape: [now, rowElements] });
    const old = grown * rowElements * 2;
    assertEquals(bytes.subarray(0, old).every((byte) => byte === 0x5a), true, "old bytes stay");
    assertEquals(bytes.subarray(old).every((byte) => byte === 0), true, "new bytes are zero");
    fill(device, { ...tensor, shape: [now, rowElements] }, 0x5a);
    grown = now;
  }
  assertThrows(
    () => growable.grow(51),
    ArgumentError,
    "Cannot grow a cache: rows is 51, expected 0 to 50",
  );
  // The library itself refuses too, where the rounding to pages cannot hide it.
  const { native } = device;
  const status = native.symbols.smq_grow(native.ctx, tensor.address, 1n << 40n);
  const error = assertThrows(() => native.check(status, "smq_grow"), NativeError);
  assertEquals(error.status, "SMQ_INVALID");
});

backendTest("too much memory is refused with numbers", ({ device, arena }) => {
  const error = assertThrows(
    () => arena.allocate("u8", [2 ** 46], "the weights"),
    OutOfDeviceMemoryError,
    'Cannot run smq_malloc for "test", the weights: ',
  );
  assertEquals(error.requested, 2 ** 46);
  assert(error.free > 0 && error.free <= device.memory().total, `${error.free} free`);
  assertEquals(arena.bytes, 0);
});

backendTest(
  "a device that has been disposed is refused, and takes everything with it",
  (_, bench) => {
    const device = bench.open();
    const arena = new Arena(device, "outlived");
    const t = arena.allocate("i32", [1]);
    const graph = Graph.capture(device, () => fill(device, t, 0));
    const event = new DeviceEvent(device);
    const readBack = new ReadBack(device, t);
    device[Symbol.dispose]();
    device[Symbol.dispose]();
    const uses = [
      () => device.memory(),
      () => device.synchronize(),
      () => fill(device, t, 0),
      () => graph.launch(),
      () => event.record(),
      () => readBack.wait(),
      () => arena.allocate("u8", [1]),
    ];
    for (const use of uses) assertThrows(use, SpecMQuantError, "it has been disposed");
    for (const owned of [graph, event, readBack, arena]) owned[Symbol.dispose]();
  },
);

backendTest("a device refuses bad options", (_, { open }) => {
  assertThrows(
    () => open({ threads: -1 }),
    ArgumentError,
    "threads is -1, expected a whole number from 0",
  );
  assertThrows(() => open({ index: 99 }), SpecMQuantError, "Cannot use the device: ");
});

backendTest("a read-back refuses anything but contiguous i32", (rig) => {
  const f32 = rig.put("f32", [2], [1, 2]);
  assertThrows(
    () => new ReadBack(rig.device, f32 as never),
    ArgumentError,
    "Cannot read back: the source is f32",
  );
});
