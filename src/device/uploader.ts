/**
 * Uploads that overlap with what produces the bytes: two pinned buffers, one filled while the other travels.
 *
 * @module
 */

import { ArgumentError, SpecMQuantError } from "../base/errors.ts";
import { SMQ_OK } from "../ffi/symbols.ts";
import type { Device } from "./device.ts";
import { DeviceEvent } from "./event.ts";
import { unwatch, watch } from "./leaks.ts";
import { takeAddress } from "./pointer.ts";
import { byteLength, isContiguous, type Tensor } from "./tensor.ts";

/** Bytes of each of the two buffers where nothing else is asked for. */
export const UPLOAD_BUFFER_BYTES: number = 32 * 2 ** 20;

/** Pieces start at multiples of this, which suits every element type and the copy engines. */
const ALIGNMENT = 256;

/** A piece that is cut only because a buffer ends has at least this many bytes. */
const SMALLEST_PIECE = 2 ** 20;

/** Pinned memory of one direction, in use until `sent` is passed. */
interface Buffer {
  readonly address: bigint;
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly sent: DeviceEvent;
  pending: boolean;
}

/** Streams bytes to a device through two pinned buffers. */
export class Uploader implements Disposable {
  /** Bytes of each buffer. */
  readonly bufferBytes: number;
  readonly #device: Device;
  #buffers: Buffer[] = [];
  #current = 0;
  #used = 0;
  #disposed = false;

  /** Two buffers of `bufferBytes` bytes on `device`, a positive multiple of 256. */
  constructor(device: Device, bufferBytes: number = UPLOAD_BUFFER_BYTES) {
    if (!Number.isSafeInteger(bufferBytes) || bufferBytes < 1 || bufferBytes % ALIGNMENT !== 0) {
      throw new ArgumentError(
        "bufferBytes",
        `Cannot make an uploader: bufferBytes is ${bufferBytes}, expected a multiple of ${ALIGNMENT}`,
      );
    }
    this.#device = device;
    this.bufferBytes = bufferBytes;
    watch(this, "an uploader");
    try {
      for (let i = 0; i < 2; i++) this.#buffers.push(pinnedBuffer(device, bufferBytes));
    } catch (error) {
      this[Symbol.dispose]();
      throw error;
    }
  }

  /**
   * Fills the contiguous tensor `dst` piece by piece: `fill` gets pinned memory to write to, and the byte
   * of `dst` that it begins at (a multiple of 256). The copies are queued behind what is queued already,
   * so ops queued afterwards see them; pieces queued before `fill` throws have been sent.
   */
  upload(dst: Tensor, fill: (into: Uint8Array<ArrayBuffer>, offset: number) => void): void {
    if (!isContiguous(dst)) {
      throw new ArgumentError(
        "dst",
        `Cannot upload: the row stride is ${dst.rowStride}, expected contiguous rows`,
      );
    }
    const total = byteLength(dst);
    const { native } = this.#device;
    for (let at = 0; at < total;) {
      const buffer = this.#room(Math.min(total - at, SMALLEST_PIECE));
      const start = this.#used;
      const length = Math.min(total - at, this.bufferBytes - start);
      fill(buffer.bytes.subarray(start, start + length), at);
      const status = native.symbols.smq_copy(
        native.ctx,
        dst.address + BigInt(at),
        buffer.address + BigInt(start),
        BigInt(length),
      );
      if (status !== SMQ_OK) native.check(status, "smq_copy");
      this.#used = start + Math.ceil(length / ALIGNMENT) * ALIGNMENT;
      at += length;
    }
  }

  /** Frees the buffers, after all of their copies. */
  [Symbol.dispose](): void {
    if (this.#disposed) return;
    this.#disposed = true;
    unwatch(this);
    const buffers = this.#buffers;
    this.#buffers = [];
    // Whoever still holds a view must not touch freed memory.
    for (const { bytes } of buffers) bytes.buffer.transfer(0);
    if (this.#device.disposed) return;
    const native = this.#device.native;
    const waited = native.symbols.smq_synchronize(native.ctx);
    const freed = buffers.map(({ address }) => native.symbols.smq_pinned_free(native.ctx, address));
    for (const { sent } of buffers) sent[Symbol.dispose]();
    native.check(waited, "smq_synchronize");
    for (const status of freed) native.check(status, "smq_pinned_free");
  }

  /** The current buffer, or the other one, once it is free, where fewer than `bytes` are left. */
  #room(bytes: number): Buffer {
    if (this.#disposed) {
      throw new SpecMQuantError("disposed", "Cannot use the uploader: it has been disposed");
    }
    const current = this.#buffers[this.#current];
    if (this.#used === 0 || this.bufferBytes - this.#used >= bytes) return current;
    current.sent.record();
    current.pending = true;
    this.#current = 1 - this.#current;
    this.#used = 0;
    const next = this.#buffers[this.#current];
    if (next.pending) next.sent.wait();
    next.pending = false;
    return next;
  }
}

function pinnedBuffer(device: Device, bytes: number): Buffer {
  const native = device.native;
  using sent = new DisposableStack();
  const event = sent.use(new DeviceEvent(device));
  const address = takeAddress((out) =>
    native.check(
      native.symbols.smq_pinned_malloc(native.ctx, BigInt(bytes), out),
      "smq_pinned_malloc for an upload buffer",
      bytes,
    )
  );
  sent.move();
  const pointer = Deno.UnsafePointer.create(address)!;
  const view = new Uint8Array(Deno.UnsafePointerView.getArrayBuffer(pointer, bytes));
  return { address, bytes: view, sent: event, pending: false };
}
