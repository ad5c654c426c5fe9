/**
 * What is packed passes through staging memory: stored elements, the order that packing reads, scales.
 *
 * @module
 */
import type { DType } from "../base/dtype.ts";
import { DTYPE_BYTES } from "../base/dtype.ts";
import { elements, type Shape } from "../base/shape.ts";
import type { StoredElements } from "../checkpoint/formats/stored_linear.ts";
import { reshape, type Tensor, view } from "../device/mod.ts";
import { unpack } from "../ops/mod.ts";
import type { WeightLoader } from "./loader.ts";

/** Bytes of staging memory for elements that packing reads as `bytes` bytes: twice that where they are unpacked. */
export function elementBytes({ layout }: StoredElements, bytes: number): number {
  return layout === "plain" ? bytes : 2 * bytes;
}

/** Tensors of one stored layer, behind one another in a loader's staging memory. */
export class Stage {
  readonly #loader: WeightLoader;
  readonly #memory: Tensor<"u8">;
  #used = 0;

  /** Takes staging memory for tensors of at most `bytes` bytes in all, `count` of them. */
  constructor(loader: WeightLoader, bytes: number, count: number) {
    this.#loader = loader;
    this.#memory = loader.staging(bytes + count * ALIGNMENT);
  }

  /** Room for a tensor. */
  take<D extends DType>(dtype: D, shape: Shape): Tensor<D> {
    const at = this.#used;
    const bytes = elements(shape) * DTYPE_BYTES[dtype];
    this.#used += Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;
    return view(this.#memory, dtype, shape, at);
  }

  /** A tensor with the numbers `data`. */
  send<D extends DType>(dtype: D, shape: Shape, data: ArrayBufferView<ArrayBuffer>): Tensor<D> {
    const out = this.take(dtype, shape);
    this.#loader.send(out, data);
    return out;
  }

  /** The elements of a weight [n, k], in the order that packing reads: `dtype` of shape `shape`. Read by what is queued `behind`. */
  elements<D extends DType>(
    { tensor: name, layout }: StoredElements,
    dtype: D,
    shape: Shape,
    n: number,
    k: number,
  ): Tensor<D> {
    const out = this.take(dtype, shape);
    if (layout === "plain") {
      this.#loader.stream(reshape(out, shape), name);
      return out;
    }
    const info = this.#loader.weights.source.info(name);
    const stored = this.take(info.dtype, info.shape);
    this.#loader.stream(stored, name);
    const { device } = this.#loader;
    this.#loader.behind(() => unpack(device, out, stored, { layout, n, k }));
    return out;
  }
}

/** Tensors begin at multiples of this. */
const ALIGNMENT = 256;
