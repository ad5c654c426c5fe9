/**
 * What a call costs: the bare functions of the library, the typed ops around them, and a decode step
 * without work (an op-free graph, and its read-back). The step's budget is 60 us.
 *
 * @module
 */

import { Arena, Device, DeviceEvent, Graph, ReadBack, rows } from "../src/device/mod.ts";
import { advance, copy, embed } from "../src/ops/mod.ts";

const device = Device.open();
const arena = new Arena(device, "bench");
const { symbols, ctx } = device.native;

const table = arena.allocate("f16", [4, 8]);
const out = arena.allocate("f16", [1, 8]);
const tokens = arena.fromHost("i32", [2], new Int32Array(2));
const start = arena.fromHost("i32", [1], new Int32Array(1));
const best = arena.allocate("i32", [1]);
const event = new DeviceEvent(device);
const readBack = new ReadBack(device, best);
const empty = Graph.capture(device, () => {});
const withReadBack = Graph.capture(device, () => readBack.queue());
const step = Graph.capture(device, () => {
  advance(device, start, 1);
  readBack.queue();
});

/** Bench functions run a call many times, so that its cost stands out from the timer's. */
const CALLS = 100;

function bench(name: string, group: string, call: () => void, baseline = false): void {
  Deno.bench({ name: `${name} x ${CALLS}`, group, baseline }, () => {
    for (let i = 0; i < CALLS; i++) call();
  });
}

const source = rows(tokens, 1, 2);
const target = rows(tokens, 0, 1);

bench("smq_synchronize, 1 argument", "calls", () => {
  symbols.smq_synchronize(ctx);
}, true);
bench("smq_copy of 4 bytes, 4 arguments", "calls", () => {
  symbols.smq_copy(ctx, target.address, source.address, 4n);
});
bench("smq_embed of one row of 8, 12 arguments", "calls", () => {
  symbols.smq_embed(ctx, out.address, 8, 0, table.address, 0, tokens.address, 0n, 0, 1, 8, 4);
});

bench("copy of 4 bytes", "typed ops", () => copy(device, target, source), true);
bench("embed of one row of 8", "typed ops", () => embed(device, out, table, tokens));
bench("DeviceEvent.record", "typed ops", () => event.record());

bench("launch of an op-free graph", "decode step", () => empty.launch(), true);
bench("op-free graph and synchronize", "decode step", () => {
  empty.launch();
  device.synchronize();
});
bench("read-back alone: launch, wait, one number", "decode step", () => {
  withReadBack.launch();
  if (readBack.wait()[0] === 12345) throw new Error("unreachable");
});
bench("three small ops: launch, wait, one number", "decode step", () => {
  step.launch();
  if (readBack.wait()[0] === 12345) throw new Error("unreachable");
});
