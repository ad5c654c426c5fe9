import { assertEquals, assertThrows } from "@std/assert";
import { ArgumentError } from "../../src/base/errors.ts";
import { rows } from "../../src/device/mod.ts";
import { embed } from "../../src/ops/mod.ts";
import { backendTest } from "../backends.ts";
import { decode, encode } from "../half.ts";
import { Random } from "../random.ts";
import { rowOf } from "../rig.ts";

const VOCAB = 50;

for (const from of ["f16", "bf16"] as const) {
  for (const to of ["f16", "bf16", "f32"] as const) {
    backendTest(`embed takes ${from} rows of tokens as ${to}`, (rig) => {
      for (const [m, hidden] of [[1, 8], [7, 24], [65, 100], [3, 1016]]) {
        const random = new Random(m + hidden);
        const table = rig.put(from, [VOCAB, hidden], random.normals(VOCAB * hidden));
        const ids = [...random.integers(m + 10, VOCAB)];
        ids[5] = -1; // outside the table
        ids[7] = VOCAB;
        const tokens = rig.put("i32", [ids.length], ids);
        const start = rig.counter(3);
        const out = rig.output(to, [m, hidden], hidden + 8);
        embed(rig.device, out.tensor, table, tokens, { start, shift: 2 });
        const source = rig.get(table);
        const expected = new Float64Array(m * hidden);
        for (let i = 0; i < m; i++) {
          const id = ids[3 + 2 + i];
          if (id >= 0 && id < VOCAB) expected.set(rowOf(source, id, hidden), i * hidden);
        }
        const rounded = decode(to, new Uint8Array(encode(to, expected).buffer));
        assertEquals(out.values(), rounded, `m ${m}, hidden ${hidden}`);
        const again = rig.output(to, [m, hidden]);
        embed(rig.device, again.tensor, table, rows(tokens, 5, 5 + m));
        assertEquals(again.values(), rounded, `without start, m ${m}, hidden ${hidden}`);
      }
    });
  }
}

backendTest("embed refuses what does not fit, naming the argument", (rig) => {
  const table = rig.put("f16", [4, 8], new Float32Array(32));
  const tokens = rig.put("i32", [3], [0, 1, 2]);
  const out = rig.output("f16", [3, 8]).tensor;
  const { device } = rig;
  const refused: [string, () => void][] = [
    [
      "tokens has shape [3], expected at least 4",
      () => embed(device, out, table, tokens, { shift: 1 }),
    ],
    [
      "out has shape [3, 8], expected [any, 7]",
      () => embed(device, out, rig.put("f16", [4, 7], new Float32Array(28)), tokens),
    ],
    [
      "start has shape [3], expected [1]",
      () => embed(device, out, table, tokens, { start: tokens }),
    ],
    ["shift is 0.5", () => embed(device, out, table, tokens, { shift: 0.5 })],
    ["table is i32", () => embed(device, out, tokens, tokens)],
  ];
  for (const [message, call] of refused) {
    assertThrows(call, ArgumentError, `Cannot run embed: ${message}`);
  }
});
