/**
 * A small head stored in another way, before it is inflated: quantized, with its verifier's output projection as its own.
 *
 * @module
 */
import { DTYPE_BYTES } from "../../../base/dtype.ts";
import { ArgumentError } from "../../../base/errors.ts";
import { isFloatDType, toF32 } from "../../../base/half.ts";
import { elements } from "../../../base/shape.ts";
import type { Checkpoint } from "../../../checkpoint/checkpoint.ts";
import { Fields } from "../../../checkpoint/containers/json.ts";
import type { TensorToWrite } from "../../../checkpoint/containers/safetensors_writer.ts";
import { sourceOf, type TensorSource } from "../../../checkpoint/containers/source.ts";
import { parseQuantization } from "../../../checkpoint/formats/quantization.ts";
import type { Head } from "../../../checkpoint/head.ts";
import { EMBEDDING, OUTPUT } from "../../../checkpoint/names.ts";
import { roundToNearest } from "../../../quantize/methods/rtn.ts";
import { w4a16 } from "../../../quantize/quantizers/w4a16.ts";

/** What is not quantized, though it has two dimensions. */
const OWN_EMBEDDING = "embed_tokens.weight";

const QUANTIZER = w4a16(128);

/**
 * `head`, an EAGLE-2 head of `verifier`, with its linear layers and the verifier's output projection in `scheme`: `f16`, or
 * rounded to `w4a16-g128`; throws `ArgumentError` for others. Both must stay open; the result closes nothing.
 */
export function storedAs(head: Head, verifier: Checkpoint, scheme: string): Head {
  if (scheme !== "f16" && scheme !== QUANTIZER.scheme) {
    throw new ArgumentError(
      "scheme",
      `Cannot store a trained head: the scheme is ${scheme}, expected f16 or ${QUANTIZER.scheme}`,
    );
  }
  const { tensors: source, config } = head;
  const projection = verifier.config.tiedEmbeddings ? EMBEDDING : OUTPUT;
  const stored = [
    ...source.names().filter((name) => name !== OUTPUT).flatMap((name) =>
      storedTensor(source, name, name, scheme)
    ),
    ...storedTensor(verifier.tensors, projection, OUTPUT, scheme),
  ];
  const tensors = sourceInMemory(head.dir, stored);
  const description = { ...QUANTIZER.config, lm_head: true };
  return {
    dir: head.dir,
    config: { ...config, model: { ...config.model, tiedEmbeddings: false } },
    tensors,
    unusedKeys: head.unusedKeys,
    ...(scheme !== "f16" && {
      quantization: parseQuantization(new Fields(head.dir, description), tensors),
    }),
    [Symbol.dispose]: () => {},
  };
}

/** The tensors that the tensor `from` of `source` becomes, called `name`. */
function storedTensor(
  source: TensorSource,
  from: string,
  name: string,
  scheme: string,
): TensorToWrite[] {
  const { dtype, shape } = source.info(from);
  const data = source.read(from);
  const linear = shape.length === 2 && name !== OWN_EMBEDDING && isFloatDType(dtype);
  if (scheme === "f16" || !linear) return [{ name, dtype, shape, data: () => data }];
  const draft = QUANTIZER.draft(shape[0], shape[1]);
  const codes = roundToNearest(toF32(data, dtype), draft.grid);
  return draft.tensors(name.replace(/\.weight$/, ""), { codes });
}

function sourceInMemory(file: string, tensors: readonly TensorToWrite[]): TensorSource {
  const held = new Map(tensors.map(({ name, dtype, shape, data }) => {
    const info = { name, dtype, shape, bytes: elements(shape) * DTYPE_BYTES[dtype], file };
    return [name, { info, bytes: data() as Uint8Array }];
  }));
  return sourceOf({
    file,
    names: () => [...held.keys()],
    find: (name) => held.get(name)?.info,
    fill: ({ name }, offset, into) =>
      into.set(held.get(name)!.bytes.subarray(offset, offset + into.length)),
    close: () => {},
  });
}
