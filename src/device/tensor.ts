/**
 * Tensors: an address on a device with a dtype and a shape. Pure data; they own nothing.
 *
 * @module
 */

import { type DType, DTYPE_BYTES } from "../base/dtype.ts";
import { ArgumentError } from "../base/errors.ts";
import { elements, type Shape, showShape } from "../base/shape.ts";
import { type Lifetime, meet } from "./lifetime.ts";

/** A device address; 0n is none. */
export type Address = bigint;

/** Device memory seen as rows of elements; what it points at belongs to an `Arena`. */
export interface Tensor<D extends DType = DType> {
  /** The device address of the first element. */
  readonly address: Address;
  /** The type of an element. */
  readonly dtype: D;
  /** Sizes, outermost first, all positive. */
  readonly shape: Shape;
  /** Elements between the starts of two rows; the elements of a row where contiguous. */
  readonly rowStride: number;
  /** That of the arena which owns the memory; absent where no arena does. */
  readonly life?: Lifetime;
}

/** Elements of one row: of everything below the first dimension. */
function rowElements(shape: Shape): number {
  return elements(shape.slice(1));
}

function expectRange(argument: string, start: number, end: number, size: number): void {
  if (
    !Number.isInteger(start) || !Number.isInteger(end) || start < 0 || end <= start || end > size
  ) {
    throw new ArgumentError(
      argument,
      `Cannot view ${argument} ${start} to ${end}: expected a range within 0 to ${size}`,
    );
  }
}

/**
 * A tensor at `address`, in memory that no arena owns: what lies in another tensor is a `view` of that.
 * `rowStride` counts elements and defaults to contiguous rows. Throws an `ArgumentError` where a size is
 * not a positive integer or rows would overlap.
 */
export function tensor<D extends DType>(
  address: Address,
  dtype: D,
  shape: Shape,
  rowStride: number = rowElements(shape),
): Tensor<D> {
  if (shape.length === 0 || shape.some((size) => !Number.isSafeInteger(size) || size < 1)) {
    throw new ArgumentError(
      "shape",
      `Cannot make a tensor: the shape is ${showShape(shape)}, expected positive sizes`,
    );
  }
  if (!Number.isSafeInteger(rowStride) || rowStride < rowElements(shape)) {
    throw new ArgumentError(
      "rowStride",
      `Cannot make a tensor: the row stride is ${rowStride}, expected at least ${
        rowElements(shape)
      }`,
    );
  }
  return { address, dtype, shape, rowStride };
}

/**
 * A contiguous tensor of `dtype` and `shape` that begins `offset` bytes into the memory of `t` and ends within
 * it. Throws an `ArgumentError` where it does not.
 */
export function view<D extends DType>(
  t: Tensor,
  dtype: D,
  shape: Shape,
  offset = 0,
): Tensor<D> {
  const result = tensor(t.address + BigInt(offset), dtype, shape);
  const bytes = byteLength(t);
  if (!isContiguous(t) || offset < 0 || offset + byteLength(result) > bytes) {
    throw new ArgumentError(
      "shape",
      `Cannot view ${dtype} ${showShape(shape)} at byte ${offset}: expected a range within ` +
        `${bytes} contiguous bytes`,
    );
  }
  return t.life === undefined ? result : { ...result, life: t.life };
}

/**
 * The address of a tensor as a call of the library takes it, 0n for none. Throws code `"disposed"` where the
 * memory is gone. Nothing else may read `address` to give it to the library.
 */
export function addressOf(t: Tensor | undefined): Address {
  if (t === undefined) return 0n;
  if (t.life !== undefined) meet(t.life);
  return t.address;
}

/** Whether its rows lie behind one another without gaps. */
export function isContiguous(t: Tensor): boolean {
  return t.shape[0] === 1 || t.rowStride === rowElements(t.shape);
}

/** The rows `start` to `end - 1` (of a 1-D tensor: elements), sharing memory. */
export function rows<D extends DType>(t: Tensor<D>, start: number, end: number): Tensor<D> {
  expectRange("rows", start, end, t.shape[0]);
  const address = t.address + BigInt(start * t.rowStride * DTYPE_BYTES[t.dtype]);
  return { ...t, address, shape: [end - start, ...t.shape.slice(1)] };
}

/** The columns `start` to `end - 1` of a 2-D tensor, sharing memory. */
export function columns<D extends DType>(t: Tensor<D>, start: number, end: number): Tensor<D> {
  if (t.shape.length !== 2) {
    throw new ArgumentError(
      "tensor",
      `Cannot view columns: the shape is ${showShape(t.shape)}, expected two dimensions`,
    );
  }
  expectRange("columns", start, end, t.shape[1]);
  const address = t.address + BigInt(start * DTYPE_BYTES[t.dtype]);
  return { ...t, address, shape: [t.shape[0], end - start] };
}

/** The same elements of a contiguous tensor in another shape, sharing memory. */
export function reshape<D extends DType>(t: Tensor<D>, shape: Shape): Tensor<D> {
  if (!isContiguous(t)) {
    throw new ArgumentError(
      "tensor",
      `Cannot reshape: the row stride is ${t.rowStride}, expected contiguous rows of ${
        rowElements(t.shape)
      }`,
    );
  }
  if (elements(shape) !== elements(t.shape)) {
    throw new ArgumentError(
      "shape",
      `Cannot reshape ${showShape(t.shape)} to ${showShape(shape)}: expected as many elements`,
    );
  }
  return view(t, t.dtype, shape);
}

/** Bytes of its elements; gaps between rows are not counted. */
export function byteLength(t: Tensor): number {
  return elements(t.shape) * DTYPE_BYTES[t.dtype];
}
