/**
 * Rotations of whole matrices, whose rows or columns threads share.
 *
 * @module
 */
import { Rotation } from "./rotation.ts";
import type { RowPool } from "../rows/row_pool.ts";
import type { RowWork } from "../rows/row_work.ts";

/** What is rotated at once. */
export interface RotationBand {
  /** See `Rotation`. */
  readonly signs: Float32Array;
  /** See `Rotation`. */
  readonly mixing: Float64Array;
  /** The vectors: rows f32 [count, size], or columns f32 [size, count]. */
  readonly source: Float32Array;
  /** The rotated ones, likewise. */
  readonly result: Float32Array;
}

/** Which vectors a band holds: rows, or this many columns. */
export type BandForm = "rows" | { readonly columns: number };

/** Numbers of a band: few enough that nobody minds a copy of them. */
const BAND = 2 ** 22;

/** Rotates some of a band's vectors. */
export const rotateBand: RowWork<RotationBand, BandForm> = {
  name: "rotate",
  begin({ signs, mixing, source, result }) {
    const rotation = new Rotation(signs, mixing);
    const { size } = rotation;
    const vector = new Float32Array(size);
    return (form, from, to) => {
      const [width, step] = form === "rows" ? [1, size] : [form.columns, 1];
      for (let i = from; i < to; i++) {
        for (let j = 0, at = i * step; j < size; j++, at += width) vector[j] = source[at];
        rotation.apply(vector);
        for (let j = 0, at = i * step; j < size; j++, at += width) result[at] = vector[j];
      }
    };
  },
};

/** Replaces every row x of `rows` f32 [count, size] by x Q. */
export function rotateRows(rotation: Rotation, rows: Float32Array, pool: RowPool): void {
  const { size } = rotation;
  const each = bandOf(size, rows.length / size) * size;
  const { given, run } = begin(rotation, each, pool);
  for (let at = 0; at < rows.length; at += each) {
    const band = rows.subarray(at, at + each);
    given.source.set(band);
    run("rows", band.length / size);
    band.set(given.result.subarray(0, band.length));
  }
}

/** Replaces every column c of `matrix` f32 [size, width] by Q^T c: what produces vectors now produces x Q. */
export function rotateColumns(
  rotation: Rotation,
  matrix: Float32Array,
  width: number,
  pool: RowPool,
): void {
  const { size } = rotation;
  const each = bandOf(size, width);
  const { given: { source, result }, run } = begin(rotation, each * size, pool);
  for (let first = 0; first < width; first += each) {
    const columns = Math.min(each, width - first);
    for (let j = 0; j < size; j++) {
      const at = j * width + first;
      source.set(matrix.subarray(at, at + columns), j * columns);
    }
    run({ columns }, columns);
    for (let j = 0; j < size; j++) {
      matrix.set(result.subarray(j * columns, (j + 1) * columns), j * width + first);
    }
  }
}

/** Vectors of a band. */
function bandOf(size: number, count: number): number {
  return Math.max(1, Math.min(count, Math.floor(BAND / size)));
}

function begin({ signs, mixing }: Rotation, length: number, pool: RowPool) {
  const [source, result] = [new Float32Array(length), new Float32Array(length)];
  return pool.share(rotateBand, { signs, mixing, source, result });
}
