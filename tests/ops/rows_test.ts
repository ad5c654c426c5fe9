import { assertEquals, assertThrows } from "@std/assert";
import { ArgumentError } from "../../src/base/errors.ts";
import { columns, rows } from "../../src/device/mod.ts";
import { copy, fill, gatherRows, lastRow, ringRead, ringWrite } from "../../src/ops/mod.ts";
import { backendTest } from "../backends.ts";
import { Random } from "../random.ts";
import { rowOf } from "../rig.ts";

for (const dtype of ["f16", "bf16", "f32"] as const) {
  backendTest(`gatherRows ${dtype} takes rows by clamped index, between strided tensors`, (rig) => {
    const random = new Random(3);
    for (const [count, width, m] of [[1, 8, 1], [10, 24, 7], [130, 100, 65], [5, 1016, 30]]) {
      const wide = rig.put(dtype, [count, width + 6], random.normals(count * (width + 6)));
      const index = random.integers(m, count + 4).map((i) => i - 2);
      const out = rig.output(dtype, [m, width], width + 2);
      const x = columns(wide, 4, 4 + width);
      gatherRows(rig.device, out.tensor, x, rig.put("i32", [m], index));
      const [source, taken] = [rig.get(wide), out.values()];
      index.forEach((i, row) => {
        const from = rowOf(source, Math.min(Math.max(i, 0), count - 1), width + 6);
        assertEquals(rowOf(taken, row, width), from.slice(4, 4 + width), `row ${row}`);
      });
    }
  });

  backendTest(`lastRow ${dtype} takes row end - start - 1, clamped`, (rig) => {
    const [m, width] = [5, 33];
    const x = rig.put(dtype, [m, width + 1], new Random(1).normals(m * (width + 1)));
    const source = rig.get(x);
    for (
      const [start, end, row] of [[10, 11, 0], [10, 13, 2], [10, 15, 4], [10, 99, 4], [7, 7, 0]]
    ) {
      for (const shape of [[width], [1, width]]) {
        const out = rig.output(dtype, shape);
        const view = columns(x, 1, width + 1);
        lastRow(rig.device, out.tensor, view, rig.counter(start), rig.counter(end));
        assertEquals(out.values(), rowOf(source, row, width + 1).slice(1), `${start} to ${end}`);
      }
    }
  });

  backendTest(`ringWrite and ringRead ${dtype} wrap around`, (rig) => {
    const [size, width, m] = [7, 24, 5];
    const random = new Random(2);
    const ring = rig.output(dtype, [size, width]).set(random.normals(size * width));
    const x = rig.put(dtype, [m, width], random.normals(m * width));
    const expected = ring.values();
    for (const [start, count] of [[0, 3], [3, 5], [8, 1], [9, 0], [1000003, 5], [6, 9]]) {
      const path = random.permutation(m);
      ringWrite(rig.device, ring.tensor, x, {
        start: rig.counter(start),
        path: rig.put("i32", [m], path),
        count: rig.counter(count),
      });
      for (let j = 0; j < Math.min(count, m); j++) {
        expected.set(rowOf(rig.get(x), path[j], width), (start + j) % size * width);
      }
      assertEquals(ring.values(), expected, `written from ${start}, ${count} rows`);
      const out = rig.output(dtype, [m, width], width + 4);
      ringRead(rig.device, out.tensor, ring.tensor, rig.counter(start));
      for (let j = 0; j < m; j++) {
        const of = rowOf(expected, (start + j) % size, width);
        assertEquals(rowOf(out.values(), j, width), of.slice(), `read from ${start}, row ${j}`);
      }
    }
  });
}

backendTest("copy and fill move bytes and nothing beside them", (rig) => {
  const x = rig.put("i32", [6], [1, 2, 3, 4, 5, 6]);
  const out = rig.output("i32", [3]);
  copy(rig.device, out.tensor, rows(x, 2, 5));
  assertEquals([...out.values()], [3, 4, 5]);
  fill(rig.device, rows(x, 1, 2), 0x01);
  fill(rig.device, rows(x, 4, 6), 0xff);
  assertEquals([...rig.get(x)], [1, 0x01010101, 3, 4, -1, -1]);
});

backendTest("the ops on rows refuse what does not fit, naming the argument", (rig) => {
  const { device } = rig;
  const x = rig.put("f16", [4, 8], new Float32Array(32));
  const i32 = rig.put("i32", [4], [0, 1, 2, 3]);
  const one = rig.counter(1);
  const refused: [string, () => void][] = [
    ["copy: src overlaps dst", () => copy(device, rows(x, 0, 2), rows(x, 1, 3))],
    ["copy: src is i32, expected f16", () => copy(device, x, i32)],
    ["copy: src has 48 bytes, expected 16", () => copy(device, rows(x, 0, 1), rows(x, 1, 4))],
    [
      "copy: dst has row stride 8, expected contiguous rows",
      () => copy(device, columns(x, 0, 4), columns(x, 4, 8)),
    ],
    ["fill: byte is 256", () => fill(device, x, 256)],
    [
      "gatherRows: index has shape [4], expected [2]",
      () => gatherRows(device, rig.output("f16", [2, 8]).tensor, x, i32),
    ],
    ["gatherRows: x is i32", () => gatherRows(device, x, i32, i32)],
    [
      "lastRow: end has shape [4], expected [1]",
      () => lastRow(device, rig.output("f16", [8]).tensor, x, one, i32),
    ],
    [
      "ringWrite: x has 2 rows, expected at least 4",
      () => ringWrite(device, x, rows(x, 0, 2), { start: one, path: i32, count: one }),
    ],
    [
      "ringRead: out has shape [4, 4], expected [any, 8]",
      () => ringRead(device, columns(x, 0, 4), x, one),
    ],
  ];
  for (const [message, call] of refused) {
    assertThrows(call, ArgumentError, `Cannot run ${message}`);
  }
});
