import { assertEquals } from "@std/assert";
import { applyPatches, cutPatches, f16Patch, type Patch } from "./patches.ts";

const patch = (row: number, column: number, columns: number, ...bytes: number[]): Patch => ({
  row,
  column,
  columns,
  bytes: Uint8Array.from(bytes),
});

Deno.test("patches land where they belong, whatever piece of the matrix is asked for", () => {
  const [rows, rowBytes] = [5, 12];
  const patches = [
    patch(0, 0, 1, 1, 2, 3, 4),
    patch(1, 2, 3, 11, 12, 13, 14, 15, 16, 21, 22, 23, 24, 25, 26),
    patch(4, 4, 2, 31, 32, 33, 34),
    patch(2, 2, 1, 91, 92),
  ];
  const whole = new Uint8Array(rows * rowBytes);
  const put = (row: number, column: number, ...bytes: number[]) =>
    whole.set(bytes, row * rowBytes + column * 2);
  put(0, 0, 1, 2);
  put(1, 0, 3, 4); // a patch of one column goes down
  put(1, 2, 11, 12, 13, 14, 15, 16);
  put(2, 2, 91, 92, 23, 24, 25, 26); // the later patch lies on top
  put(4, 4, 31, 32, 33, 34);
  for (let offset = 0; offset < whole.length; offset++) {
    for (let end = offset; end <= whole.length; end++) {
      const into = new Uint8Array(end - offset);
      applyPatches(into, offset, rowBytes, 2, patches);
      assertEquals(into, whole.slice(offset, end), `bytes ${offset} to ${end}`);
    }
  }
});

Deno.test("parts of matrices are cut, moved and scaled", () => {
  const data = new Uint16Array(Float16Array.from({ length: 12 }, (_, i) => i).buffer);
  const found = cutPatches(
    { data, columns: 4 },
    [{ from: 1, to: 7, length: 2, scale: 1 }],
    [{ from: 0, to: 10, length: 1, scale: 1 }, { from: 2, to: 5, length: 2, scale: 0.5 }],
  );
  const values = ({ bytes }: Patch) => [...new Float16Array(bytes.buffer)];
  assertEquals(found.map(({ row, column, columns }) => [row, column, columns]), [[7, 10, 1], [
    7,
    5,
    2,
  ]]);
  assertEquals(found.map(values), [[4, 8], [3, 3.5, 5, 5.5]]);

  const words = Uint32Array.of(1, 2, 3, 4, 5, 6);
  const [cut] = cutPatches(
    { data: words, columns: 2 },
    [{ from: 8, to: 32, length: 16, scale: 1 }],
    [{ from: 1, to: 3, length: 1, scale: 0.3 }], // never scales what is packed
    8,
  );
  assertEquals([cut.row, cut.column, ...new Uint32Array(cut.bytes.buffer)], [4, 3, 4, 6]);

  const made = f16Patch(3, 1, 2, 2, (row) => row / 2);
  assertEquals([made.row, made.columns, ...values(made)], [3, 2, 1.5, 1.5, 2, 2]);
});
