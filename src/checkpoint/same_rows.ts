/**
 * Comparing matrices that files hold.
 *
 * @module
 */
import { DTYPE_BYTES } from "../base/dtype.ts";
import { type FloatDType, isFloatDType, toF32 } from "../base/half.ts";
import type { TensorSource } from "./containers/source.ts";

/** Elements that are compared at once. */
const PIECE = 2 ** 20;

/** A tensor of a source. */
export interface NamedTensor {
  /** Its source. */
  readonly source: TensorSource;
  /** Its name there. */
  readonly name: string;
}

/**
 * Whether two float matrices of as many columns are the same in the rows that both have: bit for bit in one dtype, and
 * in two as far as the coarser one tells numbers apart. Reads no more than it takes to see that they differ.
 */
export function sameRows(a: NamedTensor, b: NamedTensor): boolean {
  const [first, second] = [a, b].map(({ source, name }) => source.info(name));
  const [left, right] = [first.dtype, second.dtype];
  if (!isFloatDType(left) || !isFloatDType(right)) return false;
  const [rows, columns] = first.shape;
  if (first.shape.length !== 2 || second.shape.length !== 2) return false;
  if (second.shape[1] !== columns) return false;
  const count = Math.min(rows, second.shape[0]) * columns;
  for (let at = 0; at < count; at += PIECE) {
    const length = Math.min(PIECE, count - at);
    const [x, y] = [read(a, left, at, length), read(b, right, at, length)];
    if (!(left === right ? sameBytes(x, y) : sameNumbers(toF32(x, left), toF32(y, right)))) {
      return false;
    }
  }
  return true;
}

function read(
  { source, name }: NamedTensor,
  dtype: FloatDType,
  at: number,
  length: number,
): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length * DTYPE_BYTES[dtype]);
  source.readInto(name, at * DTYPE_BYTES[dtype], bytes);
  return bytes;
}

/** Of as many bytes each; by the word, as matrices are large. */
function sameBytes(a: Uint8Array<ArrayBuffer>, b: Uint8Array<ArrayBuffer>): boolean {
  const words = Math.floor(a.length / 4);
  const [x, y] = [a, b].map(({ buffer }) => new Uint32Array(buffer, 0, words));
  for (let i = 0; i < words; i++) if (x[i] !== y[i]) return false;
  for (let i = 4 * words; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

/** Up to the rounding of bf16, which is the coarsest; below its least normal number f16 is as coarse as that. */
function sameNumbers(a: Float32Array, b: Float32Array): boolean {
  for (let i = 0; i < a.length; i++) {
    const scale = Math.max(Math.abs(a[i]), Math.abs(b[i]), 2 ** -14);
    if (!(Math.abs(a[i] - b[i]) <= 2 ** -8 * scale)) return false;
  }
  return true;
}
