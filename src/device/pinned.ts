/**
 * Read-backs: a small tensor copied to pinned host memory, queued like an op.
 *
 * @module
 */

import { ArgumentError, SpecMQuantError } from "../base/errors.ts";
import { SMQ_OK } from "../ffi/symbols.ts";
import type { Device } from "./device.ts";
import { unwatch, watch } from "./leaks.ts";
import { takeAddress } from "./pointer.ts";
import { byteLength, isContiguous, type Tensor } from "./tensor.ts";

/** The host's copy of an i32 tensor. */
export class ReadBack implements Disposable {
  readonly #device: Device;
  readonly #source: bigint;
  readonly #bytes: bigint;
  readonly #pinned: bigint;
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
    const native = device.native;
    this.#device = device;
    this.#source = source.address;
    this.#bytes = BigInt(bytes);
    this.#pinned = takeAddress((out) =>
      native.check(
        native.symbols.smq_pinned_malloc(native.ctx, this.#bytes, out),
        "smq_pinned_malloc",
        bytes,
      )
    );
    const pointer = Deno.UnsafePointer.create(this.#pinned)!;
    this.#view = new Int32Array(Deno.UnsafePointerView.getArrayBuffer(pointer, bytes));
    watch(this, "a read-back");
  }

  /** Queues the copy; may be captured. */
  queue(): void {
    this.#live();
    const native = this.#device.native;
    const status = native.symbols.smq_copy(native.ctx, this.#pinned, this.#source, this.#bytes);
    if (status !== SMQ_OK) native.check(status, "smq_copy");
  }

  /**
   * Waits until everything queued has run. The result is the pinned memory itself: the next copy
   * changes it, and after `dispose` it is empty.
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
    const view = this.#view;
    if (view === null) return;
    this.#view = null;
    unwatch(this);
    // Whoever still holds the view must not read freed memory.
    view.buffer.transfer(0);
    if (this.#device.disposed) return;
    const native = this.#device.native;
    native.check(native.symbols.smq_pinned_free(native.ctx, this.#pinned), "smq_pinned_free");
  }

  #live(): Int32Array {
    if (this.#view !== null) return this.#view;
    throw new SpecMQuantError("disposed", "Cannot use the read-back: it has been disposed");
  }
}
