/**
 * A device: a context of the native library, and the way to move bytes to and from it.
 *
 * @module
 */

import { ArgumentError, LibraryError } from "../base/errors.ts";
import { MAX_I32 } from "../base/i32.ts";
import {
  checkOptions,
  integer,
  type Kind,
  type Kinds,
  oneOf,
  PATH,
  pathOf,
  required,
} from "../base/options.ts";
import type { Library, Symbols } from "../ffi/library.ts";
import { statusError } from "../ffi/status.ts";
import { type ContextHandle, SMQ_OK } from "../ffi/symbols.ts";
import { unwatch, watch } from "./leaks.ts";
import { disposedError, Lifetime } from "./lifetime.ts";
import { chooseLibrary, type Description } from "./open.ts";
import { addressOf, byteLength, isContiguous, type Tensor } from "./tensor.ts";

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
  /** A library, instead of looking for one: its path or a `file:` URL. */
  library?: string | URL;
}

/** What each option of a device may be. */
export const DEVICE_KINDS: Kinds<DeviceOptions> = {
  backend: oneOf(["auto", "cpu", "cuda"]),
  threads: integer(0, MAX_I32),
  index: integer(0, MAX_I32),
  library: PATH,
};

/** What ops use: the library's functions, the context, and how to turn a status into an error. */
export class Native {
  /** The functions of the library. */
  readonly symbols: Symbols;
  /** The first argument of most functions. */
  readonly ctx: ContextHandle;
  /** Pinned memory that views may still show; they become empty when the context goes. */
  readonly pinned: Set<ArrayBuffer> = new Set();

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
  /** What else its library says of it: the kernels and threads of a CPU, a card's compute capability. */
  readonly detail: string;
  /** Why this backend, in one line. */
  readonly why: string;
  /** Until it is disposed; what lives on it lasts no longer. */
  readonly life: Lifetime;
  #native: Native | null;

  private constructor(
    library: Library,
    { backend, name, detail }: Description,
    why: string,
    ctx: ContextHandle,
  ) {
    this.backend = backend;
    this.name = name;
    this.detail = detail;
    this.why = why;
    this.life = new Lifetime(`the device ${name}`);
    this.#native = new Native(library.symbols, ctx);
    watch(this, `the device ${name}`);
  }

  /**
   * Opens a device. Throws a `LibraryError` that says why where the library or the device is
   * absent, an `AbiMismatchError` where the library is stale.
   */
  static open(options: DeviceOptions = {}): Device {
    const doing = "open a device";
    checkOptions(doing, options, DEVICE_KINDS);
    const { backend = "auto", threads = 0, index = 0, library: named } = options;
    const choice = chooseLibrary(backend, index, named && pathOf(doing, "library", named));
    const { library, description, why } = choice;
    const out = new BigUint64Array(1);
    const status = library.symbols.smq_context_create(choice.index, threads, out);
    if (status !== SMQ_OK) throw statusError(library.symbols, null, status, "smq_context_create");
    const ctx = Deno.UnsafePointer.create(out[0]) as ContextHandle | null;
    if (ctx === null) {
      throw new LibraryError(`Cannot open a device: ${library.path} gave no context`);
    }
    return new Device(library, description, why, ctx);
  }

  /** What ops use. Throws where the device has been disposed. */
  get native(): Native {
    if (this.#native !== null) return this.#native;
    throw disposedError(`use the device ${this.name}`);
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
      addressOf(dst),
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
      addressOf(src),
      BigInt(dst.byteLength),
    );
    native.check(status, "smq_download");
  }

  /** Destroys the context and frees everything allocated on it. */
  [Symbol.dispose](): void {
    const native = this.#native;
    if (native === null) return;
    this.#native = null;
    this.life.end();
    unwatch(this);
    // Whoever still holds a view must not touch freed memory.
    for (const buffer of native.pinned) buffer.transfer(0);
    native.check(native.symbols.smq_context_destroy(native.ctx), "smq_context_destroy");
  }
}

/** A `Device`, where one is needed. */
export const DEVICE_KIND: Kind = required({
  expected: "a Device",
  fits: (value) => value instanceof Device,
});

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
