/**
 * The steps of quantizing a checkpoint. Each ends with a file that says that it is done: the embedding, one
 * decoder layer after the other, the rest.
 *
 * @module
 */
import type { Checkpoint } from "../../checkpoint/checkpoint.ts";
import { openSafetensors } from "../../checkpoint/containers/safetensors.ts";
import {
  type TensorToWrite,
  writeSafetensors,
} from "../../checkpoint/containers/safetensors_writer.ts";
import type { TensorSource } from "../../checkpoint/containers/source.ts";
import type { Device } from "../../device/mod.ts";
import type { GptqOptions } from "../methods/gptq.ts";
import type { Method } from "../methods/method.ts";
import type { Quantizer } from "../quantizers/quantizer.ts";
import type { RowPool } from "../rows/row_pool.ts";
import { checkWeights } from "./check_weights.ts";
import { changedConfig, copyCompanions } from "./config_json.ts";
import { diskBytes } from "./disk_bytes.ts";
import { HiddenStates } from "./hidden_states.ts";
import { LINEARS } from "./layer_plan.ts";
import { type LayerInput, LayerRunner } from "./layer_runner.ts";
import { observeLayer } from "./observe_layer.ts";
import { headConfig, type HeadScheme, OutputProjection } from "./output_projection.ts";
import { quantizeLayer } from "./quantize_layer.ts";
import {
  type ModelRotation,
  randomRotation,
  rotateLayer,
  ROTATION_FILE,
  writeRotation,
} from "./rotate_model.ts";
import { smoothLayer } from "./smooth_layer.ts";
import type { InputStatistics } from "./statistics.ts";
import { readFloats, sourceOfFloats } from "./tensors.ts";
import { type StepProgress, telling } from "./step_progress.ts";
import { EMBEDDING, FINAL_NORM, LM_HEAD } from "./names.ts";
import { exists } from "./out_place.ts";
import type { WorkDirectory } from "./work_directory.ts";

/** What to do. */
export interface JobOptions {
  /** The model. */
  readonly checkpoint: Checkpoint;
  /** The scheme; none for a copy that is only rotated. */
  readonly quantizer?: Quantizer;
  /** How codes are chosen. */
  readonly method: Method;
  /** For GPTQ. */
  readonly gptq: GptqOptions;
  /** What the rotation is drawn from; not rotated where absent. */
  readonly seed?: number;
  /** How the output projection is stored; as in the model where absent. */
  readonly lmHead?: HeadScheme;
  /** Calibration texts; none where the method reads none. */
  readonly texts: readonly (readonly number[])[];
  /** The device that layers run on, where there are texts. */
  readonly device?: Device;
  /** The threads that share the rows of a weight. */
  readonly pool: RowPool;
}

/** Quantizes one checkpoint, step by step. */
export class QuantizeJob {
  /** Steps in all. */
  readonly steps: number;
  readonly #options: JobOptions;
  readonly #source: TensorSource;
  readonly #rotation?: ModelRotation;
  readonly #hidden?: HiddenStates;
  readonly #output: OutputProjection;

  /** Checks all of the model; reads none of its large tensors. */
  constructor(options: JobOptions) {
    const { checkpoint: { config, tensors }, quantizer, seed, texts } = options;
    this.#options = options;
    this.#source = tensors;
    this.steps = config.layers + 2;
    if (seed !== undefined) {
      const norm = readFloats(tensors, FINAL_NORM).get(FINAL_NORM)!;
      this.#rotation = randomRotation(config, seed, norm.values);
    }
    if (texts.length > 0) this.#hidden = new HiddenStates(texts, config.hiddenSize);
    this.#output = new OutputProjection(options, this.#rotation);
    checkWeights(tensors, config.layers, quantizer);
  }

  /** About the bytes that the result and the work take on disk together, at most. */
  diskBytes(): number {
    const { checkpoint: { dir }, quantizer } = this.#options;
    return diskBytes(dir, this.#source, {
      quantizer,
      output: this.#output,
      rotation: this.#rotation,
      hidden: this.#hidden,
    });
  }

  /** How many steps are done in `work`; all of them, once what it makes is being put in its place. */
  finishedSteps(work: WorkDirectory): number {
    if (!exists(work.model)) return this.steps;
    const files = new Set(work.files());
    let step = 0;
    while (step < this.steps && files.has(this.#shard(step))) step++;
    return step;
  }

  /** Does one step, those before it being done. */
  *run(work: WorkDirectory, step: number): Generator<StepProgress> {
    if (step === 0) yield* this.#embedding(work);
    else if (step < this.steps - 1) yield* this.#layer(work, step);
    else yield* this.#rest(work, step);
    this.#hidden?.forget(work, step - 1);
  }

  /** Writes all files but the weights. */
  writeDescriptions(work: WorkDirectory): void {
    const { checkpoint: { dir, config, rawConfig }, quantizer, method, gptq, seed } = this.#options;
    const { untied } = this.#output;
    const isTied = rawConfig.tie_word_embeddings === true;
    copyCompanions(dir, work.model);
    if (this.#rotation !== undefined) {
      writeRotation(`${work.model}/${ROTATION_FILE}`, this.#rotation);
    }
    const weightMap: Record<string, string> = {};
    let size = 0;
    for (let step = 0; step < this.steps; step++) {
      using shard = openSafetensors(`${work.model}/${this.#shard(step)}`);
      for (const name of shard.names()) {
        weightMap[name] = this.#shard(step);
        size += shard.info(name).bytes;
      }
    }
    const index = { metadata: { total_size: size }, weight_map: weightMap };
    const write = (name: string, text: string) =>
      work.writeFile(`${work.model}/${name}`, new TextEncoder().encode(text));
    write("model.safetensors.index.json", `${JSON.stringify(index, null, 2)}\n`);
    write(
      "config.json",
      changedConfig(dir, {
        ...(quantizer && {
          quantization_config: {
            ...quantizer.config,
            ...(method.gptq && quantizer.namesGroups &&
              {
                desc_act: gptq.order === "activity",
                static_groups: gptq.order === "static",
                damp_percent: gptq.damping,
              }),
            ...headConfig(this.#options.lmHead),
          },
        }),
        // A model may say that it is tied, and not be.
        ...(isTied && (untied || !config.tiedEmbeddings) && { tie_word_embeddings: false }),
        ...(seed !== undefined && { specmquant_rotation: { file: ROTATION_FILE, seed } }),
      }),
    );
  }

  /** Linear layers quantized and tokens read. */
  counts(): { quantized: number; calibrationTokens: number } {
    const { checkpoint, quantizer, lmHead, texts } = this.#options;
    return {
      quantized: (quantizer ? LINEARS.length * checkpoint.config.layers : 0) + (lmHead ? 1 : 0),
      calibrationTokens: texts.reduce((sum, ids) => sum + ids.length, 0),
    };
  }

  #shard(step: number): string {
    const pad = (value: number) => `${value}`.padStart(5, "0");
    return `model-${pad(step + 1)}-of-${pad(this.steps)}.safetensors`;
  }

  #write(work: WorkDirectory, step: number, tensors: TensorToWrite[]): void {
    writeSafetensors(`${work.model}/${this.#shard(step)}`, tensors, { format: "pt" });
    work.sync();
  }

  *#embedding(work: WorkDirectory): Generator<StepProgress> {
    yield { share: 0, stage: "embedding" };
    this.#hidden?.begin(work, this.#source, this.#rotation);
    this.#write(work, 0, [this.#output.embedding()]);
  }

  *#layer(work: WorkDirectory, step: number): Generator<StepProgress> {
    const { checkpoint: { config }, quantizer, method, device, pool } = this.#options;
    const layer = step - 1;
    const prefix = `model.layers.${layer}`;
    const stage = `layer ${layer + 1} of ${config.layers}`;
    const floats = readFloats(this.#source, `${prefix}.`);
    if (this.#rotation !== undefined) rotateLayer(this.#rotation, floats, prefix, pool);
    const hidden = this.#hidden?.load(work, step - 1);
    const source = sourceOfFloats(this.#source.file, floats);
    let statistics = new Map<LayerInput, InputStatistics>();
    using runner = hidden && device && new LayerRunner(
      device,
      config,
      this.#output.dtype,
      hidden.longest,
    );
    if (hidden !== undefined && runner !== undefined && device !== undefined) {
      const { dtype } = this.#output;
      statistics = yield* telling(
        observeLayer(device, runner, source, prefix, dtype, hidden),
        (done) => ({ share: 0.3 * done / hidden.tokens, stage: `${stage}: activations` }),
      );
    }
    let tensors: TensorToWrite[];
    if (quantizer === undefined) tensors = this.#output.asTheyAre(floats);
    else {
      if (method.smooth) {
        statistics = smoothLayer(floats, prefix, config, statistics, quantizer, pool);
      }
      const options = { quantizer, method, gptq: this.#options.gptq, device, pool };
      let share = 0.3;
      tensors = yield* telling(
        quantizeLayer(floats, prefix, statistics, options, this.#source.file),
        () => ({ share: share += 0.08, stage: `${stage}: weights` }),
      );
    }
    // Behind the last layer only a quantized output projection looks at the states.
    const wanted = layer + 1 < config.layers || this.#options.lmHead !== undefined;
    if (wanted && hidden !== undefined && runner !== undefined) {
      yield* telling(
        runner.run(source, prefix, hidden.lengths, hidden.rows, true),
        (done) => ({ share: 0.9 + 0.1 * done / hidden.tokens, stage: `${stage}: forward` }),
      );
      hidden.store(work, step);
    }
    this.#write(work, step, tensors);
  }

  *#rest(work: WorkDirectory, step: number): Generator<StepProgress> {
    const { lmHead } = this.#options;
    const hidden = lmHead === undefined ? undefined : this.#hidden?.load(work, step - 1);
    const tensors: TensorToWrite[] = [];
    for (const name of this.#source.names()) {
      if (/^model\.layers\.\d+\./.test(name) || [EMBEDDING, FINAL_NORM, LM_HEAD].includes(name)) {
        continue;
      }
      const info = this.#source.info(name);
      tensors.push({ ...info, data: () => this.#source.chunks(name) });
    }
    tensors.push(this.#output.finalNorm());
    for (const part of this.#output.projection(hidden)) {
      if ("share" in part) yield { share: part.share, stage: "output projection" };
      else tensors.push(part);
    }
    this.#write(work, step, tensors);
  }
}
