/**
 * Turns an EAGLE-2 head of a model into one of the rotated model.
 *
 * @module
 */
import { DTYPE_BYTES } from "../../base/dtype.ts";
import { ArgumentError, FileError, UnsupportedModelError } from "../../base/errors.ts";
import { checkOptions, type Kinds, PATH, pathOf, required, SIGNAL } from "../../base/options.ts";
import { type Checkpoint, openCheckpoint } from "../../checkpoint/checkpoint.ts";
import { SafetensorsWriter } from "../../checkpoint/containers/safetensors_writer.ts";
import { type Head, openHead } from "../../checkpoint/head.ts";
import { changedConfig, companionBytes, copyCompanions, modelFiles } from "../jobs/config_json.ts";
import { checkSpace } from "../../base/free_space.ts";
import { pause } from "../jobs/pause.ts";
import { type ModelRotation, readRotation, rotateReaders } from "../jobs/rotate_model.ts";
import { type Floats, type FloatTensor, floatToWrite, readFloats } from "../jobs/tensors.ts";
import { WorkDirectory } from "../jobs/work_directory.ts";

/** What to convert. */
export interface ConvertHeadOptions {
  /** Directory of the head, trained for the model before it was rotated: a path or a `file:` URL, like the others. */
  readonly head: string | URL;
  /** Directory of the rotated model, quantized or not. */
  readonly model: string | URL;
  /** Directory to write, absent or empty. */
  readonly out: string | URL;
  /** Stops the work; nothing of it stays. */
  readonly signal?: AbortSignal;
}

const KINDS: Kinds<ConvertHeadOptions> = {
  head: required(PATH),
  model: required(PATH),
  out: required(PATH),
  signal: SIGNAL,
};

/** Rows that are rotated between two pauses. */
const ROWS = 256;

/**
 * Writes the head that does for a rotated model what `head` does for the unrotated one.
 *
 * The rotated model's hidden states are r Q, where those of the unrotated one are r w: r the normed stream, w
 * the weight of the final norm, which is now in the output projection. So `fc` gets (B diag(w)) Q for the half B
 * that reads them, and A Q for the half that reads embeddings, where those are the verifier's. What the layers
 * give has to become (r / w) Q: w does not commute with the norm inside, so no weight of the layers can do
 * that, and the head gets a linear layer of its own behind them, `output.weight` = Q^T diag(1 / w).
 *
 * The directory appears complete or not at all. Rejects with the signal's reason when aborted; nothing is left then.
 */
export async function convertHead(options: ConvertHeadOptions): Promise<void> {
  const doing = "convert a head";
  checkOptions(doing, options, KINDS);
  const dir = pathOf(doing, "head", options.head);
  const model = pathOf(doing, "model", options.model);
  const out = pathOf(doing, "out", options.out);
  const { signal } = options;
  signal?.throwIfAborted();
  using head = openHead(dir);
  using checkpoint = openCheckpoint(model);
  if (checkpoint.gguf !== undefined) {
    throw new ArgumentError(
      "model",
      `Cannot convert ${dir}: ${model} is GGUF, expected a model that "quantize --rotate" has written; a ` +
        "head of the model that the GGUF file was made from needs no conversion",
    );
  }
  const rotation = readRotation(model);
  checkConversion(head, checkpoint, rotation);
  const args = { program: 2, head: modelFiles(dir), model: modelFiles(model) };
  using work = new WorkDirectory(out, dir, args);
  try {
    if (!work.finished) {
      checkSpace(out, work.dir, bytesOf(head) - work.bytes());
      const floats = readFloats(head.tensors, "");
      // Where there is one, it is that of the model as it was.
      floats.delete("lm_head.weight");
      for (const _ of rotateHead(floats, rotation)) await pause(signal);
      const tensors = [...floats].map(([name, tensor]) => floatToWrite(name, tensor));
      using writer = new SafetensorsWriter(`${work.model}/model.safetensors`, tensors, {
        format: "pt",
      });
      for (const { name, data } of tensors) {
        writer.write(name, data());
        await pause(signal);
      }
      writer.finish();
      copyCompanions(dir, work.model);
      const changes = { specmquant_rotation: { seed: checkpoint.config.rotation } };
      const config = new TextEncoder().encode(changedConfig(dir, changes));
      work.writeFile(`${work.model}/config.json`, config);
    }
    work.finish();
  } catch (error) {
    discard(work);
    throw error;
  }
}

/** Removes work that ends early; what ended it is what will be told. */
function discard(work: WorkDirectory): void {
  try {
    work.remove();
  } catch (error) {
    if (!(error instanceof FileError)) throw error;
  }
}

/** About the bytes that the converted head takes. */
function bytesOf({ dir, tensors, config: { model } }: Head): number {
  const bytes = tensors.names().reduce((sum, name) => sum + tensors.info(name).bytes, 0);
  const output = model.hiddenSize ** 2 * DTYPE_BYTES[tensors.info("fc.weight").dtype];
  return bytes + output + companionBytes(dir);
}

/** Refuses heads and models that do not belong together, and what cannot be divided by. */
function checkConversion(head: Head, { dir, config }: Checkpoint, rotation: ModelRotation): void {
  if (head.config.kind !== "eagle2") {
    throw new UnsupportedModelError(
      `converting ${head.dir}, a head of kind ${head.config.kind}`,
      "expected an EAGLE-2 head",
    );
  }
  const { stream: { size }, finalNorm } = rotation;
  const refuse = (argument: string, why: string): never => {
    throw new ArgumentError(argument, `Cannot convert ${head.dir}: ${why}`);
  };
  if (config.rotation === undefined) {
    refuse(
      "model",
      `config.json of ${dir} says nothing of a rotation, expected "specmquant_rotation" as ` +
        "quantize --rotate writes it",
    );
  }
  if (config.hiddenSize !== size) {
    const expected = `expected ${config.hiddenSize} as ${dir} has`;
    refuse("model", `the rotation has ${size} dimensions, ${expected}`);
  }
  const { hiddenSize } = head.config.model;
  if (hiddenSize !== size) refuse("head", `its hidden size is ${hiddenSize}, expected ${size}`);
  if (head.quantization !== undefined || head.tensors.find("output.weight") !== undefined) {
    throw new UnsupportedModelError(
      `converting ${head.dir}, which is ${head.quantization ? "quantized" : "converted already"}`,
      "expected a head as it was trained",
    );
  }
  const small = finalNorm.findIndex((value) => !(Math.abs(value) > 2 ** -14));
  if (small < 0) return;
  throw new UnsupportedModelError(
    `converting ${head.dir} for a model whose final norm is ${
      finalNorm[small]
    } at dimension ${small}`,
    "expected nothing so small: it cannot be divided by",
  );
}

/** Changes the tensors of the head into those for the rotated model; pauses now and then. */
function* rotateHead(floats: Floats, rotation: ModelRotation): Generator<void> {
  const { size } = rotation.stream;
  const fc = floats.get("fc.weight")!;
  const own = floats.has("embed_tokens.weight");
  for (let row = 0, at = 0; at < fc.values.length; row++, at += 2 * size) {
    if (!own) rotation.stream.apply(fc.values.subarray(at, at + size));
    rotateReaders(rotation, fc.values.subarray(at + size, at + 2 * size), rotation.finalNorm);
    if (row % ROWS === 0) yield;
  }
  floats.set("output.weight", yield* outputWeight(rotation, fc));
}

/** Q^T diag(1 / w), [hidden, hidden]. */
function* outputWeight(
  { stream, finalNorm }: ModelRotation,
  { dtype }: FloatTensor,
): Generator<void, FloatTensor> {
  const { size } = stream;
  const values = new Float32Array(size * size);
  const row = new Float32Array(size);
  for (let j = 0; j < size; j++) {
    row.fill(0);
    row[j] = 1 / finalNorm[j];
    stream.apply(row);
    for (let i = 0; i < size; i++) values[i * size + j] = row[i];
    if (j % ROWS === 0) yield;
  }
  return { dtype, shape: [size, size], values };
}
