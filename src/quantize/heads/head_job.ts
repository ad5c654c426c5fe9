/**
 * The steps of quantizing a head: what its target gives of the calibration text, then one part after the other. Each ends with
 * files that say that it is done.
 *
 * @module
 */
import type { Checkpoint } from "../../checkpoint/checkpoint.ts";
import { tapsFor } from "../../checkpoint/config/head_config.ts";
import { openSafetensors } from "../../checkpoint/containers/safetensors.ts";
import {
  type TensorToWrite,
  writeSafetensors,
} from "../../checkpoint/containers/safetensors_writer.ts";
import type { TensorSource } from "../../checkpoint/containers/source.ts";
import type { Head } from "../../checkpoint/head.ts";
import type { Device } from "../../device/mod.ts";
import { headTensors, Model } from "../../model/mod.ts";
import { checkFits, weightOf } from "../jobs/check_weights.ts";
import { companionBytes } from "../jobs/config_json.ts";
import { INPUTS } from "../jobs/layer_runner.ts";
import { exists } from "../jobs/out_place.ts";
import { quantizeLayer, quantizeReaders } from "../jobs/quantize_layer.ts";
import { smoothLayer } from "../jobs/smooth_layer.ts";
import type { InputStatistics } from "../jobs/statistics.ts";
import { type StepProgress, telling } from "../jobs/step_progress.ts";
import { readFloats } from "../jobs/tensors.ts";
import { TextReader } from "../jobs/text_reader.ts";
import type { WorkDirectory } from "../jobs/work_directory.ts";
import type { RowPool } from "../rows/row_pool.ts";
import {
  type HeadScheme,
  leftAlone,
  outputQuantizer,
  quantizationConfig,
} from "./head_description.ts";
import { type HeadPart, headParts, linearsOf, OUTPUT_READER, SMOOTHED } from "./head_plan.ts";
import { HeadStates } from "./head_states.ts";
import { observeHead } from "./observe_head.ts";
import { OwnOutput } from "./own_output.ts";
import { partialHead } from "./partial_head.ts";
import { partFile, writeHead } from "./write_head.ts";

/** What to do. */
export interface HeadJobOptions extends HeadScheme {
  /** The head. */
  readonly head: Head;
  /** The model that it drafts for. */
  readonly target: Checkpoint;
  /** Calibration texts; none where the method reads none. */
  readonly texts: readonly (readonly number[])[];
  /** The device that target and head run on, where there are texts or the target's output projection has to be asked for. */
  readonly device?: Device;
  /** The threads that share the rows of a weight. */
  readonly pool: RowPool;
}

/** About the bytes that headers and a configuration have for each tensor. */
const HEADER_BYTES = 1000;

/** Quantizes one head, step by step. */
export class HeadJob implements Disposable {
  /** Steps in all. */
  readonly steps: number;
  readonly #options: HeadJobOptions;
  readonly #parts: readonly HeadPart[];
  readonly #output: OwnOutput;
  readonly #states?: HeadStates;
  #model?: Model;

  /** Checks that all of the head can be quantized; reads none of its large tensors. */
  constructor(options: HeadJobOptions) {
    const { head, target, quantizer, lmHead, texts } = options;
    this.#options = options;
    this.#parts = headParts(head, lmHead !== "f16");
    this.#output = new OwnOutput(head, target);
    checkFits(this.#weights(), quantizer, "head");
    if (texts.length > 0) {
      const { fc } = headTensors(head);
      const { config } = head;
      const width = config.kind === "eagle2" ? config.model.hiddenSize : fc.k;
      this.#states = new HeadStates(texts, 2 * width);
    }
    this.steps = this.#parts.length + (this.#states ? 1 : 0);
  }

  /** The weights that are quantized to the scheme of most of them. */
  #weights() {
    const { head: { tensors }, lmHead } = this.#options;
    return linearsOf(this.#parts).flatMap((linear) => {
      if (linear === OUTPUT_READER) return lmHead === undefined ? [this.#output.weight] : [];
      return [weightOf(tensors, `${linear}.weight`)];
    });
  }

  /** About the bytes that the result and the work take on disk together, at most. */
  diskBytes(): number {
    const { head: { dir, tensors }, lmHead } = this.#options;
    const names = tensors.names();
    const whole = names.reduce((sum, name) => sum + tensors.info(name).bytes, 0);
    const { n, k } = this.#output.weight;
    const output = lmHead === "f16" ? 0 : outputQuantizer(this.#options).bytes(n, k);
    // Parts are there while they are put together.
    return 2 * (whole + output) + HEADER_BYTES * names.length + companionBytes(dir) +
      (this.#states?.bytes ?? 0);
  }

  /** How many steps are done in `work`; all of them, once what it makes is being put in its place. */
  finishedSteps(work: WorkDirectory): number {
    if (!exists(work.model)) return this.steps;
    let parts = 0;
    while (parts < this.#parts.length && exists(partFile(work, parts))) parts++;
    if (this.#states === undefined) return parts;
    return parts > 0 || this.#states.isComplete(work) ? parts + 1 : 0;
  }

  /** Does one step, those before it being done. */
  *run(work: WorkDirectory, step: number): Generator<StepProgress> {
    const states = this.#states;
    if (states === undefined) return yield* this.#part(work, step);
    if (step > 0) return yield* this.#part(work, step - 1);
    const model = this.#target();
    const { config } = this.#options.head;
    const taps = config.kind === "eagle2" ? [] : tapsFor(config.taps, model.config.layers);
    using reader = new TextReader(model, states.longest, taps);
    const read = (ids: readonly number[]): Uint8Array => {
      const { hidden, taps } = reader.read(ids);
      return config.kind === "eagle2" ? hidden : taps;
    };
    yield* telling(
      states.collect(work, read),
      (done) => ({ share: done / states.tokens, stage: "reading texts" }),
    );
  }

  #target(): Model {
    const { device, target } = this.#options;
    return this.#model ??= Model.load(device!, target);
  }

  *#part(work: WorkDirectory, index: number): Generator<StepProgress> {
    const part = this.#parts[index];
    const statistics = yield* this.#observe(work, index);
    const tensors: TensorToWrite[] = [];
    const inPart = linearsOf([part]).length;
    let done = 0;
    for (
      const made of part.layer === undefined
        ? this.#readers(part, statistics)
        : this.#layer(part.layer, statistics)
    ) {
      tensors.push(...made);
      yield { share: 0.5 + 0.5 * Math.min(1, ++done / inPart), stage: `${part.stage}: weights` };
    }
    writeSafetensors(partFile(work, index), tensors, { format: "pt" });
    work.sync();
  }

  /** What the linear layers of a part read. */
  *#observe(
    work: WorkDirectory,
    index: number,
  ): Generator<StepProgress, Map<string, InputStatistics>> {
    const states = this.#states;
    if (states === undefined) return new Map();
    const { stage } = this.#parts[index];
    using partial = this.#partial(work, index);
    return yield* telling(
      observeHead(this.#target(), partial, this.#parts[index], states, work),
      (done) => ({ share: 0.5 * done / states.tokens, stage: `${stage}: activations` }),
    );
  }

  /** The head with the first `count` parts quantized. */
  #partial(work: WorkDirectory, count: number): Head {
    const { head, lmHead } = this.#options;
    const done = linearsOf(this.#parts.slice(0, count));
    const left = linearsOf(this.#parts.slice(count));
    const plain = [...leftAlone(head, lmHead), ...left];
    const files: TensorSource[] = [];
    for (let i = 0; i < count; i++) files.push(openSafetensors(partFile(work, i)));
    // What is not quantized of a layer may have been smoothed: its part has all of it.
    const replaced = new Set([
      ...done.map((linear) => `${linear}.weight`),
      ...files.flatMap((file) => file.names()),
    ]);
    return partialHead(head, files, replaced, quantizationConfig(this.#options, plain));
  }

  *#readers(
    { inputs: [{ reader, linears: [linear] }] }: HeadPart,
    statistics: Map<string, InputStatistics>,
  ): Generator<TensorToWrite[]> {
    const { head, device } = this.#options;
    const isOutput = linear === OUTPUT_READER;
    const floats = isOutput
      ? this.#output.floats(device)
      : readFloats(head.tensors, `${linear}.weight`);
    const quantizer = isOutput ? outputQuantizer(this.#options) : this.#options.quantizer;
    const options = { ...this.#options, quantizer };
    const known = statistics.get(reader);
    for (const [, made] of quantizeReaders(floats, [linear], known, options, head.tensors.file)) {
      yield made;
    }
  }

  *#layer(
    layer: string,
    found: ReadonlyMap<string, InputStatistics>,
  ): Generator<TensorToWrite[]> {
    const { head, method, quantizer, pool } = this.#options;
    const floats = readFloats(head.tensors, `${layer}.`);
    let statistics = new Map(
      INPUTS.flatMap((input) => {
        const one = found.get(`${layer}.${input}`);
        return one === undefined ? [] : [[input, one] as const];
      }),
    );
    if (method.smooth) {
      const { model } = head.config;
      statistics = smoothLayer(floats, layer, model, statistics, quantizer, pool, SMOOTHED);
    }
    const { file } = head.tensors;
    const work = quantizeLayer(floats, layer, statistics, this.#options, file);
    let next = work.next();
    for (; !next.done; next = work.next()) yield [];
    yield next.value;
  }

  /** Puts the parts together, and writes all that is beside them. */
  writeHead(work: WorkDirectory): void {
    const { lmHead } = this.#options;
    const map = lmHead === "f16" ? [] : this.#output.map();
    writeHead(work, this.#options, this.#parts, map);
  }

  /** Linear layers quantized and tokens read. */
  counts(): { quantized: number; calibrationTokens: number } {
    return {
      quantized: linearsOf(this.#parts).length,
      calibrationTokens: this.#states?.tokens ?? 0,
    };
  }

  /** Frees what is loaded. */
  [Symbol.dispose](): void {
    this.#model?.[Symbol.dispose]();
  }
}
