/**
 * Uploads that overlap with what produces the bytes: two pinned buffers, one filled while the other travels.
 *
 * @module
 */

import { ArgumentError } from "../base/errors.ts";
import { SMQ_OK } from "../ffi/symbols.ts";
import type { Device } from "./device.ts";
import { DeviceEvent } from "./event.ts";
import { unwatch, watch } from "./leaks.ts";
import { disposedError } from "./lifetime.ts";
import { PinnedMemory } from "./pinned_memory.ts";
import { addressOf, byteLength, isContiguous, type Tensor } from "./tensor.ts";

/** Bytes of each of the two buffers where nothing else is asked for. */
export const UPLOAD_BUFFER_BYTES: number = 32 * 2 ** 20;

/** Pieces start at multiples of this, which suits every element type and the copy engines. */
const ALIGNMENT = 256;

/** A piece that is cut only because a buffer ends has at least this many bytes. */
const SMALLEST_PIECE = 2 ** 20;

/** Pinned memory of one direction, in use until `sent` is passed. */
interface Buffer {
  readonly memory: PinnedMemory;
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
    for (let at = 0; at < total;) {
      const buffer = this.#room(Math.min(total - at, SMALLEST_PIECE));
      const start = this.#used;
      const length = Math.min(total - at, this.bufferBytes - start);
      fill(buffer.bytes.subarray(start, start + length), at);
      // `fill` may have disposed anything.
      this.#expectLive();
      const { native } = this.#device;
      const status = native.symbols.smq_copy(
        native.ctx,
        addressOf(dst) + BigInt(at),
        buffer.memory.address + BigInt(start),
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
    using cleanup = new DisposableStack();
    for (const { memory, sent } of buffers) {
      cleanup.use(sent);
      cleanup.use(memory);
    }
    if (!this.#device.disposed) this.#device.synchronize();
  }

  #expectLive(): void {
    if (this.#disposed) throw disposedError("use the uploader");
    this.#device.life.expect("use the uploader");
  }

  /** The current buffer, or the other one, once it is free, where fewer than `bytes` are left. */
  #room(bytes: number): Buffer {
    this.#expectLive();
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
  using cleanup = new DisposableStack();
  const sent = cleanup.use(new DeviceEvent(device));
  const memory = new PinnedMemory(device, bytes, "an upload buffer");
  cleanup.move();
  return { memory, bytes: new Uint8Array(memory.buffer), sent, pending: false };
}
