/**
 * Arenas: allocations that are freed together.
 *
 * @module
 */

import { type DType, DTYPE_BYTES } from "../base/dtype.ts";
import { ArgumentError } from "../base/errors.ts";
import type { Shape } from "../base/shape.ts";
import type { Device } from "./device.ts";
import { unwatch, watch } from "./leaks.ts";
import { Lifetime } from "./lifetime.ts";
import { takeAddress } from "./pointer.ts";
import { byteLength, type Tensor, tensor } from "./tensor.ts";

/** A tensor whose memory grows row by row at a fixed address. */
export interface Growable<D extends DType = DType> {
  /** The full shape, of which the first `rows` rows have memory. */
  readonly tensor: Tensor<D>;
  /** Rows that have memory. */
  readonly rows: number;
  /**
   * Gives memory to the first `rows` rows at least; new rows are zero. Never shrinks. Throws an
   * `ArgumentError` beyond the full shape, an `OutOfDeviceMemoryError` with numbers.
   */
  grow(rows: number): void;
}

/** Owns device memory; disposing it frees all of it. */
export class Arena implements Disposable {
  /** What the memory is for, as error messages name it. */
  readonly label: string;
  /** Until it is disposed, or its device; its tensors carry it. */
  readonly life: Lifetime;
  readonly #device: Device;
  #allocations: bigint[] = [];
  #ranges: bigint[] = [];
  #bytes = 0;

  /** An empty arena on `device`; `label` names it in messages. */
  constructor(device: Device, label: string) {
    this.#device = device;
    this.label = label;
    this.life = new Lifetime(`the arena "${label}"`, device.life);
    watch(this, `the arena "${label}"`);
  }

  /** Bytes in use: of tensors, and of the grown parts of growables. */
  get bytes(): number {
    return this.#bytes;
  }

  /**
   * A contiguous tensor with undefined contents. Throws an `OutOfDeviceMemoryError` with the bytes
   * asked for and free.
   */
  allocate<D extends DType>(dtype: D, shape: Shape, label?: string): Tensor<D> {
    this.#expectLive(label);
    const bytes = byteLength(tensor(0n, dtype, shape));
    const native = this.#device.native;
    const address = takeAddress((out) =>
      native.check(
        native.symbols.smq_malloc(native.ctx, BigInt(bytes), out),
        this.#opName("smq_malloc", label),
        bytes,
      )
    );
    this.#allocations.push(address);
    this.#bytes += bytes;
    return this.#own(address, dtype, shape);
  }

  /** A contiguous tensor with the bytes of `given`, or of what it gives, whose byte length must fit. */
  fromHost<D extends DType>(
    dtype: D,
    shape: Shape,
    given: ArrayBufferView | (() => ArrayBufferView),
  ): Tensor<D> {
    const data = typeof given === "function" ? given() : given;
    const bytes = byteLength(tensor(0n, dtype, shape));
    if (bytes !== data.byteLength) {
      throw new ArgumentError(
        "data",
        `Cannot allocate in "${this.label}": the data has ${data.byteLength} bytes, expected ${bytes}`,
      );
    }
    const result = this.allocate(dtype, shape);
    this.#device.upload(result, data);
    return result;
  }

  /** Addresses for a tensor of `shape`, without memory until it grows. */
  reserve<D extends DType>(dtype: D, shape: Shape, label?: string): Growable<D> {
    this.#expectLive(label);
    const reserved = byteLength(tensor(0n, dtype, shape));
    const native = this.#device.native;
    const op = this.#opName("smq_reserve", label);
    const address = takeAddress((out) =>
      native.check(native.symbols.smq_reserve(native.ctx, BigInt(reserved), out), op, reserved)
    );
    this.#ranges.push(address);
    const full = this.#own(address, dtype, shape);
    const rowBytes = full.rowStride * DTYPE_BYTES[dtype];
    let grown = 0;
    return {
      tensor: full,
      get rows() {
        return grown;
      },
      grow: (rows) => {
        this.#expectLive(label);
        if (!Number.isInteger(rows) || rows < 0 || rows > shape[0]) {
          throw new ArgumentError(
            "rows",
            `Cannot grow ${label ?? `"${this.label}"`}: rows is ${rows}, expected 0 to ${shape[0]}`,
          );
        }
        if (rows <= grown) return;
        const { symbols, ctx } = this.#device.native;
        const status = symbols.smq_grow(ctx, address, BigInt(rows * rowBytes));
        const added = (rows - grown) * rowBytes;
        this.#device.native.check(status, this.#opName("smq_grow", label), added);
        grown = rows;
        this.#bytes += added;
      },
    };
  }

  /** Frees everything. Does nothing the second time, or where the device has been disposed. */
  [Symbol.dispose](): void {
    if (!this.life.end()) return;
    unwatch(this);
    const [allocations, ranges] = [this.#allocations, this.#ranges];
    [this.#allocations, this.#ranges, this.#bytes] = [[], [], 0];
    if (this.#device.disposed) return;
    const native = this.#device.native;
    // All of it is freed before the first failure is reported.
    const statuses = [
      ...allocations.map((address) => native.symbols.smq_free(native.ctx, address)),
      ...ranges.map((address) => native.symbols.smq_release(native.ctx, address)),
    ];
    for (const status of statuses) native.check(status, this.#opName("smq_free"));
  }

  #own<D extends DType>(address: bigint, dtype: D, shape: Shape): Tensor<D> {
    return { ...tensor(address, dtype, shape), life: this.life };
  }

  #opName(op: string, label?: string): string {
    return `${op} for "${this.label}"${label === undefined ? "" : `, ${label}`}`;
  }

  #expectLive(label?: string): void {
    this.life.expect(`allocate ${label ?? "memory"}`);
  }
}
