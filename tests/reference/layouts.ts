/**
 * How published packers order the elements of a quantized weight, written from their descriptions as
 * views of arrays: reshape, permute, pack. Matrices are flat and hold unsigned elements.
 *
 * @module
 */

/** The elements of an array of `shape` with its axes in another order, as numpy's transpose has them. */
function permute(data: ArrayLike<number>, shape: readonly number[], axes: readonly number[]) {
  const strides = shape.map((_, i) => shape.slice(i + 1).reduce((a, b) => a * b, 1));
  const sizes = axes.map((axis) => shape[axis]);
  const out = new Float64Array(data.length);
  const index = new Array<number>(axes.length).fill(0);
  let from = 0;
  for (let at = 0; at < out.length; at++) {
    out[at] = data[from];
    for (let d = axes.length - 1; d >= 0; d--) {
      from += strides[axes[d]];
      if (++index[d] < sizes[d]) break;
      from -= sizes[d] * strides[axes[d]];
      index[d] = 0;
    }
  }
  return out;
}

/** [n, k] as [k, n]. */
function transpose(w: ArrayLike<number>, n: number, k: number): Float64Array {
  return permute(w, [n, k], [1, 0]);
}

/** Every `32 / bits` neighbours in one word, the first lowest. */
function words(elements: ArrayLike<number>, bits: 4 | 8): Int32Array<ArrayBuffer> {
  const each = 32 / bits;
  const out = new Int32Array(elements.length / each);
  for (let i = 0; i < elements.length; i++) {
    out[Math.floor(i / each)] |= elements[i] << (bits * (i % each));
  }
  return out;
}

/** Each run of `order.length` elements rearranged: the new p is the old order[p]. */
function rearrange(elements: ArrayLike<number>, order: readonly number[]): Float64Array {
  const out = new Float64Array(elements.length);
  for (let i = 0; i < out.length; i++) {
    const p = i % order.length;
    out[i] = elements[i - p + order[p]];
  }
  return out;
}

/** What the packing ops read: word r of output j holds inputs 8 r to 8 r + 7. */
export function packingOrder(w: ArrayLike<number>, n: number, k: number): Int32Array<ArrayBuffer> {
  const packed = words(w, 4); // [n, k / 8]
  return Int32Array.from(transpose(packed, n, k / 8));
}

/** AWQ's gemm version: rows of inputs; even columns of eight first. */
export function awq(w: ArrayLike<number>, n: number, k: number): Int32Array<ArrayBuffer> {
  return words(rearrange(transpose(w, n, k), [0, 2, 4, 6, 1, 3, 5, 7]), 4);
}

/** compressed-tensors: rows of outputs. */
export function rowsOfWords(w: ArrayLike<number>, bits: 4 | 8): Int32Array<ArrayBuffer> {
  return words(w, bits);
}

/** GPTQ with 8 bits: words down the inputs. */
export function gptq8(w: ArrayLike<number>, n: number, k: number): Int32Array<ArrayBuffer> {
  return Int32Array.from(transpose(words(w, 8), n, k / 4));
}

/**
 * Marlin's permutation of four 16 x 16 tiles (element 256 t + 16 row + column), for threads that hold the
 * rows `rowsOf(quarter)` of columns c and c + 8; each run of eight in the order `interleave`.
 */
function tensorCoreOrder(
  rowsOf: (quarter: number) => readonly number[],
  interleave: readonly number[],
): number[] {
  const order: number[] = [];
  for (let thread = 0; thread < 32; thread++) {
    const [column, rows] = [Math.floor(thread / 4), rowsOf(thread % 4)];
    const held = [column, column + 8].flatMap((c) => rows.map((row) => 16 * row + c));
    for (let tile = 0; tile < 4; tile++) {
      order.push(...interleave.map((p) => 256 * tile + held[p]));
    }
  }
  return order;
}

function tiled(w: ArrayLike<number>, n: number, k: number, order: readonly number[]) {
  const tiles = permute(transpose(w, n, k), [k / 16, 16, n / 16, 16], [0, 2, 1, 3]);
  return words(rearrange(tiles, order), 4);
}

const EVENS_FIRST = [0, 2, 4, 6, 1, 3, 5, 7];
const fourInARow = (quarter: number) => [0, 1, 2, 3].map((i) => 4 * quarter + i);

/** Marlin: unsigned nibbles, rows in pairs, as f16 tensor cores take them. */
export function marlin(w: ArrayLike<number>, n: number, k: number): Int32Array<ArrayBuffer> {
  const pairs = (quarter: number) => [0, 1, 8, 9].map((i) => 2 * quarter + i);
  return tiled(w, n, k, tensorCoreOrder(pairs, EVENS_FIRST));
}

/** QQQ in groups: unsigned nibbles, four rows at a time, as i8 tensor cores take them. */
export function qqqGroup(w: ArrayLike<number>, n: number, k: number): Int32Array<ArrayBuffer> {
  return tiled(w, n, k, tensorCoreOrder(fourInARow, EVENS_FIRST));
}

/** QQQ per channel: the same in two's complement of w - 8, in another order of eight. */
export function qqq(w: ArrayLike<number>, n: number, k: number): Int32Array<ArrayBuffer> {
  const signed = new Uint8Array(w.length);
  for (let i = 0; i < signed.length; i++) signed[i] = (w[i] - 8) & 15;
  return tiled(signed, n, k, tensorCoreOrder(fourInARow, [4, 0, 5, 1, 6, 2, 7, 3]));
}

/** QServe: [n / 32, 2, 2, 8, 1, k / 32, 1, 2, 4, 4] permuted, the halves of 32 outputs in one byte. */
export function qoq(w: ArrayLike<number>, n: number, k: number): Int8Array<ArrayBuffer> {
  const shape = [n / 32, 2, 2, 8, 1, k / 32, 1, 2, 4, 4];
  const permuted = permute(w, shape, [1, 0, 5, 6, 3, 8, 7, 2, 4, 9]);
  const out = new Int8Array(permuted.length / 2);
  for (let i = 0; i < out.length; i++) out[i] = permuted[i] | permuted[out.length + i] << 4;
  return out;
}
