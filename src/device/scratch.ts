/**
 * Memory whose contents nobody needs for long, which several users can therefore share.
 *
 * @module
 */
import type { DType } from "../base/dtype.ts";
import type { Shape } from "../base/shape.ts";
import type { Arena } from "./arena.ts";
import type { Tensor } from "./tensor.ts";

/** Where buffers come from: an arena, or one that others have the same buffers from. */
export interface Scratch {
  /** See `Arena.allocate`. */
  allocate<D extends DType>(dtype: D, shape: Shape, label?: string): Tensor<D>;
  /** See `Arena.fromHost`. */
  fromHost<D extends DType>(
    dtype: D,
    shape: Shape,
    data: ArrayBufferView | (() => ArrayBufferView),
  ): Tensor<D>;
}

/**
 * Buffers that several users share, one user after the other: each asks for the same ones in the same order, and gets those
 * of the first.
 */
export class SharedScratch implements Scratch {
  readonly #arena: Arena;
  readonly #tensors: Tensor[] = [];
  #next = 0;

  /** Nothing yet; what is asked for is allocated in `arena`. */
  constructor(arena: Arena) {
    this.#arena = arena;
  }

  /** The next buffers are those of another user, from the first one on. */
  rewind(): void {
    this.#next = 0;
  }

  /** See {@linkcode Scratch}. */
  allocate<D extends DType>(dtype: D, shape: Shape, label?: string): Tensor<D> {
    return this.#take(dtype, shape, () => this.#arena.allocate(dtype, shape, label));
  }

  /** See {@linkcode Scratch}; what the first user has put there is there. */
  fromHost<D extends DType>(
    dtype: D,
    shape: Shape,
    data: ArrayBufferView | (() => ArrayBufferView),
  ): Tensor<D> {
    return this.#take(dtype, shape, () => this.#arena.fromHost(dtype, shape, data));
  }

  #take<D extends DType>(dtype: D, shape: Shape, make: () => Tensor<D>): Tensor<D> {
    const made = this.#tensors[this.#next++] ?? (this.#tensors[this.#next - 1] = make());
    if (made.dtype === dtype && made.shape.join() === shape.join()) return made as Tensor<D>;
    throw new Error(`buffer ${this.#next} is ${made.dtype} [${made.shape}], not as first made`);
  }
}
