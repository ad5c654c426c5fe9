/**
 * Rows of the output projection of a model, for heads that are to have one of their own.
 *
 * @module
 */
import { DTYPE_BYTES } from "../../base/dtype.ts";
import { ArgumentError } from "../../base/errors.ts";
import { type FloatDType, isFloatDType } from "../../base/half.ts";
import type { Checkpoint } from "../../checkpoint/checkpoint.ts";
import { EMBEDDING, OUTPUT } from "../../checkpoint/names.ts";
import type { TensorSource } from "../../checkpoint/containers/source.ts";
import type { TensorToWrite } from "../../checkpoint/containers/safetensors_writer.ts";
import { Arena, type Device } from "../../device/mod.ts";
import { loadOutput } from "../../model/model.ts";
import { checkEmbedding, WeightLoader } from "../../quant/mod.ts";
import { encodeFloats } from "../jobs/tensors.ts";
import { weightRows } from "../jobs/weight_rows.ts";

/** The output projection of a head of its own. */
const NAME = "lm_head.weight";

/** Where a model keeps its output projection as floats; undefined where it is quantized. */
export function plainOutput(
  { tensors, config }: Checkpoint,
): { readonly name: string; readonly dtype: FloatDType } | undefined {
  const name = config.tiedEmbeddings ? EMBEDDING : OUTPUT;
  const dtype = tensors.find(name)?.dtype;
  return dtype !== undefined && isFloatDType(dtype) ? { name, dtype } : undefined;
}

/** Throws an ArgumentError where there is no device to ask for the output projection of the model in `dir`. */
export function expectDevice<T>(dir: string, device: T | undefined): asserts device is T {
  if (device !== undefined) return;
  throw new ArgumentError(
    "device",
    `Cannot take rows of the output projection of ${dir}: it is quantized and there is no device to ask, ` +
      "expected one",
  );
}

/**
 * The rows `tokens` of the output projection of `checkpoint`, as they are stored; of a quantized one what a device says that
 * they are, in the dtype of its activations. An ArgumentError where there is no device to ask.
 */
export function outputOf(
  checkpoint: Checkpoint,
  tokens: readonly number[],
  device?: Device,
): TensorToWrite & { readonly dtype: FloatDType } {
  const { dir, config: { hiddenSize }, tensors } = checkpoint;
  const shape = [tokens.length, hiddenSize];
  const plain = plainOutput(checkpoint);
  if (plain !== undefined) {
    return { ...plain, name: NAME, shape, data: () => someRows(tensors, plain.name, tokens) };
  }
  expectDevice(dir, device);
  const { activations: dtype } = checkEmbedding(weightsOf(checkpoint), {
    prefix: EMBEDDING.replace(/\.weight$/, ""),
    n: checkpoint.config.vocabSize,
    k: hiddenSize,
  });
  const data = (): Uint8Array => {
    using arena = new Arena(device, `output projection of ${dir}`);
    using loader = new WeightLoader(device, arena, weightsOf(checkpoint), dtype, 0);
    const lmHead = loadOutput(loader, checkpoint.config);
    loader.finish();
    return encodeFloats(weightRows(device, dtype, lmHead, tokens), dtype);
  };
  return { name: NAME, dtype, shape, data };
}

function weightsOf({ tensors: source, quantization }: Checkpoint) {
  return { source, quantization };
}

/** Rows `indices` of the matrix `name`, one after the other. */
export function* someRows(
  source: TensorSource,
  name: string,
  indices: Iterable<number>,
): Generator<Uint8Array<ArrayBuffer>> {
  const { dtype, shape: [, width] } = source.info(name);
  const row = new Uint8Array(width * DTYPE_BYTES[dtype]);
  for (const index of indices) {
    source.readInto(name, index * row.length, row);
    yield row;
  }
}
