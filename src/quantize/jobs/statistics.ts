/**
 * What is kept of the inputs of linear layers: X^T X, how large each input gets, and some rows.
 *
 * @module
 */
import type { ActivationDType } from "../../base/dtype.ts";
import { toF32 } from "../../base/half.ts";
import { Arena, type Device, rows, type Tensor } from "../../device/mod.ts";
import { lowerProduct } from "../methods/device_matrix.ts";

/** Statistics of one input. */
export interface InputStatistics {
  /** Inputs. */
  readonly k: number;
  /** The mean of x^T x over all rows, each divided by its size where sizes are given, f32 [k, k]. */
  readonly hessian: Float32Array<ArrayBuffer>;
  /** Mean square of each input, of the same rows, f32 [k]. */
  readonly squares: Float32Array<ArrayBuffer>;
  /** Largest magnitude of each input, f32 [k]. */
  readonly absmax: Float32Array<ArrayBuffer>;
  /** Some rows, f32 [rows, k]. */
  readonly sample: Float32Array<ArrayBuffer>;
}

/** Rows that one product takes: they are gathered up to this number. */
const CHUNK = 512;

/** Rows kept as they are, spread over all of the text. */
const SAMPLE = 64;

/** A size of rows of zeros, which divides. */
const LEAST = 1e-6;

/** Gathers rows of one input. Products run on the device, in f32. */
export class InputObserver implements Disposable {
  readonly #device: Device;
  readonly #dtype: ActivationDType;
  readonly #k: number;
  readonly #every: number;
  readonly #arena: Arena;
  readonly #sum: Tensor<"f32">;
  /** The rows gathered, [CHUNK, k]. */
  readonly #chunk: Tensor<"f32">;
  readonly #absmax: Float32Array<ArrayBuffer>;
  readonly #sample: Float32Array<ArrayBuffer>[] = [];
  #gathered = 0;
  #summed = false;
  #rows = 0;

  /** For `total` rows of `k` inputs. */
  constructor(device: Device, dtype: ActivationDType, k: number, total: number) {
    this.#device = device;
    this.#dtype = dtype;
    this.#k = k;
    this.#every = Math.max(1, Math.floor(total / SAMPLE));
    this.#absmax = new Float32Array(k);
    this.#arena = new Arena(device, "statistics");
    try {
      this.#sum = this.#arena.allocate("f32", [k, k], "X^T X");
      this.#chunk = this.#arena.allocate("f32", [CHUNK, k], "X");
    } catch (error) {
      this[Symbol.dispose]();
      throw error;
    }
  }

  /**
   * Adds rows of input, activation dtype [rows, k]. `sizes` are those of what each row's output is added to: all
   * that reads a residual stream normalizes it, so an error counts as a share of its row. Without them the few
   * tokens that attention leans on, with a stream a thousand times as large as that of others, would be all that
   * a Hessian sees.
   */
  add(x: Tensor, sizes?: ArrayLike<number>): void {
    const k = this.#k;
    const values = toF32(this.#device.download(x), this.#dtype);
    const count = x.shape[0];
    const absmax = this.#absmax;
    for (let at = 0; at < values.length; at += k) {
      for (let j = 0; j < k; j++) {
        const size = Math.abs(values[at + j]);
        if (size > absmax[j]) absmax[j] = size;
      }
      if (this.#rows++ % this.#every === 0 && this.#sample.length < SAMPLE) {
        this.#sample.push(values.slice(at, at + k));
      }
    }
    for (let row = 0; sizes !== undefined && row < count; row++) {
      const size = Math.max(LEAST, sizes[row]);
      for (let i = row * k; i < (row + 1) * k; i++) values[i] /= size;
    }
    for (let done = 0, end; done < count; done = end) {
      end = Math.min(count, done + CHUNK - this.#gathered);
      const place = rows(this.#chunk, this.#gathered, this.#gathered + end - done);
      this.#device.upload(place, values.subarray(done * k, end * k));
      this.#gathered += end - done;
      if (this.#gathered === CHUNK) this.#flush();
    }
  }

  /** What has been gathered. */
  finish(): InputStatistics {
    const k = this.#k;
    if (this.#gathered > 0) this.#flush();
    const hessian = new Float32Array(this.#device.download(this.#sum).buffer);
    completeMean(hessian, k, this.#rows);
    const squares = Float32Array.from({ length: k }, (_, j) => hessian[j * k + j]);
    const sample = new Float32Array(this.#sample.length * k);
    this.#sample.forEach((row, i) => sample.set(row, i * k));
    return { k, hessian, squares, absmax: this.#absmax, sample };
  }

  /** Frees the device's part. */
  [Symbol.dispose](): void {
    this.#arena[Symbol.dispose]();
  }

  #flush(): void {
    const gathered = rows(this.#chunk, 0, this.#gathered);
    lowerProduct(this.#device, this.#sum, gathered, this.#summed ? "add" : "set");
    this.#summed = true;
    this.#gathered = 0;
  }
}

/** Rows and columns that are mirrored together: both stay in a cache. */
const TILE = 64;

/** Divides the lower triangle of a sum by `count`, and makes the upper one its mirror image. */
function completeMean(sum: Float32Array, k: number, count: number): void {
  for (let top = 0; top < k; top += TILE) {
    for (let left = 0; left <= top; left += TILE) {
      for (let i = top; i < Math.min(top + TILE, k); i++) {
        for (let j = left; j < Math.min(left + TILE, i + 1); j++) {
          sum[j * k + i] = sum[i * k + j] /= count;
        }
      }
    }
  }
}
