/**
 * What is kept of the inputs of linear layers: X^T X, how large each input gets, and some rows.
 *
 * @module
 */
import type { ActivationDType } from "../../base/dtype.ts";
import { toF32 } from "../../base/half.ts";
import { Arena, type Device, type Tensor } from "../../device/mod.ts";
import { gemmF16 } from "../../ops/mod.ts";

/** Statistics of one input. */
export interface InputStatistics {
  /** Inputs. */
  readonly k: number;
  /** The mean of x^T x over all rows, f32 [k, k]. */
  readonly hessian: Float32Array<ArrayBuffer>;
  /** Mean square of each input, f32 [k]. */
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

/** Gathers rows of one input. Products run on the device, in f32. */
export class InputObserver implements Disposable {
  readonly #device: Device;
  readonly #dtype: ActivationDType;
  readonly #k: number;
  readonly #every: number;
  readonly #arena: Arena;
  readonly #sum: Tensor<"f32">;
  readonly #chunk: Tensor;
  /** x^T of the rows gathered, 16-bit patterns [k, CHUNK]. */
  readonly #columns: Uint16Array<ArrayBuffer>;
  readonly #absmax: Float32Array<ArrayBuffer>;
  readonly #sample: Float32Array<ArrayBuffer>[] = [];
  #gathered = 0;
  #rows = 0;

  /** For `total` rows of `k` inputs. */
  constructor(device: Device, dtype: ActivationDType, k: number, total: number) {
    this.#device = device;
    this.#dtype = dtype;
    this.#k = k;
    this.#every = Math.max(1, Math.floor(total / SAMPLE));
    this.#columns = new Uint16Array(k * CHUNK);
    this.#absmax = new Float32Array(k);
    this.#arena = new Arena(device, "statistics");
    try {
      this.#sum = this.#arena.allocate("f32", [k, k], "X^T X");
      this.#chunk = this.#arena.allocate(dtype, [k, CHUNK], "X^T");
    } catch (error) {
      this[Symbol.dispose]();
      throw error;
    }
  }

  /** Adds rows of input, activation dtype [rows, k]. */
  add(x: Tensor): void {
    const k = this.#k;
    const bytes = this.#device.download(x);
    const bits = new Uint16Array(bytes.buffer);
    const values = toF32(bytes, this.#dtype);
    for (let at = 0; at < values.length; at += k) {
      for (let j = 0; j < k; j++) {
        this.#columns[j * CHUNK + this.#gathered] = bits[at + j];
        const size = Math.abs(values[at + j]);
        if (size > this.#absmax[j]) this.#absmax[j] = size;
      }
      if (this.#rows++ % this.#every === 0 && this.#sample.length < SAMPLE) {
        this.#sample.push(values.slice(at, at + k));
      }
      if (++this.#gathered === CHUNK) this.#flush();
    }
  }

  /** What has been gathered. */
  finish(): InputStatistics {
    const k = this.#k;
    if (this.#gathered > 0) {
      for (let j = 0; j < k; j++) {
        this.#columns.fill(0, j * CHUNK + this.#gathered, (j + 1) * CHUNK);
      }
      this.#flush();
    }
    const hessian = new Float32Array(this.#device.download(this.#sum).buffer);
    for (let i = 0; i < hessian.length; i++) hessian[i] /= this.#rows;
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
    this.#device.upload(this.#chunk, this.#columns);
    const first = this.#rows <= CHUNK;
    gemmF16(this.#device, this.#sum, this.#chunk, this.#chunk, {
      epilogue: first ? "logits" : "residual",
    });
    this.#gathered = 0;
  }
}
