/**
 * Turns an EAGLE-2 head of a model into one of the rotated model.
 *
 * @module
 */
import { ArgumentError, UnsupportedModelError } from "../../base/errors.ts";
import { checkOptions, type Kinds, PATH, pathOf, required } from "../../base/options.ts";
import { openCheckpoint } from "../../checkpoint/checkpoint.ts";
import { type Head, openHead } from "../../checkpoint/head.ts";
import { writeSafetensors } from "../../checkpoint/containers/safetensors_writer.ts";
import { changedConfig, copyCompanions } from "./config_json.ts";
import { type ModelRotation, readRotation, rotateReaders } from "./rotate_model.ts";
import { type Floats, type FloatTensor, floatToWrite, readFloats } from "./tensors.ts";
import { WorkDirectory } from "./work_directory.ts";

/** What to convert. */
export interface ConvertHeadOptions {
  /** Directory of the head, trained for the model before it was rotated: a path or a `file:` URL, like the others. */
  readonly head: string | URL;
  /** Directory of the rotated model, quantized or not. */
  readonly model: string | URL;
  /** Directory to write, absent or empty. */
  readonly out: string | URL;
}

const KINDS: Kinds<ConvertHeadOptions> = {
  head: required(PATH),
  model: required(PATH),
  out: required(PATH),
};

/**
 * Writes the head that does for a rotated model what `head` does for the unrotated one.
 *
 * The rotated model's hidden states are r Q, where those of the unrotated one are r w: r the normed stream, w
 * the weight of the final norm, which is now in the output projection. So `fc` gets (B diag(w)) Q for the half B
 * that reads them, and A Q for the half that reads embeddings, where those are the verifier's. What the layers
 * give has to become (r / w) Q: w does not commute with the norm inside, so no weight of the layers can do
 * that, and the head gets a linear layer of its own behind them, `output.weight` = Q^T diag(1 / w).
 */
export function convertHead(options: ConvertHeadOptions): void {
  const doing = "convert a head";
  checkOptions(doing, options, KINDS);
  const dir = pathOf(doing, "head", options.head);
  const model = pathOf(doing, "model", options.model);
  const out = pathOf(doing, "out", options.out);
  using head = openHead(dir);
  using checkpoint = openCheckpoint(model);
  const rotation = readRotation(model);
  const floats = rotateHead(head, rotation);
  const seed = checkpoint.config.rotation;
  if (seed === undefined) {
    throw new ArgumentError(
      "model",
      `Cannot convert ${dir}: config.json of ${model} says nothing of a rotation, expected ` +
        `"specmquant_rotation" as quantize --rotate writes it`,
    );
  }
  if (checkpoint.config.hiddenSize !== rotation.stream.size) {
    throw new ArgumentError(
      "model",
      `Cannot convert ${dir}: the rotation has ${rotation.stream.size} dimensions, expected ` +
        `${checkpoint.config.hiddenSize} as ${model} has`,
    );
  }
  using work = new WorkDirectory(out, dir, { program: 1, head: dir, model });
  copyCompanions(dir, work.model);
  const tensors = [...floats].map(([name, tensor]) => floatToWrite(name, tensor));
  writeSafetensors(`${work.model}/model.safetensors`, tensors, { format: "pt" });
  work.writeFile(
    `${work.model}/config.json`,
    new TextEncoder().encode(changedConfig(dir, { specmquant_rotation: { seed } })),
  );
  work.finish();
}

/** The tensors of the head for the rotated model. */
export function rotateHead(head: Head, rotation: ModelRotation): Floats {
  const size = rotation.stream.size;
  if (head.config.model.hiddenSize !== size) {
    throw new ArgumentError(
      "head",
      `Cannot convert ${head.dir}: its hidden size is ${head.config.model.hiddenSize}, expected ${size}`,
    );
  }
  if (head.quantization !== undefined || head.tensors.find("output.weight") !== undefined) {
    throw new UnsupportedModelError(
      `converting ${head.dir}, which is ${head.quantization ? "quantized" : "converted already"}`,
      "expected a head as it was trained",
    );
  }
  const floats = readFloats(head.tensors, "");
  // Where there is one, it is that of the model as it was.
  floats.delete("lm_head.weight");
  const fc = floats.get("fc.weight")!;
  const own = floats.has("embed_tokens.weight");
  for (let at = 0; at < fc.values.length; at += 2 * size) {
    if (!own) rotation.stream.apply(fc.values.subarray(at, at + size));
    rotateReaders(rotation, fc.values.subarray(at + size, at + 2 * size), rotation.finalNorm);
  }
  floats.set("output.weight", outputWeight(rotation, fc, head));
  return floats;
}

/** Q^T diag(1 / w), [hidden, hidden]. */
function outputWeight(
  { stream, finalNorm }: ModelRotation,
  { dtype }: FloatTensor,
  head: Head,
): FloatTensor {
  const { size } = stream;
  const values = new Float32Array(size * size);
  const row = new Float32Array(size);
  for (let j = 0; j < size; j++) {
    if (!(Math.abs(finalNorm[j]) > 2 ** -14)) {
      throw new UnsupportedModelError(
        `converting ${head.dir} for a model whose final norm is ${finalNorm[j]} at dimension ${j}`,
        "expected nothing so small: it cannot be divided by",
      );
    }
    row.fill(0);
    row[j] = 1 / finalNorm[j];
    stream.apply(row);
    for (let i = 0; i < size; i++) values[i * size + j] = row[i];
  }
  return { dtype, shape: [size, size], values };
}
