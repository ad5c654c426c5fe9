/**
 * Rectangles of given elements in tensors that are otherwise made up.
 *
 * @module
 */
import type { Segment } from "./placement.ts";

/** A rectangle of a row-major matrix. */
export interface Patch {
  /** Its first row. */
  readonly row: number;
  /** Its first column. */
  readonly column: number;
  /** Its columns. */
  readonly columns: number;
  /** Its elements, row after row. */
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** A matrix of f16 or i32 elements in memory. */
export interface Matrix {
  /** Its elements, row after row: bits of f16 in 16, or packed nibbles in 32. */
  readonly data: Uint16Array<ArrayBuffer> | Uint32Array<ArrayBuffer>;
  /** Its columns. */
  readonly columns: number;
}

/** The bytes of `into`, which lie at `offset` of a matrix of rows of `rowBytes`, get those of the patches. */
export function applyPatches(
  into: Uint8Array<ArrayBuffer>,
  offset: number,
  rowBytes: number,
  elementBytes: number,
  patches: readonly Patch[],
): void {
  for (const { row, column, columns, bytes } of patches) {
    const width = columns * elementBytes;
    const rows = bytes.length / width;
    const start = column * elementBytes;
    const first = Math.max(row, Math.floor((offset - start - width) / rowBytes) + 1);
    for (let r = first; r < row + rows; r++) {
      const to = r * rowBytes + start - offset;
      if (to >= into.length) break;
      const from = (r - row) * width;
      const skipped = Math.max(0, -to);
      const end = Math.min(width, into.length - to);
      into.set(bytes.subarray(from + skipped, from + end), to + skipped);
    }
  }
}

/**
 * The parts of `matrix` that `rows` and `columns` name, where they lie. `rowUnit` dimensions share a row.
 * f16 elements are multiplied by `scale`, rounded, where a segment has one.
 */
export function cutPatches(
  matrix: Matrix,
  rows: readonly Segment[],
  columns: readonly Segment[],
  rowUnit = 1,
): Patch[] {
  return rows.flatMap((r) =>
    columns.map((c): Patch => {
      const count = r.length / rowUnit;
      const { data } = matrix;
      const out = new (data instanceof Uint16Array ? Uint16Array : Uint32Array)(count * c.length);
      for (let i = 0; i < count; i++) {
        const start = (r.from / rowUnit + i) * matrix.columns + c.from;
        out.set(data.subarray(start, start + c.length), i * c.length);
      }
      const scale = r.scale * c.scale;
      if (out instanceof Uint16Array && scale !== 1) scaleF16(out, scale);
      return {
        row: r.to / rowUnit,
        column: c.to,
        columns: c.length,
        bytes: new Uint8Array(out.buffer),
      };
    })
  );
}

/** A rectangle of f16 numbers. */
export function f16Patch(
  row: number,
  column: number,
  rows: number,
  columns: number,
  value: (row: number) => number,
): Patch {
  const numbers = Float16Array.from(
    { length: rows * columns },
    (_, i) => value(row + Math.floor(i / columns)),
  );
  return { row, column, columns, bytes: new Uint8Array(numbers.buffer) };
}

function scaleF16(bits: Uint16Array<ArrayBuffer>, scale: number): void {
  const numbers = new Float16Array(bits.buffer);
  for (let i = 0; i < numbers.length; i++) numbers[i] *= scale;
}
