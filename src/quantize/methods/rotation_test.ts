import { assert, assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { Random } from "../../../tests/random.ts";
import { ArgumentError } from "../../base/errors.ts";
import { rotateColumns } from "./rotate_rows.ts";
import { Rotation } from "./rotation.ts";
import { RowPool } from "../rows/row_pool.ts";

const SIZES = [1, 2, 7, 12, 64, 384];

Deno.test("rotation: orthogonal, undone, for sizes that are no power of two", () => {
  for (const size of SIZES) {
    const rotation = Rotation.random(size, 5);
    const matrix = new Float32Array(size * size);
    for (let i = 0; i < size; i++) matrix[i * size + i] = 1;
    rotation.apply(matrix); // now Q itself
    for (let a = 0; a < size; a++) {
      for (let b = a; b < Math.min(size, a + 8); b++) {
        let dot = 0;
        for (let j = 0; j < size; j++) dot += matrix[a * size + j] * matrix[b * size + j];
        assertAlmostEquals(dot, a === b ? 1 : 0, 1e-5);
      }
    }
    rotation.undo(matrix);
    matrix.forEach((value, i) => assertAlmostEquals(value, i % (size + 1) === 0 ? 1 : 0, 1e-5));
  }
});

Deno.test("rotation: columns turn as rows do", () => {
  const [size, width] = [12, 5];
  const rotation = Rotation.random(size, 2);
  const matrix = Float32Array.from(new Random(1).normals(size * width));
  const rows = Float32Array.from(
    { length: size * width },
    (_, i) => matrix[(i % size) * width + Math.floor(i / size)],
  );
  rotateColumns(rotation, matrix, width, new RowPool());
  rotation.apply(rows);
  rows.forEach((value, i) =>
    assertEquals(matrix[(i % size) * width + Math.floor(i / size)], value)
  );
});

Deno.test("rotation: an outlier is spread, and seeds differ", () => {
  for (const size of [64, 384]) {
    const spike = new Float32Array(size);
    spike[3] = 1;
    const other = spike.slice();
    Rotation.random(size, 1).apply(spike);
    Rotation.random(size, 2).apply(other);
    const most = Math.max(...spike.map(Math.abs));
    assert(most < 3 / Math.sqrt(size), `the largest is ${most}`);
    assert(spike.some((value, i) => value !== other[i]));
  }
});

Deno.test("rotation: refuses parts that do not fit", () => {
  const bad = (signs: number, mixing: number) => () =>
    new Rotation(new Float32Array(signs), new Float64Array(mixing));
  assertThrows(bad(12, 4), ArgumentError, "power of two");
  assertThrows(bad(12, 5), ArgumentError, "power of two");
});
