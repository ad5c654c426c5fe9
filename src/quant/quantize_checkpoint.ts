/**
 * Turns an unquantized checkpoint into a quantized one, a tensor at a time.
 *
 * @module
 */
import { ArgumentError, CheckpointError, UnsupportedModelError } from "../base/errors.ts";
import { isFloatDType, toF32 } from "../base/half.ts";
import { DTYPE_BYTES } from "../base/dtype.ts";
import { type Checkpoint, openCheckpoint } from "../checkpoint/checkpoint.ts";
import type { TensorInfo, TensorSource } from "../checkpoint/source.ts";
import { type PlannedTensor, SafetensorsWriter } from "../checkpoint/safetensors_writer.ts";
import { OutputDirectory } from "./output_directory.ts";
import type { GptqTensors, Quantizer } from "./quantizers/quantizer.ts";
import { findQuantizer } from "./quantizers/registry.ts";

/** Where {@link quantizeCheckpoint} stands. */
export interface QuantizeProgress {
  /** Tensors of the input written so far. */
  readonly done: number;
  /** Tensors of the input. */
  readonly total: number;
  /** The tensor written last. */
  readonly tensor: string;
}

/** What {@link quantizeCheckpoint} is asked to do. */
export interface QuantizeOptions {
  /** Directory of the unquantized checkpoint. */
  readonly model: string;
  /** Directory to write, absent or empty, not inside `model`; its parent must exist. */
  readonly out: string;
  /** The scheme, e.g. `w4a16-g128`. */
  readonly scheme: string;
  /** Called after each tensor. */
  readonly onProgress?: (progress: QuantizeProgress) => void;
  /** Stops the work; what was written is removed. */
  readonly signal?: AbortSignal;
}

/** What {@link quantizeCheckpoint} did. */
export interface QuantizeResult {
  /** Linear layers quantized. */
  readonly quantized: number;
  /** Bytes of all tensors before. */
  readonly bytesBefore: number;
  /** Bytes of all tensors after. */
  readonly bytesAfter: number;
}

/** The linear layers of decoder layers. Embeddings, norms, biases and the output projection stay as they are. */
const LINEAR = /^model\.layers\.\d+\.(self_attn\.(q|k|v|o)_proj|mlp\.(gate|up|down)_proj)\.weight$/;

/** Files that belong to the model but not to its weights. */
const COMPANION = /\.(json|jinja|txt|model|tiktoken)$|^(LICENSE|NOTICE|USE_POLICY)/i;

/** Files that describe the weights, and so are written anew or left out. */
const DESCRIPTION =
  /^(config|quantize_config)\.json$|\.index\.json$|^(adapter|quant)_config\.json$/;

/** Rows are converted in pieces of about this many bytes. */
const PIECE_BYTES = 16 * 2 ** 20;

/**
 * Quantizes the linear layers of `model` into `out`, in GPTQ layout, and copies everything else. The directory
 * appears complete or not at all. Rejects with the signal's reason when aborted.
 */
export async function quantizeCheckpoint(options: QuantizeOptions): Promise<QuantizeResult> {
  const { model, out, scheme, onProgress, signal } = options;
  signal?.throwIfAborted();
  const quantizer = findQuantizer(scheme);
  using checkpoint = openCheckpoint(model);
  if (checkpoint.quantization !== undefined) {
    throw new ArgumentError(
      "model",
      `Cannot quantize ${model}: it is quantized already (${checkpoint.quantization.method})`,
    );
  }
  const source = checkpoint.tensors;
  const infos = source.names().map((name) => source.info(name));
  const plan = infos.flatMap((info) =>
    LINEAR.test(info.name) ? planLinear(info, quantizer) : [info]
  );
  const quantized = infos.filter((info) => LINEAR.test(info.name)).length;
  if (quantized === 0) {
    throw new CheckpointError(
      source.file,
      "it has no linear layers named as in Hugging Face models",
    );
  }
  using output = new OutputDirectory(out, model);
  using writer = new SafetensorsWriter(`${output.partial}/model.safetensors`, plan, {
    format: "pt",
  });
  for (const [i, info] of infos.entries()) {
    if (LINEAR.test(info.name)) writeLinear(writer, source, info, quantizer);
    else writer.write(info.name, source.chunks(info.name));
    onProgress?.({ done: i + 1, total: infos.length, tensor: info.name });
    await new Promise((resume) => setTimeout(resume, 0)); // lets an abort come through
    signal?.throwIfAborted();
  }
  writer.finish();
  copyCompanions(model, output.partial);
  writeConfig(checkpoint, output.partial, quantizer);
  output.finish();
  const bytesAfter = plan.reduce(
    (sum, { dtype, shape }) => sum + shape.reduce((a, b) => a * b, DTYPE_BYTES[dtype]),
    0,
  );
  return { quantized, bytesBefore: infos.reduce((sum, info) => sum + info.bytes, 0), bytesAfter };
}

/** The four tensors that replace a weight, in the order of writing. */
function planLinear(info: TensorInfo, quantizer: Quantizer): PlannedTensor[] {
  const { name, dtype, shape, file } = info;
  if (!isFloatDType(dtype) || shape.length !== 2 || shape.includes(0)) {
    throw new CheckpointError(
      file,
      `it is ${dtype} [${shape.join(", ")}], expected f16, bf16 or f32 [n, k]`,
      name,
    );
  }
  const [n, k] = shape;
  if (k % 8 !== 0) {
    throw new UnsupportedModelError(
      `quantizing tensor "${name}" of ${k} inputs`,
      "expected a multiple of 8",
    );
  }
  const groups = Math.ceil(k / quantizer.group);
  const prefix = name.slice(0, -"weight".length);
  return [
    { name: `${prefix}qweight`, dtype: "i32", shape: [k / 8, n] },
    { name: `${prefix}scales`, dtype: "f16", shape: [groups, n] },
    { name: `${prefix}qzeros`, dtype: "i32", shape: [groups, Math.ceil(n / 8)] },
    { name: `${prefix}g_idx`, dtype: "i32", shape: [k] },
  ];
}

function writeLinear(
  writer: SafetensorsWriter,
  source: TensorSource,
  info: TensorInfo,
  quantizer: Quantizer,
): void {
  const [n, k] = info.shape;
  let packed: GptqTensors;
  try {
    packed = quantizer.quantize(rowsOf(source, info), { n, k, group: quantizer.group });
  } catch (cause) {
    if (!(cause instanceof ArgumentError)) throw cause;
    throw new CheckpointError(info.file, cause.message, info.name, { cause });
  }
  const prefix = info.name.slice(0, -"weight".length);
  for (const part of ["qweight", "scales", "qzeros", "g_idx"] as const) {
    const { buffer, byteOffset, byteLength } = packed[part];
    writer.write(prefix + part, new Uint8Array(buffer, byteOffset, byteLength));
  }
}

/** The weight as f32 in pieces of whole rows. */
function* rowsOf(source: TensorSource, info: TensorInfo): Generator<Float32Array> {
  if (!isFloatDType(info.dtype)) return; // planLinear has refused it
  const rowBytes = info.shape[1] * DTYPE_BYTES[info.dtype];
  const chunk = Math.max(1, Math.floor(PIECE_BYTES / rowBytes)) * rowBytes;
  for (const bytes of source.chunks(info.name, chunk)) yield toF32(bytes, info.dtype);
}

/** Copies the tokenizer, generation configuration, chat template, licence and the like. */
function copyCompanions(from: string, to: string): void {
  for (const { name } of Deno.readDirSync(from)) {
    if (!COMPANION.test(name) || DESCRIPTION.test(name)) continue;
    // A downloaded snapshot is a directory of links: what a link names is copied, not the link.
    if (Deno.statSync(`${from}/${name}`).isFile) {
      Deno.copyFileSync(`${from}/${name}`, `${to}/${name}`);
    }
  }
}

function writeConfig(checkpoint: Checkpoint, to: string, quantizer: Quantizer): void {
  const config = {
    ...readExactly(`${checkpoint.dir}/config.json`),
    quantization_config: {
      quant_method: "gptq",
      bits: 4,
      group_size: quantizer.group,
      desc_act: false,
      static_groups: false,
      sym: true,
      lm_head: false,
      true_sequential: false,
      checkpoint_format: "gptq",
      pack_dtype: "int32",
    },
  };
  Deno.writeTextFileSync(`${to}/config.json`, `${JSON.stringify(config, null, 2)}\n`);
}

/** V8's JSON with the texts of numbers, which the types of TypeScript do not know yet. */
const ExactJson = JSON as unknown as {
  parse(
    text: string,
    reviver: (key: string, value: unknown, context: { source: string }) => unknown,
  ): Record<string, unknown>;
  rawJSON(text: string): unknown;
};

/** JSON whose numbers are written again as they stood: Python tells 1.0 from 1 and is strict about it. */
function readExactly(file: string): Record<string, unknown> {
  return ExactJson.parse(
    Deno.readTextFileSync(file),
    (_, value, { source }) => typeof value === "number" ? ExactJson.rawJSON(source) : value,
  );
}
