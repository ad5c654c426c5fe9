/**
 * The weights of a decoder-only language model (Llama, Mistral, Qwen2, Qwen3) on a device.
 *
 * @module
 */
import type { ActivationDType } from "../base/dtype.ts";
import { checkArgument, FUNCTION, type Kind, object, pathOf, required } from "../base/options.ts";
import { type Checkpoint, openCheckpoint } from "../checkpoint/checkpoint.ts";
import type { ModelConfig } from "../checkpoint/config/config.ts";
import type { LinearShape } from "../checkpoint/formats/stored_linear.ts";
import { recorded } from "../checkpoint/containers/views.ts";
import { FINAL_NORM } from "../checkpoint/names.ts";
import { Arena, type Device, DEVICE_KIND, type Tensor } from "../device/mod.ts";
import {
  checkEmbedding,
  checkFloat,
  checkLinear,
  type DescribedLinear,
  type Embedding,
  factsOfRows,
  type Linear,
  type LinearPart,
  loadEmbedding,
  loadLinear,
  type LoadProgress,
  readingRows,
  type StoredWeights,
  WeightLoader,
} from "../quant/mod.ts";
import { checkLayer, type Layer, loadLayer } from "./layer.ts";
import { type BufferNeeds, needsOf } from "./needs.ts";
import { type UnusedTensor, unusedTensors, warnOfTensors } from "./unused.ts";

/** What is known of a model before a byte of its weights is read. */
export interface ModelSummary {
  /** Bytes of its weights on a device. */
  readonly weightBytes: number;
  /** Bytes that one forward of few rows reads: all weights but the embedding's other rows. */
  readonly forwardBytes: number;
  /** How the linear layers of its decoder layers are stored, e.g. `w4a16-g128`; several with `+` between. */
  readonly scheme: string;
  /** Every linear layer as it is stored. */
  readonly layers: readonly DescribedLinear[];
  /** Which buffers it needs. */
  readonly needs: BufferNeeds;
  /** The dtype that its activations have. */
  readonly dtype: ActivationDType;
  /** Tensors that it does not use. */
  readonly unused: readonly UnusedTensor[];
}

function lmHeadPart(config: ModelConfig): LinearPart {
  return { prefix: "lm_head", n: config.vocabSize, k: config.hiddenSize, bias: false };
}

function embeddingShape(config: ModelConfig): LinearShape {
  return { prefix: "model.embed_tokens", n: config.vocabSize, k: config.hiddenSize };
}

/** Loads the output projection, hidden -> vocab, of the model that `loader` reads, `embedding` where it ties them; reads rows. */
export function loadOutput(
  loader: WeightLoader,
  config: ModelConfig,
  embedding?: Embedding,
): Linear {
  if (!config.tiedEmbeddings) {
    // Its input is the hidden states, which are rows.
    return readingRows(loader.device, loadLinear(loader, [lmHeadPart(config)]));
  }
  return (embedding ?? loadEmbedding(loader, embeddingShape(config))).linear;
}

function storedWeights({ tensors, quantization }: Checkpoint): StoredWeights {
  return { source: tensors, quantization };
}

/**
 * Checks every tensor of a model and sums up its bytes, reading no weights. Throws `CheckpointError` or
 * `UnsupportedModelError` for what could not be loaded, and warns of tensors that should perhaps be used and are not.
 */
export function summarizeModel(checkpoint: Checkpoint): ModelSummary {
  const source = recorded(checkpoint.tensors);
  const weights = { ...storedWeights(checkpoint), source };
  const { config } = checkpoint;
  const embedding = checkEmbedding(weights, embeddingShape(config));
  checkFloat(weights, FINAL_NORM, [config.hiddenSize]);
  const layers = Array.from(
    { length: config.layers },
    (_, i) => checkLayer(weights, config, `model.layers.${i}`),
  );
  const tied = config.tiedEmbeddings;
  const lmHead = tied
    ? {
      bytes: embedding.bytes,
      activationForm: "rows" as const,
      scratch: 0,
      layers: [{ prefix: "lm_head", scheme: embedding.scheme }],
    }
    : factsOfRows(checkLinear(weights, [lmHeadPart(config)]), config.hiddenSize);
  const forwardBytes = config.hiddenSize * 2 + lmHead.bytes +
    layers.reduce((sum, { bytes }) => sum + bytes, 0);
  const inLayers = layers.flatMap((layer) => layer.layers);
  const unused = unusedTensors(source);
  warnOfTensors(checkpoint.dir, unused, "what it says may not be what it should");
  return {
    weightBytes: forwardBytes + (tied ? 0 : embedding.bytes),
    forwardBytes,
    scheme: schemesOf(inLayers),
    layers: [...inLayers, ...lmHead.layers],
    needs: needsOf(layers, [], lmHead),
    dtype: embedding.activations,
    unused,
  };
}

/** The schemes of `layers`, each once, in order. */
export function schemesOf(layers: readonly DescribedLinear[]): string {
  return [...new Set(layers.map(({ scheme }) => scheme))].join("+");
}

/** What is open: a checkpoint or a head. */
export const STORED: Kind = object("an open checkpoint", ({ tensors }) => tensors !== undefined);

/** A model, loaded. */
export class Model implements Disposable {
  /** The directory or the GGUF file that it came from. */
  readonly dir: string;
  /** The device that it is on. */
  readonly device: Device;
  /** Shapes and numbers. */
  readonly config: ModelConfig;
  /** Bytes, scheme and dtype. */
  readonly summary: ModelSummary;
  /** Token embeddings, [vocab, hidden]. */
  readonly embedding: Embedding;
  /** The layers, first to last. */
  readonly layers: readonly Layer[];
  /** Weight of the norm behind the last layer, [hidden]. */
  readonly finalNorm: Tensor;
  /** hidden -> vocab; reads rows. */
  readonly lmHead: Linear;
  readonly #arena: Arena;

  private constructor(
    checkpoint: Checkpoint,
    arena: Arena,
    loader: WeightLoader,
    summary: ModelSummary,
  ) {
    const { config } = checkpoint;
    this.dir = checkpoint.dir;
    this.device = loader.device;
    this.config = config;
    this.summary = summary;
    this.#arena = arena;
    this.embedding = loadEmbedding(loader, embeddingShape(config));
    this.layers = Array.from(
      { length: config.layers },
      (_, i) => loadLayer(loader, config, `model.layers.${i}`),
    );
    this.finalNorm = loader.float(FINAL_NORM, [config.hiddenSize]);
    this.lmHead = loadOutput(loader, config, this.embedding);
  }

  /** The dtype of activations. */
  get dtype(): ActivationDType {
    return this.summary.dtype;
  }

  /**
   * Checks all of a checkpoint, or of the one in a directory or a GGUF file (a path or a `file:` URL), then loads it. Nothing
   * stays on the device when it throws. `progress` hears bytes done and in total.
   */
  static load(device: Device, from: Checkpoint | string | URL, progress?: LoadProgress): Model {
    const doing = "load a model";
    checkArgument(doing, "device", device, DEVICE_KIND);
    checkArgument(doing, "progress", progress, FUNCTION);
    device.life.expect(doing);
    if (!STORED.fits(from)) {
      using opened = openCheckpoint(pathOf(doing, "from", from as string | URL));
      return Model.load(device, opened, progress);
    }
    const checkpoint = from as Checkpoint;
    const summary = summarizeModel(checkpoint);
    const arena = new Arena(device, checkpoint.dir);
    try {
      using loader = new WeightLoader(
        device,
        arena,
        storedWeights(checkpoint),
        summary.dtype,
        summary.weightBytes,
        progress,
      );
      const loaded = new Model(checkpoint, arena, loader, summary);
      loader.finish();
      return loaded;
    } catch (error) {
      arena[Symbol.dispose]();
      throw error;
    }
  }

  /** Throws code `"disposed"` where it or its device has been disposed: `doing` cannot be done. */
  expectLive(doing: string): void {
    this.#arena.life.expect(doing);
  }

  /** Frees the weights. What uses the model from then on throws code `"disposed"`. */
  [Symbol.dispose](): void {
    this.#arena[Symbol.dispose]();
  }
}

/** A `Model`, where one is needed. */
export const MODEL_KIND: Kind = required({
  expected: "a Model",
  fits: (value) => value instanceof Model,
});
