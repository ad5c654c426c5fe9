/**
 * Pinned host memory: the library owns it, JavaScript sees it through a view.
 *
 * @module
 */
import type { Device } from "./device.ts";
import { takeAddress } from "./pointer.ts";

/** Pinned memory on a device. */
export class PinnedMemory implements Disposable {
  /** Where the library finds it. */
  readonly address: bigint;
  /** What JavaScript sees of it; empty when it or the device has been disposed. */
  readonly buffer: ArrayBuffer;
  readonly #device: Device;

  /** `bytes` bytes on `device`; `what` they are for, as messages name it. */
  constructor(device: Device, bytes: number, what: string) {
    const { native } = device;
    this.#device = device;
    this.address = takeAddress((out) =>
      native.check(
        native.symbols.smq_pinned_malloc(native.ctx, BigInt(bytes), out),
        `smq_pinned_malloc for ${what}`,
        bytes,
      )
    );
    const pointer = Deno.UnsafePointer.create(this.address)!;
    this.buffer = Deno.UnsafePointerView.getArrayBuffer(pointer, bytes);
    native.pinned.add(this.buffer);
  }

  /** Frees it, after all copies from and to it; views become empty. Does nothing the second time. */
  [Symbol.dispose](): void {
    if (this.buffer.detached) return;
    // Whoever still holds a view must not touch freed memory.
    this.buffer.transfer(0);
    // A view is detached with the device; what is not has a device.
    const { native } = this.#device;
    native.pinned.delete(this.buffer);
    native.check(native.symbols.smq_pinned_free(native.ctx, this.address), "smq_pinned_free");
  }
}
