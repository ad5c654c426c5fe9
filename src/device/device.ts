/**
 * A device: a context of the native library, and the way to move bytes to and from it.
 *
 * @module
 */

import { ArgumentError, LibraryError, SpecMQuantError } from "../base/errors.ts";
import type { Library, Symbols } from "../ffi/library.ts";
import { statusError } from "../ffi/status.ts";
import { type ContextHandle, SMQ_OK } from "../ffi/symbols.ts";
import { unwatch, watch } from "./leaks.ts";
import { chooseLibrary } from "./open.ts";
import { byteLength, isContiguous, type Tensor } from "./tensor.ts";

/** The largest native integer. */
const MOST = 2 ** 31 - 1;

/** Which implementation to use; `"auto"` is CUDA where a device is present, else the twin. */
export type Backend = "auto" | "cpu" | "cuda";

/** How to open a device. */
export interface DeviceOptions {
  /** Defaults to `"auto"`. */
  backend?: Backend;
  /** Worker threads of the twin; 0, the default, for all cores. */
  threads?: number;
  /** Which CUDA device; defaults to 0. */
  index?: number;
  /** The path of a library, instead of looking for one. */
  library?: string;
}

/** What ops use: the library's functions, the context, and how to turn a status into an error. */
export class Native {
  /** The functions of the library. */
  readonly symbols: Symbols;
  /** The first argument of most functions. */
  readonly ctx: ContextHandle;

  /** Joins a library with a context of it. */
  constructor(symbols: Symbols, ctx: ContextHandle) {
    this.symbols = symbols;
    this.ctx = ctx;
  }

  /**
   * Throws the error of `op` where `status` is not `SMQ_OK`. `requested` is the number of bytes
   * that `op` asked for, where it allocates.
   */
  check(status: number, op: string, requested = 0): void {
    if (status !== SMQ_OK) throw statusError(this.symbols, this.ctx, status, op, requested);
  }
}

/** Bytes on a device. */
export interface DeviceMemory {
  /** In use by this device object. */
  used: number;
  /** Free on the device. */
  free: number;
  /** In total on the device. */
  total: number;
}

/** A device: owns a context; what was allocated on it is gone when it is disposed. */
export class Device implements Disposable {
  /** The implementation that was opened. */
  readonly backend: "cpu" | "cuda";
  /** The device's name, e.g. of the CPU or GPU. */
  readonly name: string;
  /** Why this backend, in one line. */
  readonly why: string;
  #native: Native | null;

  private constructor(
    library: Library,
    backend: "cpu" | "cuda",
    name: string,
    why: string,
    ctx: ContextHandle,
  ) {
    this.backend = backend;
    this.name = name;
    this.why = why;
    this.#native = new Native(library.symbols, ctx);
    watch(this, `the device ${name}`);
  }

  /**
   * Opens a device. Throws a `LibraryError` that says why where the library or the device is
   * absent, an `AbiMismatchError` where the library is stale.
   */
  static open(options: DeviceOptions = {}): Device {
    const { threads = 0, index = 0 } = options;
    for (const [argument, value] of Object.entries({ threads, index })) {
      if (!Number.isInteger(value) || value < 0 || value > MOST) {
        throw new ArgumentError(
          argument,
          `Cannot open a device: ${argument} is ${value}, expected a whole number from 0 to ${MOST}`,
        );
      }
    }
    const choice = chooseLibrary(options.backend ?? "auto", index, options.library);
    const { library, description, why } = choice;
    const out = new BigUint64Array(1);
    const status = library.symbols.smq_context_create(choice.index, threads, out);
    if (status !== SMQ_OK) throw statusError(library.symbols, null, status, "smq_context_create");
    const ctx = Deno.UnsafePointer.create(out[0]) as ContextHandle | null;
    if (ctx === null) {
      throw new LibraryError(`Cannot open a device: ${library.path} gave no context`);
    }
    return new Device(library, description.backend, description.name, why, ctx);
  }

  /** What ops use. Throws where the device has been disposed. */
  get native(): Native {
    if (this.#native !== null) return this.#native;
    throw new SpecMQuantError(
      "disposed",
      `Cannot use the device ${this.name}: it has been disposed`,
    );
  }

  /** Whether it has been disposed, and everything allocated on it with it. */
  get disposed(): boolean {
    return this.#native === null;
  }

  /** Bytes used, free and in total. */
  memory(): DeviceMemory {
    const native = this.native;
    const [used, free, total] = [1, 2, 3].map(() => new BigInt64Array(1));
    const status = native.symbols.smq_memory_info(native.ctx, used, free, total);
    native.check(status, "smq_memory_info");
    return { used: Number(used[0]), free: Number(free[0]), total: Number(total[0]) };
  }

  /** Waits until everything queued has run. */
  synchronize(): void {
    const native = this.native;
    native.check(native.symbols.smq_synchronize(native.ctx), "smq_synchronize");
  }

  /**
   * Copies host bytes to a contiguous tensor of the same byte length; `src` is free to use when
   * this returns. Not inside a capture.
   */
  upload(dst: Tensor, src: ArrayBufferView): void {
    const native = this.native;
    expectSameBytes("upload", dst, src.byteLength);
    const status = native.symbols.smq_upload(
      native.ctx,
      dst.address,
      src as ArrayBufferView<ArrayBuffer>,
      BigInt(src.byteLength),
    );
    native.check(status, "smq_upload");
  }

  /** The bytes of a contiguous tensor, after everything queued has run. */
  download(src: Tensor): Uint8Array<ArrayBuffer> {
    const bytes = new Uint8Array(byteLength(src));
    this.downloadInto(bytes, src);
    return bytes;
  }

  /** Copies a contiguous tensor to host memory of the same byte length. Not inside a capture. */
  downloadInto(dst: ArrayBufferView, src: Tensor): void {
    const native = this.native;
    expectSameBytes("download", src, dst.byteLength);
    const status = native.symbols.smq_download(
      native.ctx,
      dst as ArrayBufferView<ArrayBuffer>,
      src.address,
      BigInt(dst.byteLength),
    );
    native.check(status, "smq_download");
  }

  /** Destroys the context and frees everything allocated on it. */
  [Symbol.dispose](): void {
    const native = this.#native;
    if (native === null) return;
    this.#native = null;
    unwatch(this);
    native.check(native.symbols.smq_context_destroy(native.ctx), "smq_context_destroy");
  }
}

function expectSameBytes(verb: string, t: Tensor, bytes: number): void {
  if (!isContiguous(t)) {
    throw new ArgumentError(
      "tensor",
      `Cannot ${verb}: the row stride is ${t.rowStride}, expected contiguous rows`,
    );
  }
  if (byteLength(t) !== bytes) {
    throw new ArgumentError(
      "bytes",
      `Cannot ${verb}: the host memory has ${bytes} bytes, expected ${byteLength(t)}`,
    );
  }
}
