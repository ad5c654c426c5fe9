/**
 * Uploads that overlap with what produces the bytes: a ring of pinned pieces, some being read from files by threads while
 * others travel.
 *
 * @module
 */

import { ArgumentError } from "../base/errors.ts";
import type { FilePlace } from "../base/reader.ts";
import { SMQ_OK } from "../ffi/symbols.ts";
import type { Device } from "./device.ts";
import { DeviceEvent } from "./event.ts";
import { FileReader } from "./file_reader.ts";
import { unwatch, watch } from "./leaks.ts";
import { disposedError } from "./lifetime.ts";
import { PinnedMemory } from "./pinned_memory.ts";
import { addressOf, byteLength, isContiguous, type Tensor } from "./tensor.ts";

/** Bytes of a piece where nothing else is asked for. */
export const PIECE_BYTES: number = 8 * 2 ** 20;

/** Pieces of the ring. Half of them may be waiting for files: the others travel, or have. */
export const PIECES = 12;

/** Pieces are multiples of this, which suits every element type and the copy engines. */
const ALIGNMENT = 256;

/** What one piece of an upload is: bytes in pinned memory, from `offset` of what is uploaded on. */
export type OnPiece = (piece: Uint8Array<ArrayBuffer>, offset: number) => void;

/** A place of the ring. */
interface Slot {
  readonly address: bigint;
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly sent: DeviceEvent;
  /** Whether what was sent from it last may still be on its way. */
  travels: boolean;
  /** Whether something waits in it to be sent. */
  taken: boolean;
}

/** A tensor's bytes in a file. */
export interface StoredBytes {
  /** Where they begin. */
  readonly place: FilePlace;
  /** The tensor, for messages. */
  readonly tensor: string;
}

/** Streams bytes to a device through pinned memory. */
export class Uploader implements Disposable {
  /** Bytes of a piece at most. */
  readonly pieceBytes: number;
  readonly #device: Device;
  readonly #kept = new DisposableStack();
  readonly #slots: Slot[];
  /** What has been asked for and is not yet queued on the device, in order. */
  readonly #waiting: (() => void)[] = [];
  #pieces = 0;
  #next = 0;
  #reader?: FileReader;
  #disposed = false;

  /** A ring of pieces of `pieceBytes` bytes on `device`, a positive multiple of 256. */
  constructor(device: Device, pieceBytes: number = PIECE_BYTES) {
    if (!Number.isSafeInteger(pieceBytes) || pieceBytes < 1 || pieceBytes % ALIGNMENT !== 0) {
      throw new ArgumentError(
        "pieceBytes",
        `Cannot make an uploader: pieceBytes is ${pieceBytes}, expected a multiple of ${ALIGNMENT}`,
      );
    }
    this.#device = device;
    this.pieceBytes = pieceBytes;
    watch(this, "an uploader");
    try {
      const memory = this.#kept.use(
        new PinnedMemory(device, PIECES * pieceBytes, "pieces of uploads"),
      );
      this.#slots = Array.from({ length: PIECES }, (_, i): Slot => ({
        address: memory.address + BigInt(i * pieceBytes),
        bytes: new Uint8Array(memory.buffer, i * pieceBytes, pieceBytes),
        sent: this.#kept.use(new DeviceEvent(device)),
        travels: false,
        taken: false,
      }));
    } catch (error) {
      this[Symbol.dispose]();
      throw error;
    }
  }

  /**
   * Fills the contiguous tensor `dst` piece by piece: `fill` gets pinned memory to write to, and the byte
   * of `dst` that it begins at (a multiple of 256). It has been called for all pieces when this returns; they are
   * queued in the order of all calls, at the latest by `settle`.
   */
  upload(dst: Tensor, fill: OnPiece): void {
    this.#cut(dst, (slot, bytes, offset) => {
      fill(bytes, offset);
      // `fill` may have disposed anything.
      this.#expectLive();
      addressOf(dst);
      return () => this.#send(dst, slot, bytes, offset);
    });
  }

  /**
   * Fills the contiguous tensor `dst` with bytes of a file, which threads read meanwhile. `arrived` sees each piece in order
   * before it is sent, maybe not before `settle`, which then throws what it throws, or a CheckpointError where the file
   * cannot be read.
   */
  uploadStored(dst: Tensor, { place, tensor }: StoredBytes, arrived?: OnPiece): void {
    const reader = this.#reader ??= this.#kept.use(new FileReader(this.#device));
    this.#cut(dst, (slot, bytes, offset) => {
      const from = { ...place, position: place.position + offset };
      reader.begin(from, tensor, bytes.length, slot.address);
      return () => {
        reader.wait();
        arrived?.(bytes, offset);
        this.#expectLive();
        this.#send(dst, slot, bytes, offset);
      };
    });
  }

  /** Calls `queue`, which queues ops that read what has been uploaded, behind that and before what is uploaded next. */
  behind(queue: () => void): void {
    this.#expectLive();
    this.#waiting.push(queue);
  }

  /** Queues all that waits. */
  settle(): void {
    while (this.#waiting.length > 0) this.#advance();
  }

  /** Frees all, after the copies that are queued; what waits is forgotten. */
  [Symbol.dispose](): void {
    if (this.#disposed) return;
    this.#disposed = true;
    unwatch(this);
    this.#waiting.length = 0;
    using _kept = this.#kept;
    if (!this.#device.disposed) this.#device.synchronize();
  }

  /** Cuts `dst` into pieces: `begin` starts to fill one, and gives what sends it. */
  #cut(
    dst: Tensor,
    begin: (slot: Slot, bytes: Uint8Array<ArrayBuffer>, offset: number) => () => void,
  ): void {
    this.#expectLive();
    if (!isContiguous(dst)) {
      throw new ArgumentError(
        "dst",
        `Cannot upload: the row stride is ${dst.rowStride}, expected contiguous rows`,
      );
    }
    const total = byteLength(dst);
    for (let at = 0; at < total; at += this.pieceBytes) {
      const slot = this.#take();
      const send = begin(slot, slot.bytes.subarray(0, Math.min(this.pieceBytes, total - at)), at);
      slot.taken = true;
      this.#pieces++;
      this.#waiting.push(() => {
        // Whatever comes of it.
        slot.taken = false;
        this.#pieces--;
        send();
      });
    }
  }

  /** The next slot, once it is free. */
  #take(): Slot {
    const slot = this.#slots[this.#next];
    while (slot.taken || this.#pieces > PIECES / 2) this.#advance();
    if (slot.travels) slot.sent.wait();
    slot.travels = false;
    this.#next = (this.#next + 1) % PIECES;
    return slot;
  }

  /** Queues the oldest of what waits. */
  #advance(): void {
    this.#expectLive();
    this.#waiting.shift()!();
  }

  #send(dst: Tensor, slot: Slot, bytes: Uint8Array<ArrayBuffer>, offset: number): void {
    const { native } = this.#device;
    const status = native.symbols.smq_copy(
      native.ctx,
      addressOf(dst) + BigInt(offset),
      slot.address,
      BigInt(bytes.length),
    );
    if (status !== SMQ_OK) native.check(status, "smq_copy");
    slot.sent.record();
    slot.travels = true;
  }

  #expectLive(): void {
    if (this.#disposed) throw disposedError("use the uploader");
    this.#device.life.expect("use the uploader");
  }
}
