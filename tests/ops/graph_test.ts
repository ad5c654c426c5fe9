import { assert, assertEquals, assertThrows } from "@std/assert";
import { NativeError, SpecMQuantError } from "../../src/base/errors.ts";
import { DeviceEvent, Graph, ReadBack } from "../../src/device/mod.ts";
import { advance, embed, fill, gemmF16, verify } from "../../src/ops/mod.ts";
import { backendTest } from "../backends.ts";
import { Random } from "../random.ts";

backendTest("a graph records without running, and replays on what memory holds then", (rig) => {
  const { device } = rig;
  const table = rig.put("f16", [10, 8], Array.from({ length: 80 }, (_, i) => Math.floor(i / 8)));
  const tokens = rig.put("i32", [6], [1, 2, 3, 4, 5, 6]);
  const start = rig.counter(0);
  const out = rig.output("f32", [2, 8]);
  using graph = Graph.capture(device, () => {
    embed(device, out.tensor, table, tokens, { start, shift: 1 });
    advance(device, start, 2);
  });
  assertEquals([...rig.get(start)], [0], "nothing runs at capture");
  assertEquals(out.bytes(true).every((byte) => byte === 0xff), true, "nothing is written");
  const expected = (a: number, b: number) =>
    Float64Array.from([...Array(8).fill(a), ...Array(8).fill(b)]);
  graph.launch();
  assertEquals(out.values(), expected(2, 3));
  graph.launch(); // the start has advanced: the shift of 1 is the capture's
  assertEquals(out.values(), expected(4, 5));
  rig.setCounter(start, 0);
  device.upload(tokens, Int32Array.of(9, 8, 7, 6, 5, 4));
  graph.launch();
  assertEquals(out.values(), expected(8, 7));
});

backendTest("a graph gives the bits of the ops that it records", (rig) => {
  const random = new Random(1);
  const [m, n, k] = [7, 40, 200];
  const x = rig.put("f16", [m, k], random.normals(m * k));
  const w = rig.put("f16", [n, k], random.normals(n * k));
  const [direct, replayed] = [rig.output("f32", [m, n]), rig.output("f32", [m, n])];
  gemmF16(rig.device, direct.tensor, x, w, { epilogue: "logits" });
  using graph = Graph.capture(
    rig.device,
    () => gemmF16(rig.device, replayed.tensor, x, w, { epilogue: "logits" }),
  );
  for (let round = 0; round < 3; round++) {
    fill(rig.device, replayed.tensor, 0xff);
    graph.launch();
    assertEquals(replayed.bytes(), direct.bytes());
  }
});

backendTest("one graph verifies at every cache length", (rig) => {
  const history = rig.put("i32", [10], [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  const cacheLength = rig.counter(0);
  const best = rig.put("i32", [3], [2, 3, 4]);
  const result = rig.output("i32", [4]);
  const path = rig.output("i32", [3]).tensor;
  using graph = Graph.capture(
    rig.device,
    () => verify(rig.device, { result: result.tensor, path, history, cacheLength, choice: best }),
  );
  for (const length of [0, 4, 6]) {
    rig.setCounter(cacheLength, length);
    rig.device.upload(best, Int32Array.of(length + 2, length + 3, 99));
    graph.launch();
    assertEquals([...result.values()], [3, length + 2, length + 3, 99]);
    rig.device.upload(history, Int32Array.of(1, 2, 3, 4, 5, 6, 7, 8, 9, 10));
  }
});

backendTest("a capture is thrown away where its queue throws, and another may begin", (rig) => {
  const length = rig.counter(1);
  const error = new Error("from the queue");
  const thrown = assertThrows(() =>
    Graph.capture(rig.device, () => {
      advance(rig.device, length, 1);
      throw error;
    })
  );
  assertEquals(thrown, error);
  advance(rig.device, length, 10);
  assertEquals([...rig.get(length)], [11], "ops run again after the abort");
  using graph = Graph.capture(rig.device, () => advance(rig.device, length, 100));
  graph.launch();
  assertEquals([...rig.get(length)], [111]);
});

backendTest("a capture within a capture is refused", (rig) => {
  const error = assertThrows(
    () => Graph.capture(rig.device, () => Graph.capture(rig.device, () => {})),
    NativeError,
    "Cannot run smq_graph_begin: ",
  );
  assertEquals(error.status, "SMQ_STATE");
  assertEquals(error.op, "smq_graph_begin");
  Graph.capture(rig.device, () => {})[Symbol.dispose]();
});

backendTest("what waits for the device is refused in a capture", (rig) => {
  const length = rig.counter(1);
  for (
    const call of [
      () => rig.device.synchronize(),
      () => rig.device.download(length),
      () => rig.setCounter(length, 2),
      () => rig.arena.allocate("u8", [1]),
    ]
  ) {
    const error = assertThrows(() => Graph.capture(rig.device, call), NativeError);
    assertEquals(error.status, "SMQ_STATE");
  }
});

backendTest("a read-back in a graph shows what was computed, and is empty when disposed", (rig) => {
  const length = rig.counter(5);
  const readBack = new ReadBack(rig.device, length);
  {
    using graph = Graph.capture(rig.device, () => {
      advance(rig.device, length, 1);
      readBack.queue();
    });
    for (const expected of [6, 7, 8]) {
      graph.launch();
      assertEquals([...readBack.wait()], [expected]);
    }
  }
  const view = readBack.wait();
  assert(view === readBack.wait(), "the view is one and the same");
  readBack[Symbol.dispose]();
  assertEquals(view.length, 0);
  assertThrows(() => readBack.wait(), SpecMQuantError, "it has been disposed");
  assertThrows(() => readBack.queue(), SpecMQuantError, "it has been disposed");
});

backendTest("a graph that has been disposed cannot be launched", (rig) => {
  const graph = Graph.capture(rig.device, () => {});
  graph.launch();
  graph[Symbol.dispose]();
  graph[Symbol.dispose]();
  assertThrows(() => graph.launch(), SpecMQuantError, "it has been disposed");
});

backendTest("events time what lies between them", (rig) => {
  using start = new DeviceEvent(rig.device);
  using stop = new DeviceEvent(rig.device);
  const error = assertThrows(() => DeviceEvent.elapsed(start, stop), NativeError);
  assertEquals(error.status, "SMQ_STATE");
  const big = rig.arena.allocate("u8", [1 << 24]);
  start.record();
  fill(rig.device, big, 1);
  stop.record();
  const milliseconds = DeviceEvent.elapsed(start, stop);
  assert(milliseconds > 0 && milliseconds < 10_000, `${milliseconds} ms`);
  const gone = new DeviceEvent(rig.device);
  gone[Symbol.dispose]();
  assertThrows(() => gone.record(), SpecMQuantError, "it has been disposed");
});
