/**
 * Threads of the library that read files into pinned memory.
 *
 * @module
 */
import { CheckpointError } from "../base/errors.ts";
import type { FilePlace } from "../base/reader.ts";
import { lastError } from "../ffi/status.ts";
import { type ReaderHandle, SMQ_FILE, SMQ_OK } from "../ffi/symbols.ts";
import type { Device } from "./device.ts";
import { unwatch, watch } from "./leaks.ts";
import { disposedError } from "./lifetime.ts";
import { takeHandle } from "./pointer.ts";

/** Where the bytes of one read come from, for messages. */
interface Origin {
  readonly file: string;
  readonly tensor: string;
}

/** Reads files on threads. Reads end in the order in which they were begun. */
export class FileReader implements Disposable {
  readonly #device: Device;
  readonly #begun: Origin[] = [];
  #handle: ReaderHandle | null;

  /** As many threads as suit the machine. */
  constructor(device: Device) {
    const { native } = device;
    this.#device = device;
    this.#handle = takeHandle<ReaderHandle>(
      "smq_reader_create",
      (out) =>
        native.check(native.symbols.smq_reader_create(native.ctx, 0, out), "smq_reader_create"),
    );
    watch(this, "a file reader");
  }

  /**
   * Begins to read `bytes` bytes at `place`, which are the tensor's, to the pinned memory at `address`; both stay as they are
   * until `wait` has ended this read.
   */
  begin(
    { file, descriptor, position }: FilePlace,
    tensor: string,
    bytes: number,
    address: bigint,
  ): void {
    const handle = this.#live();
    const { native } = this.#device;
    const status = native.symbols.smq_reader_begin(
      native.ctx,
      handle,
      descriptor,
      BigInt(position),
      BigInt(bytes),
      address,
    );
    if (status !== SMQ_OK) native.check(status, "smq_reader_begin");
    this.#begun.push({ file, tensor });
  }

  /** Waits for the oldest read that has not been waited for; a CheckpointError where its bytes cannot be read. */
  wait(): void {
    const handle = this.#live();
    const { native } = this.#device;
    const status = native.symbols.smq_reader_wait(native.ctx, handle);
    const origin = this.#begun.shift();
    if (status === SMQ_OK) return;
    if (status !== SMQ_FILE || origin === undefined) return native.check(status, "smq_reader_wait");
    throw new CheckpointError(origin.file, lastError(native.symbols), origin.tensor);
  }

  /** Ends what is being read, and the threads. */
  [Symbol.dispose](): void {
    const handle = this.#handle;
    if (handle === null) return;
    this.#handle = null;
    unwatch(this);
    if (this.#device.disposed) return;
    const { native } = this.#device;
    native.check(native.symbols.smq_reader_destroy(native.ctx, handle), "smq_reader_destroy");
  }

  #live(): ReaderHandle {
    if (this.#handle !== null) return this.#handle;
    throw disposedError("read files");
  }
}
