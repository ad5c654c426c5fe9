/**
 * The steps of quantizing a checkpoint. Each ends with a file that says that it is done: the embedding, one
 * decoder layer after the other, the rest.
 *
 * @module
 */
import { CheckpointError, UnsupportedModelError } from "../../base/errors.ts";
import type { Checkpoint } from "../../checkpoint/checkpoint.ts";
import { openSafetensors } from "../../checkpoint/safetensors.ts";
import { type TensorToWrite, writeSafetensors } from "../../checkpoint/safetensors_writer.ts";
import type { TensorSource } from "../../checkpoint/source.ts";
import type { Device } from "../../device/mod.ts";
import type { GptqOptions } from "../../quant/quantizers/gptq.ts";
import type { Method } from "../../quant/quantizers/method.ts";
import type { Quantizer } from "../../quant/quantizers/quantizer.ts";
import { changedConfig, copyCompanions } from "./config_json.ts";
import { HiddenStates } from "./hidden_states.ts";
import { READERS } from "./layer_plan.ts";
import { INPUTS, type LayerInput, LayerRunner } from "./layer_runner.ts";
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
import { InputObserver, type InputStatistics } from "./statistics.ts";
import { floatDType, readFloats, sourceOfFloats } from "./tensors.ts";
import { EMBEDDING, FINAL_NORM, LM_HEAD } from "./names.ts";
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
}

/** Where a step stands. */
export interface StepProgress {
  /** The share of the step that is done. */
  readonly share: number;
  /** What is being done. */
  readonly stage: string;
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
    for (let layer = 0; layer < config.layers; layer++) {
      for (const name of READERS.flatMap(({ linears }) => linears)) {
        checkWeight(tensors, `model.layers.${layer}.${name}.weight`, quantizer);
      }
    }
  }

  /** How many steps are done in `work`. */
  finishedSteps(work: WorkDirectory): number {
    const files = new Set([...Deno.readDirSync(work.model)].map(({ name }) => name));
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
    const { checkpoint: { dir }, quantizer, method, gptq, seed } = this.#options;
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
              { desc_act: gptq.actOrder, damp_percent: gptq.damping }),
            ...headConfig(this.#options.lmHead),
          },
        }),
        ...(this.#output.untied && { tie_word_embeddings: false }),
        ...(seed !== undefined && { specmquant_rotation: { file: ROTATION_FILE, seed } }),
      }),
    );
  }

  /** Linear layers quantized and tokens read. */
  counts(): { quantized: number; calibrationTokens: number } {
    const { checkpoint, quantizer, lmHead, texts } = this.#options;
    const each = READERS.reduce((sum, { linears }) => sum + linears.length, 0);
    return {
      quantized: (quantizer ? each * checkpoint.config.layers : 0) + (lmHead ? 1 : 0),
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
    const { checkpoint: { config }, quantizer, method, device } = this.#options;
    const layer = step - 1;
    const prefix = `model.layers.${layer}`;
    const stage = `layer ${layer + 1} of ${config.layers}`;
    const floats = readFloats(this.#source, `${prefix}.`);
    if (this.#rotation !== undefined) rotateLayer(this.#rotation, floats, prefix);
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
      using observers = new DisposableStack();
      const known = new Map(INPUTS.map((input) => {
        const k = inputWidth(floats, prefix, input);
        const observer = new InputObserver(device, this.#output.dtype, k, hidden.tokens);
        return [input, observers.use(observer)] as const;
      }));
      const observe = (input: LayerInput, x: Parameters<InputObserver["add"]>[0]) =>
        known.get(input)!.add(x);
      for (const done of runner.run(source, prefix, hidden.lengths, hidden.rows, false, observe)) {
        yield { share: 0.3 * done / hidden.tokens, stage: `${stage}: activations` };
      }
      statistics = new Map([...known].map(([input, observer]) => [input, observer.finish()]));
    }
    let tensors: TensorToWrite[];
    if (quantizer === undefined) tensors = this.#output.asTheyAre(floats);
    else {
      if (method.smooth) statistics = smoothLayer(floats, prefix, config, statistics, quantizer);
      const options = { quantizer, method, gptq: this.#options.gptq };
      const work = quantizeLayer(floats, prefix, statistics, options, this.#source.file);
      let share = 0.3;
      let next = work.next();
      for (; !next.done; next = work.next()) {
        yield { share: share += 0.08, stage: `${stage}: weights` };
      }
      tensors = next.value;
    }
    // Behind the last layer only a quantized output projection looks at the states.
    const wanted = layer + 1 < config.layers || this.#options.lmHead !== undefined;
    if (wanted && hidden !== undefined && runner !== undefined) {
      for (const done of runner.run(source, prefix, hidden.lengths, hidden.rows, true)) {
        yield { share: 0.9 + 0.1 * done / hidden.tokens, stage: `${stage}: forward` };
      }
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

/** Inputs of the linear layers that read `input`. */
function inputWidth(
  floats: ReturnType<typeof readFloats>,
  prefix: string,
  input: LayerInput,
): number {
  const { linears } = READERS.find((readers) => readers.input === input)!;
  return floats.get(`${prefix}.${linears[0]}.weight`)!.shape[1];
}

function checkWeight(source: TensorSource, name: string, quantizer: Quantizer | undefined): void {
  const info = source.info(name);
  const { file, shape } = info;
  floatDType(info);
  if (shape.length !== 2 || shape.includes(0)) {
    throw new CheckpointError(file, `its shape is [${shape.join(", ")}], expected [n, k]`, name);
  }
  if (quantizer === undefined) return;
  for (
    const [size, multiple, what] of [
      [shape[0], quantizer.outputs, "outputs"],
      [shape[1], quantizer.inputs, "inputs"],
    ] as const
  ) {
    if (size % multiple === 0) continue;
    throw new UnsupportedModelError(
      `quantizing tensor "${name}" of ${size} ${what} to ${quantizer.scheme}`,
      `expected a multiple of ${multiple}`,
    );
  }
}
