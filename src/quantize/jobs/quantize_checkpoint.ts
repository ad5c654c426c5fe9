/**
 * Turns an unquantized checkpoint into a quantized one, a layer at a time.
 *
 * @module
 */
import { ArgumentError, FileError } from "../../base/errors.ts";
import { warn } from "../../base/warnings.ts";
import { openCheckpoint } from "../../checkpoint/checkpoint.ts";
import type { ModelConfig } from "../../checkpoint/config/config.ts";
import { openWeights } from "../../checkpoint/containers/weights.ts";
import { findMethod } from "../methods/method.ts";
import type { Quantizer } from "../quantizers/quantizer.ts";
import { findQuantizer } from "../quantizers/registry.ts";
import { RowPool } from "../rows/row_pool.ts";
import { calibrated, digestOf } from "./calibrated.ts";
import { checkQuantizeOptions, refuseIdle, UNQUANTIZED } from "./check_options.ts";
import { modelFiles } from "./config_json.ts";
import { checkSpace } from "../../base/free_space.ts";
import { QuantizeJob } from "./job.ts";
import type { QuantizeOptions, QuantizeResult } from "./options.ts";
import { pause } from "./pause.ts";
import { WorkDirectory } from "./work_directory.ts";

/**
 * Quantizes the linear layers of `model` into `out`, in the published layout of the scheme, and copies
 * everything else. The directory appears complete or not at all; what an earlier run with the same options
 * finished is not done again, and the bytes are the same. Rejects with the signal's reason when aborted.
 */
export async function quantizeCheckpoint(given: QuantizeOptions): Promise<QuantizeResult> {
  const options = checkQuantizeOptions(given);
  const { model, out, scheme, signal } = options;
  signal?.throwIfAborted();
  const zeroPoints = options.zeroPoints ?? "none";
  const quantizer = scheme === UNQUANTIZED ? undefined : findQuantizer(scheme, zeroPoints);
  const method = findMethod(options.method ?? quantizer?.method ?? "rtn");
  using checkpoint = openCheckpoint(model);
  if (checkpoint.gguf !== undefined) {
    throw new ArgumentError(
      "model",
      `Cannot quantize ${model}: it is GGUF, expected a directory in Hugging Face layout with f16, ` +
        "bf16 or f32 weights, such as the model that the GGUF file was made from",
    );
  }
  const { rotation } = checkpoint.config;
  const rotate = options.rotate ?? (quantizer?.rotation === "default" && rotation === undefined);
  refuseIdle(options, method, rotate);
  if (checkpoint.quantization !== undefined) {
    throw new ArgumentError(
      "model",
      `Cannot quantize ${model}: it is quantized already (${checkpoint.quantization.method})`,
    );
  }
  if (rotate && rotation !== undefined) {
    throw new ArgumentError(
      "rotate",
      `Cannot quantize with --rotate: ${model} is rotated already (seed ${rotation})`,
    );
  }
  const { maxPositions } = checkpoint.config;
  const { texts, warning, gptq } = calibrated(options, method, quantizer, model, maxPositions);
  using device = texts.length > 0 ? options.device?.() : undefined;
  const seed = rotate ? options.seed ?? 0 : undefined;
  using pool = isLarge(checkpoint.config) ? await RowPool.open(options.threads) : new RowPool();
  const job = new QuantizeJob({
    checkpoint,
    quantizer,
    method,
    gptq,
    seed,
    lmHead: options.lmHead,
    texts,
    device,
    pool,
  });
  using work = new WorkDirectory(out, model, {
    program: 4,
    scheme,
    method: method.name,
    zeroPoints,
    ...(method.gptq && gptq),
    rotation: seed,
    lmHead: options.lmHead,
    backend: device?.backend,
    calibration: await digestOf(texts),
    model: modelFiles(model),
  });
  if (warning !== undefined) warn(warning);
  const advice = quantizer && adviceOnRotation(quantizer, rotate, rotation !== undefined);
  if (advice !== undefined) warn(advice);
  let resumed = 0;
  try {
    if (!work.finished) {
      checkSpace(out, work.dir, job.diskBytes() - work.bytes());
      resumed = job.finishedSteps(work);
      for (let step = resumed; step < job.steps; step++) {
        const total = job.steps - resumed;
        for (const { share, stage } of job.run(work, step)) {
          options.onProgress?.({ done: step - resumed + share, total, stage });
          await pause(signal);
        }
        options.onProgress?.({ done: step - resumed + 1, total, stage: "finishing" });
      }
      job.writeDescriptions(work);
    }
    work.finish();
  } catch (error) {
    leave(work, job, options);
    throw error;
  }
  return {
    ...describe(out, model),
    ...job.counts(),
    method: method.name,
    rotated: rotate,
    resumed,
  };
}

/** What to say of a choice about rotation that makes a copy worse; nothing of others. */
function adviceOnRotation(
  { scheme, rotation }: Quantizer,
  rotate: boolean,
  isRotated: boolean,
): string | undefined {
  if (rotation === "default" && !rotate && !isRotated) {
    return `${scheme} without a rotation: a real model loses about twice as much as with one, as a scale ` +
      "has to serve whole rows of weights and of activations";
  }
  if (rotation === "no" && rotate) {
    return `${scheme} with a rotation: eight bits gain nothing from one and may lose by it`;
  }
  return undefined;
}

/** Says what is kept of work that ends early; the embedding alone is not worth going on with, and removed. */
function leave(work: WorkDirectory, job: QuantizeJob, options: QuantizeOptions): void {
  try {
    const done = job.finishedSteps(work);
    if (done < 2) work.remove();
    else options.onKept?.({ dir: work.dir, done, total: job.steps });
  } catch (error) {
    // What ended the work is what will be told, and a disk that fails once may fail again.
    if (!(error instanceof FileError)) throw error;
  }
}

/** The size of a weight from which on threads are worth their start: that takes about as long as to quantize it. */
const LARGE = 2 ** 18;

/** Whether threads are worth having for this model. */
export function isLarge({ hiddenSize, intermediateSize }: ModelConfig): boolean {
  return hiddenSize * intermediateSize >= LARGE;
}

function describe(out: string, model: string): { bytesBefore: number; bytesAfter: number } {
  const bytes = (dir: string): number => {
    using source = openWeights(dir);
    return source.names().reduce((sum, name) => sum + source.info(name).bytes, 0);
  };
  return { bytesBefore: bytes(model), bytesAfter: bytes(out) };
}
