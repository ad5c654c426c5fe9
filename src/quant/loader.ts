/**
 * Reads tensors from a checkpoint onto a device, in chunks, in the activation dtype.
 *
 * @module
 */
import type { ActivationDType } from "../base/dtype.ts";
import { DTYPE_BYTES } from "../base/dtype.ts";
import { CheckpointError, NativeError, UnsupportedModelError } from "../base/errors.ts";
import type { FloatDType } from "../base/half.ts";
import { elements, type Shape } from "../base/shape.ts";
import { expectFloat } from "../checkpoint/formats/expect.ts";
import type { LinearShape } from "../checkpoint/formats/stored_linear.ts";
import type { TensorInfo } from "../checkpoint/containers/source.ts";
import {
  Arena,
  type Device,
  type OnPiece,
  PIECE_BYTES,
  PIECES,
  reshape,
  type Tensor,
  Uploader,
} from "../device/mod.ts";
import { toActivation } from "./convert.ts";
import type { StoredWeights } from "./stored_weights.ts";

/** Looks a float tensor up and checks its dtype and shape; throws `CheckpointError`. */
export function checkFloat(
  weights: StoredWeights,
  name: string,
  shape: Shape,
): TensorInfo & { readonly dtype: FloatDType } {
  return expectFloat(weights.source, name, shape);
}

/** Refuses a layer whose inputs are no multiple of what the products of `scheme` read at once. */
export function expectMultiple(
  { prefix, k }: LinearShape,
  scheme: string,
  multiple: number,
): void {
  if (k % multiple === 0) return;
  throw new UnsupportedModelError(
    `${scheme} with ${k} inputs (layer "${prefix}")`,
    `expected a multiple of ${multiple}`,
  );
}

/** Bytes loaded so far of all bytes to load. */
export type LoadProgress = (done: number, total: number) => void;

/** Elements that are converted at once: small enough to stay in a cache. */
const CONVERTED = 2 ** 18;

/** What of a stored tensor is streamed, and how. */
export interface StreamOptions {
  /** The byte of it to begin at; 0 where absent. */
  readonly from?: number;
  /** Bytes that progress hears of for each byte; 1 where absent. */
  readonly share?: number;
  /** Looks at each piece, which begins at byte `offset` of the tensor, before it is sent. */
  readonly check?: OnPiece;
}

/** Loads the weights of one model into one arena. Disposing it frees what only loading needs. */
export class WeightLoader implements Disposable {
  /** The device that the weights go to. */
  readonly device: Device;
  /** What owns the weights. */
  readonly arena: Arena;
  /** Where the weights come from. */
  readonly weights: StoredWeights;
  /** The dtype that float weights get. */
  readonly dtype: ActivationDType;
  readonly #progress?: LoadProgress;
  readonly #total: number;
  readonly #uploader: Uploader;
  #staging?: Arena;
  #staged?: Tensor<"u8">;
  #done = 0;

  /** Loads from `weights` into `arena`; `total` bytes on the device are expected, for `progress`. */
  constructor(
    device: Device,
    arena: Arena,
    weights: StoredWeights,
    dtype: ActivationDType,
    total: number,
    progress?: LoadProgress,
  ) {
    this.device = device;
    this.arena = arena;
    this.weights = weights;
    this.dtype = dtype;
    this.#total = total;
    this.#progress = progress;
    // A small model needs no large pieces.
    const piece = Math.max(2 ** 16, Math.ceil(total / (PIECES * 2 ** 16)) * 2 ** 16);
    this.#uploader = new Uploader(device, Math.min(PIECE_BYTES, piece));
  }

  /** Loads a float tensor of `shape` in the activation dtype. */
  float(name: string, shape: Shape): Tensor {
    const out = this.arena.allocate(this.dtype, shape, name);
    this.floatInto(out, name, shape);
    return out;
  }

  /** Loads a float tensor of `shape` into `out`, contiguous and of as many elements; it is there behind `finish`. */
  floatInto(out: Tensor, name: string, shape: Shape): void {
    const { dtype, file } = checkFloat(this.weights, name, shape);
    if (dtype === out.dtype) return this.stream(out, name);
    const flat = reshape(out, [elements(shape)]);
    const width = DTYPE_BYTES[dtype];
    const host = new Uint8Array(Math.min(CONVERTED, elements(shape)) * width);
    this.#uploader.upload(flat, (into, offset) => {
      for (let at = 0; at < into.length; at += CONVERTED * 2) {
        const piece = into.subarray(at, at + CONVERTED * 2);
        const stored = host.subarray(0, (piece.length / 2) * width);
        this.weights.source.readInto(name, ((offset + at) / 2) * width, stored);
        const converted = toActivation(stored, dtype, this.dtype);
        if (converted === undefined) {
          throw new CheckpointError(
            file,
            "it has values beyond f16, expected at most 65504",
            name,
          );
        }
        piece.set(converted);
      }
      this.#count(into.length);
    });
  }

  /**
   * Streams the bytes of a stored tensor as they are into `out`, contiguous and of no more bytes. Ops that read them are
   * queued in `behind`.
   */
  stream(out: Tensor, name: string, { from = 0, share = 1, check }: StreamOptions = {}): void {
    const { source } = this.weights;
    const arrived = (piece: Uint8Array<ArrayBuffer>, offset: number): void => {
      check?.(piece, from + offset);
      this.#count(piece.length * share);
    };
    const place = source.place(name);
    if (place === undefined) {
      return this.#uploader.upload(out, (into, offset) => {
        source.readInto(name, from + offset, into);
        arrived(into, offset);
      });
    }
    const stored = { place: { ...place, position: place.position + from }, tensor: name };
    this.#uploader.uploadStored(out, stored, arrived);
  }

  /** Calls `queue`, which queues ops that read what has been streamed and sent, once that is queued. */
  behind(queue: () => void): void {
    this.#uploader.behind(queue);
  }

  /** Sends `data` into `out`, contiguous and of as many bytes, behind what is queued. */
  send(out: Tensor, data: ArrayBufferView<ArrayBuffer>): void {
    const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    this.#uploader.upload(out, (into, offset) => {
      into.set(bytes.subarray(offset, offset + into.length));
      this.#count(into.length);
    });
  }

  /**
   * Device memory of at least `bytes` bytes for what is packed at once; the next call gives the same memory,
   * so it is for what is streamed, sent and queued in `behind` before that.
   */
  staging(bytes: number): Tensor<"u8"> {
    if (this.#staged === undefined || this.#staged.shape[0] < bytes) {
      this.#uploader.settle();
      this.#dropStaging();
      this.#staging = new Arena(this.device, "staging");
      this.#staged = this.#staging.allocate("u8", [bytes]);
    }
    return this.#staged;
  }

  /** Waits until all weights are in place; throws where the device failed. */
  finish(): void {
    this.#uploader.settle();
    this.device.synchronize();
  }

  /** Frees the buffers, after all that is queued. A device that failed says so in `finish` or where it failed. */
  [Symbol.dispose](): void {
    try {
      using _uploader = this.#uploader;
      this.#dropStaging();
    } catch (error) {
      // What made loading fail must reach the caller, not that freeing fails on a dead device too.
      if (!(error instanceof NativeError || error instanceof SuppressedError)) throw error;
    }
  }

  /** What still reads the staging memory must have run before it goes. */
  #dropStaging(): void {
    using _staging = this.#staging;
    this.#staged = undefined;
    if (this.#staging !== undefined && !this.device.disposed) this.device.synchronize();
    this.#staging = undefined;
  }

  #count(bytes: number): void {
    this.#done += bytes;
    this.#progress?.(Math.min(Math.round(this.#done), this.#total), this.#total);
  }
}
