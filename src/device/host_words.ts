/**
 * Words that the host and a device exchange while both are at work.
 *
 * @module
 */
import { ArgumentError } from "../base/errors.ts";
import type { Device } from "./device.ts";
import { unwatch, watch } from "./leaks.ts";
import { disposedError } from "./lifetime.ts";
import { PinnedMemory } from "./pinned_memory.ts";
import { addressOf, byteLength, isContiguous, type Tensor } from "./tensor.ts";

/** Bytes of a word. */
const WORD = 4;

/** Pinned words, and copies from and to a device that are queued like ops: who waits for them is for the caller to see to. */
export class HostWords implements Disposable {
  readonly #device: Device;
  readonly #pinned: PinnedMemory;
  #view: Int32Array<ArrayBuffer> | null;

  /** `count` zeros, pinned on `device`. */
  constructor(device: Device, count: number) {
    this.#device = device;
    this.#pinned = new PinnedMemory(device, count * WORD, "words of the host");
    this.#view = new Int32Array(this.#pinned.buffer).fill(0);
    watch(this, "words of the host");
  }

  /** The pinned memory itself; empty after `dispose`, its own or the device's. Throws code `"disposed"` then. */
  get words(): Int32Array<ArrayBuffer> {
    if (this.#view !== null) return this.#view;
    throw disposedError("use the words of the host");
  }

  /** Queues a copy of the contiguous `source` to the words from `at` on; may be captured. */
  take(source: Tensor<"i32">, at = 0): void {
    const host = this.#address(source, at);
    this.#copy(host, addressOf(source), source);
  }

  /** Queues a copy of the words from `at` on to the contiguous `destination`; may be captured. */
  give(destination: Tensor<"i32">, at = 0): void {
    const host = this.#address(destination, at);
    this.#copy(addressOf(destination), host, destination);
  }

  #copy(to: bigint, from: bigint, t: Tensor): void {
    const { native } = this.#device;
    const status = native.symbols.smq_copy(native.ctx, to, from, BigInt(byteLength(t)));
    native.check(status, "smq_copy");
  }

  #address(t: Tensor, at: number): bigint {
    const { length } = this.words;
    const count = byteLength(t) / WORD;
    if (t.dtype !== "i32" || !isContiguous(t) || at < 0 || at + count > length) {
      throw new ArgumentError(
        "tensor",
        `Cannot copy words: the tensor is ${t.dtype} [${t.shape}] with row stride ${t.rowStride}, expected ` +
          `contiguous i32 of at most ${length - at} words behind word ${at}`,
      );
    }
    return this.#pinned.address + BigInt(at * WORD);
  }

  /** Frees the pinned memory; views of it become empty. */
  [Symbol.dispose](): void {
    if (this.#view === null) return;
    this.#view = null;
    unwatch(this);
    this.#pinned[Symbol.dispose]();
  }
}
