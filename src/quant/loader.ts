/**
 * Reads tensors from a checkpoint onto a device, in chunks, in the activation dtype.
 *
 * @module
 */
import type { ActivationDType } from "../base/dtype.ts";
import { DTYPE_BYTES } from "../base/dtype.ts";
import { CheckpointError } from "../base/errors.ts";
import { type FloatDType, isFloatDType } from "../base/half.ts";
import { elements, sameShape, type Shape, showShape } from "../base/shape.ts";
import type { TensorInfo } from "../checkpoint/source.ts";
import type { Arena, Device, Tensor } from "../device/mod.ts";
import { reshape, rows } from "../device/mod.ts";
import { toActivation } from "./convert.ts";
import type { StoredWeights } from "./scheme.ts";

/** Looks a float tensor up and checks its dtype and shape; throws `CheckpointError`. */
export function checkFloat(
  weights: StoredWeights,
  name: string,
  shape: Shape,
): TensorInfo & { readonly dtype: FloatDType } {
  const info = weights.source.info(name);
  const { dtype } = info;
  if (!isFloatDType(dtype)) {
    throw new CheckpointError(info.file, `its dtype is ${dtype}, expected f16, bf16 or f32`, name);
  }
  if (!sameShape(info.shape, shape)) {
    throw new CheckpointError(
      info.file,
      `its shape is ${showShape(info.shape)}, expected ${showShape(shape)}`,
      name,
    );
  }
  return { ...info, dtype };
}

/** Bytes loaded so far of all bytes to load. */
export type LoadProgress = (done: number, total: number) => void;

/** Loads the weights of one model into one arena. */
export class WeightLoader {
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
  #done = 0;

  /** Loads from `weights` into `arena`; `total` bytes are expected, for `progress`. */
  constructor(
    device: Device,
    arena: Arena,
    weights: StoredWeights,
    dtype: ActivationDType,
    total = 0,
    progress?: LoadProgress,
  ) {
    this.device = device;
    this.arena = arena;
    this.weights = weights;
    this.dtype = dtype;
    this.#total = total;
    this.#progress = progress;
  }

  /** Loads a float tensor of `shape` in the activation dtype. */
  float(name: string, shape: Shape): Tensor {
    const out = this.arena.allocate(this.dtype, shape, name);
    this.floatInto(out, name, shape);
    return out;
  }

  /** Loads a float tensor of `shape` into `out`, contiguous and of as many elements. */
  floatInto(out: Tensor, name: string, shape: Shape): void {
    const info = checkFloat(this.weights, name, shape);
    const flat = reshape(out, [elements(shape)]);
    const width = DTYPE_BYTES[info.dtype];
    let at = 0;
    for (const chunk of this.weights.source.chunks(name)) {
      const converted = toActivation(chunk, info.dtype, this.dtype);
      if (converted === undefined) {
        throw new CheckpointError(
          info.file,
          "it has values beyond f16, expected at most 65504",
          name,
        );
      }
      const end = at + chunk.byteLength / width;
      this.device.upload(rows(flat, at, end), converted);
      at = end;
      this.count(chunk.byteLength);
    }
  }

  /** Counts bytes read elsewhere as loaded. */
  count(bytes: number): void {
    this.#done += bytes;
    this.#progress?.(Math.min(this.#done, this.#total), this.#total);
  }
}
