/**
 * Turns a draft head into a quantized one.
 *
 * @module
 */
import { ArgumentError, FileError } from "../../base/errors.ts";
import { checkSpace } from "../../base/free_space.ts";
import { warn } from "../../base/warnings.ts";
import { openCheckpoint } from "../../checkpoint/checkpoint.ts";
import { openWeights } from "../../checkpoint/containers/weights.ts";
import { openHead } from "../../checkpoint/head.ts";
import { checkHead } from "../../model/mod.ts";
import { calibrated, digestOf } from "../jobs/calibrated.ts";
import { refuseIdle } from "../jobs/check_options.ts";
import { checkpointFiles, modelFiles } from "../jobs/config_json.ts";
import type { QuantizeResult } from "../jobs/options.ts";
import { pause } from "../jobs/pause.ts";
import { isLarge } from "../jobs/quantize_checkpoint.ts";
import { WorkDirectory } from "../jobs/work_directory.ts";
import { findMethod } from "../methods/method.ts";
import { findQuantizer } from "../quantizers/registry.ts";
import { RowPool } from "../rows/row_pool.ts";
import { HeadJob } from "./head_job.ts";
import {
  type CheckedHeadOptions,
  checkHeadOptions,
  type QuantizeHeadOptions,
} from "./head_options.ts";
import { OwnOutput } from "./own_output.ts";
import { expectDevice } from "./target_output.ts";

/** What {@link quantizeHead} did. */
export type QuantizeHeadResult = Omit<QuantizeResult, "rotated">;

/**
 * Quantizes the linear layers of `head` into `out`, its output projection among them: a head that takes its target's gets one of
 * its own. Codes are chosen with what the target, as it is, gives the head of the calibration text, and with what the head makes
 * of that while it drafts. The directory appears complete or not at all; what an earlier run with the same options finished is
 * not done again, and the bytes are the same. Rejects with the signal's reason when aborted.
 */
export async function quantizeHead(given: QuantizeHeadOptions): Promise<QuantizeHeadResult> {
  const options = checkHeadOptions(given);
  const { head: dir, target, out, scheme, lmHead, signal } = options;
  signal?.throwIfAborted();
  const zeroPoints = options.zeroPoints ?? "none";
  const quantizer = findQuantizer(scheme, zeroPoints);
  const method = findMethod(options.method ?? quantizer.method);
  refuseIdle(options, method, false);
  if ((lmHead === "w4a16" || lmHead === "w8a16") && quantizer.config.quant_method !== "gptq") {
    throw new ArgumentError(
      "lm-head",
      `Cannot quantize the output projection to ${lmHead}: only GPTQ's layout holds it beside others, expected a ` +
        "scheme in that layout, or no --lm-head for the scheme of the others",
    );
  }
  using head = openHead(dir);
  using checkpoint = openCheckpoint(target);
  if (head.quantization !== undefined) {
    throw new ArgumentError(
      "head",
      `Cannot quantize ${dir}: it is quantized already (${head.quantization.method})`,
    );
  }
  checkHead(head, checkpoint);
  const { maxPositions } = checkpoint.config;
  const { texts, warning, gptq } = calibrated(options, method, quantizer, target, maxPositions);
  const asks = lmHead !== "f16" && new OwnOutput(head, checkpoint).asksDevice;
  if (asks) expectDevice(target, options.device);
  using device = texts.length > 0 || asks ? options.device?.() : undefined;
  using pool = isLarge(head.config.model) ? await RowPool.open(options.threads) : new RowPool();
  using job = new HeadJob({
    head,
    target: checkpoint,
    quantizer,
    method,
    gptq,
    lmHead,
    texts,
    device,
    pool,
  });
  using work = new WorkDirectory(out, dir, {
    program: 1,
    scheme,
    method: method.name,
    zeroPoints,
    ...(method.gptq && gptq),
    lmHead,
    backend: device?.backend,
    calibration: await digestOf(texts),
    head: modelFiles(dir),
    target: checkpointFiles(checkpoint),
  });
  if (warning !== undefined) warn(warning);
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
      job.writeHead(work);
    }
    work.finish();
  } catch (error) {
    leave(work, job, options);
    throw error;
  }
  return {
    bytesBefore: bytesOf(dir),
    bytesAfter: bytesOf(out),
    ...job.counts(),
    method: method.name,
    resumed,
  };
}

/** Says what is kept of work that ends early; nothing is, where no step is done. */
function leave(work: WorkDirectory, job: HeadJob, options: CheckedHeadOptions): void {
  try {
    const done = job.finishedSteps(work);
    if (done === 0) work.remove();
    else options.onKept?.({ dir: work.dir, done, total: job.steps });
  } catch (error) {
    // What ended the work is what will be told, and a disk that fails once may fail again.
    if (!(error instanceof FileError)) throw error;
  }
}

function bytesOf(dir: string): number {
  using source = openWeights(dir);
  return source.names().reduce((sum, name) => sum + source.info(name).bytes, 0);
}
