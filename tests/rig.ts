/**
 * What op tests share: tensors from values, poisoned outputs, and errors relative to a reference.
 *
 * @module
 */

import { assert, fail } from "@std/assert";
import { DTYPE_BYTES } from "../src/base/dtype.ts";
import { elements, type Shape } from "../src/base/shape.ts";
import { Arena, byteLength, type Device, reshape, type Tensor, tensor } from "../src/device/mod.ts";
import { fill, MAX_TREE_ROWS } from "../src/ops/mod.ts";
import { decode, encode, type TestDType } from "./half.ts";

/** Bytes before and after a poisoned output that must stay as they are. */
const GUARD = 256;

/** A dtype of activations. */
export type Activation = "f16" | "bf16";

/**
 * The largest ||out - ref|| / ||ref|| by the dtype of an output: half a unit in the last place of f16
 * and bf16 is 5e-4 and 4e-3; in f32 what is left is the order of summation.
 */
export const TOLERANCE: Readonly<Record<Activation | "f32", number>> = {
  f16: 5e-4,
  bf16: 4e-3,
  f32: 5e-6,
};

/** Bytes of an untouched output: NaN in floats, and no number, index or mask that a test expects. */
function poisonOf(dtype: TestDType): number {
  if (dtype === "i8") return 0x80; // -128, which no quantizer gives
  return dtype === "i32" || dtype === "u64" ? 0xa5 : 0xff;
}

/** A tensor for an op to write, poisoned, with guards around it. */
export class Output<D extends TestDType> {
  /** What the op writes. */
  readonly tensor: Tensor<D>;
  readonly #device: Device;
  readonly #all: Tensor<"u8">;

  /** Poisons memory for `shape`, with rows `rowStride` elements apart. */
  constructor(device: Device, arena: Arena, dtype: D, shape: Shape, rowStride?: number) {
    const view = tensor(0n, dtype, shape, rowStride);
    const bytes = shape[0] * view.rowStride * DTYPE_BYTES[dtype];
    this.#device = device;
    this.#all = arena.allocate("u8", [GUARD + bytes + GUARD]);
    this.tensor = { ...view, address: this.#all.address + BigInt(GUARD) };
    fill(device, this.#all, poisonOf(dtype));
  }

  /** Gives its elements values before the op runs; only without gaps between rows. */
  set(values: ArrayLike<number>): this {
    this.#device.upload(reshape(this.tensor, this.tensor.shape), encode(this.tensor.dtype, values));
    return this;
  }

  /**
   * The bytes of its elements. Fails where the gaps or guards have changed or, unless `partly`, an
   * element still has the poison.
   */
  bytes(partly = false): Uint8Array<ArrayBuffer> {
    const { dtype, shape, rowStride } = this.tensor;
    const size = DTYPE_BYTES[dtype];
    const all = this.#device.download(this.#all);
    const row = elements(shape.slice(1)) * size;
    const out = new Uint8Array(byteLength(this.tensor));
    const poison = poisonOf(dtype);
    for (let i = 0; i < shape[0]; i++) {
      const at = GUARD + i * rowStride * size;
      out.set(all.subarray(at, at + row), i * row);
      all.fill(poison, at, at + row);
    }
    // No call and no message for each: an output of millions would take seconds.
    let changed = 0;
    for (let i = 0; i < all.length; i++) if (all[i] !== poison) changed++;
    assert(changed === 0, `${changed} bytes outside the output were written`);
    for (let i = 0; i < out.length && !partly; i += size) {
      let end = i;
      while (end < i + size && out[end] === poison) end++;
      if (end === i + size) fail(`element ${i / size} of shape [${shape}] was not written`);
    }
    return out;
  }

  /** Its elements as numbers, checked as in `bytes`. */
  values(partly = false): Float64Array {
    return decode(this.tensor.dtype as Exclude<TestDType, "u64">, this.bytes(partly));
  }

  /** Its elements as integers of 64 bits, checked as in `bytes`. */
  words(): bigint[] {
    return [...new BigUint64Array(this.bytes().buffer)];
  }
}

/** A device with an arena for one test. */
export class Rig implements Disposable {
  /** The device. */
  readonly device: Device;
  /** Owns the tensors of the test. */
  readonly arena: Arena;

  /** Makes an arena on `device`. */
  constructor(device: Device) {
    this.device = device;
    this.arena = new Arena(device, "test");
  }

  /** A tensor with values, rounded to the dtype. */
  put<D extends TestDType>(
    dtype: D,
    shape: Shape,
    values: ArrayLike<number> | ArrayLike<bigint>,
  ): Tensor<D> {
    return this.arena.fromHost(dtype, shape, encode(dtype, values));
  }

  /** An i32 tensor of one element. */
  counter(value: number): Tensor<"i32"> {
    return this.put("i32", [1], [value]);
  }

  /** Changes the value of a counter. */
  setCounter(counter: Tensor<"i32">, value: number): void {
    this.device.upload(counter, Int32Array.of(value));
  }

  /** The elements of a contiguous tensor as numbers. */
  get(t: Tensor): Float64Array {
    return decode(t.dtype as Exclude<TestDType, "u64">, this.device.download(t));
  }

  /** A poisoned output. */
  output<D extends TestDType>(dtype: D, shape: Shape, rowStride?: number): Output<D> {
    return new Output(this.device, this.arena, dtype, shape, rowStride);
  }

  /** Frees the tensors. */
  [Symbol.dispose](): void {
    this.arena[Symbol.dispose]();
  }
}

/** ||out - ref|| / ||ref||; NaN where there is one. */
export function relativeError(out: ArrayLike<number>, ref: ArrayLike<number>): number {
  assert(out.length === ref.length, `${out.length} elements, expected ${ref.length}`);
  let error = 0;
  let norm = 0;
  for (let i = 0; i < ref.length; i++) {
    error += (out[i] - ref[i]) ** 2;
    norm += ref[i] ** 2;
  }
  return error === 0 ? 0 : Math.sqrt(error / norm);
}

/** Fails where the relative error passes the tolerance of so many roundings to `dtype`, or is NaN. */
export function assertClose(
  out: ArrayLike<number>,
  ref: ArrayLike<number>,
  dtype: Activation | "f32",
  what: string,
  roundings = 1,
): void {
  const error = relativeError(out, ref);
  const most = TOLERANCE[dtype] * roundings;
  assert(error <= most, `${what}: relative error ${error}, over ${most}`);
}

/** Row `i` of a flat matrix of `width` columns. */
export function rowOf<T extends Float64Array | Uint8Array>(flat: T, i: number, width: number): T {
  return flat.subarray(i * width, (i + 1) * width) as T;
}

/**
 * Bytes of `m` rows of f32 output of width `n`, computed 64 rows at a time, the most that the header
 * promises the same bits for. `run` writes rows `from .. to - 1` to `y`.
 */
export function inPieces(
  rig: Rig,
  m: number,
  n: number,
  run: (y: Tensor<"f32">, from: number, to: number) => void,
): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(m * n * 4);
  for (let from = 0; from < m; from += MAX_TREE_ROWS) {
    const to = Math.min(from + MAX_TREE_ROWS, m);
    const y = rig.output("f32", [to - from, n]);
    run(y.tensor, from, to);
    all.set(y.bytes(), from * n * 4);
  }
  return all;
}
