/**
 * Read-backs: a small tensor copied to pinned host memory, queued like an op.
 *
 * @module
 */

import { ArgumentError } from "../base/errors.ts";
import { SMQ_OK } from "../ffi/symbols.ts";
import type { Device } from "./device.ts";
import { unwatch, watch } from "./leaks.ts";
import { disposedError } from "./lifetime.ts";
import { PinnedMemory } from "./pinned_memory.ts";
import { addressOf, byteLength, isContiguous, type Tensor } from "./tensor.ts";

/** The host's copy of an i32 tensor. */
export class ReadBack implements Disposable {
  readonly #device: Device;
  readonly #source: Tensor<"i32">;
  readonly #bytes: bigint;
  readonly #pinned: PinnedMemory;
  #view: Int32Array<ArrayBuffer> | null;

  /** Pinned memory on `device` for the contiguous tensor `source`. */
  constructor(device: Device, source: Tensor<"i32">) {
    if (source.dtype !== "i32" || !isContiguous(source)) {
      throw new ArgumentError(
        "source",
        `Cannot read back: the source is ${source.dtype} with row stride ${source.rowStride}, ` +
          `expected contiguous i32`,
      );
    }
    const bytes = byteLength(source);
    this.#device = device;
    this.#source = source;
    this.#bytes = BigInt(bytes);
    this.#pinned = new PinnedMemory(device, bytes, "a read-back");
    this.#view = new Int32Array(this.#pinned.buffer);
    watch(this, "a read-back");
  }

  /** Queues the copy; may be captured. */
  queue(): void {
    this.#live();
    const native = this.#device.native;
    const source = addressOf(this.#source);
    const status = native.symbols.smq_copy(native.ctx, this.#pinned.address, source, this.#bytes);
    if (status !== SMQ_OK) native.check(status, "smq_copy");
  }

  /**
   * Waits until everything queued has run. The result is the pinned memory itself: the next copy
   * changes it, and after `dispose`, its own or the device's, it is empty.
   */
  wait(): Int32Array {
    const view = this.#live();
    const native = this.#device.native;
    const status = native.symbols.smq_synchronize(native.ctx);
    if (status !== SMQ_OK) native.check(status, "smq_synchronize");
    return view;
  }

  /** Frees the pinned memory; views of it become empty. */
  [Symbol.dispose](): void {
    if (this.#view === null) return;
    this.#view = null;
    unwatch(this);
    this.#pinned[Symbol.dispose]();
  }

  #live(): Int32Array {
    if (this.#view !== null) return this.#view;
    throw disposedError("use the read-back");
  }
}
