/**
 * The weights of a decoder-only language model (Llama, Mistral, Qwen2, Qwen3) on a device.
 *
 * @module
 */
import type { ActivationDType } from "../base/dtype.ts";
import { CheckpointError } from "../base/errors.ts";
import { type Checkpoint, openCheckpoint } from "../checkpoint/checkpoint.ts";
import type { ModelConfig } from "../checkpoint/config.ts";
import { Arena, type Device, type Tensor } from "../device/mod.ts";
import {
  checkFloat,
  checkLinear,
  f16Linear,
  type Linear,
  type LinearPart,
  loadLinear,
  type LoadProgress,
  schemeOf,
  type StoredWeights,
  WeightLoader,
} from "../quant/mod.ts";
import { checkLayer, type Layer, loadLayer } from "./layer.ts";

const EMBEDDING = "model.embed_tokens.weight";
const FINAL_NORM = "model.norm.weight";

/** What is known of a model before a byte of its weights is read. */
export interface ModelSummary {
  /** Bytes of its weights on a device. */
  readonly weightBytes: number;
  /** Bytes that one forward of few rows reads: all weights but the embedding's other rows. */
  readonly forwardBytes: number;
  /** How its linear layers are stored, e.g. `w4a16-g128`. */
  readonly scheme: string;
  /** The dtype that its activations have. */
  readonly dtype: ActivationDType;
}

function lmHeadPart(config: ModelConfig): LinearPart {
  return { prefix: "lm_head", n: config.vocabSize, k: config.hiddenSize, bias: false };
}

function storedWeights({ tensors, quantization }: Checkpoint): StoredWeights {
  return { source: tensors, quantization };
}

/**
 * Checks every tensor of a model and sums up its bytes, reading no weights. Throws `CheckpointError` or
 * `UnsupportedModelError` for what could not be loaded.
 */
export function summarizeModel(checkpoint: Checkpoint): ModelSummary {
  const weights = storedWeights(checkpoint);
  const { config } = checkpoint;
  const embedding = checkFloat(weights, EMBEDDING, [config.vocabSize, config.hiddenSize]);
  checkFloat(weights, FINAL_NORM, [config.hiddenSize]);
  let read = config.hiddenSize * 2;
  for (let i = 0; i < config.layers; i++) read += checkLayer(weights, config, `model.layers.${i}`);
  const embeddingBytes = config.vocabSize * config.hiddenSize * 2;
  // A tied lm_head may be left out of the files, or be there as a copy.
  const tied = config.tiedEmbeddings;
  read += tied ? embeddingBytes : checkLinear(weights, [lmHeadPart(config)]);
  const first: LinearPart = {
    prefix: "model.layers.0.self_attn.q_proj",
    n: config.heads * config.headDim,
    k: config.hiddenSize,
    bias: config.qkvBias,
  };
  return {
    weightBytes: read + (tied ? 0 : embeddingBytes),
    forwardBytes: read,
    scheme: schemeOf(weights, first.prefix).describe(weights, first),
    dtype: embedding.dtype === "bf16" ? "bf16" : "f16",
  };
}

/** A model, loaded. */
export class Model implements Disposable {
  /** The directory that it came from. */
  readonly dir: string;
  /** The device that it is on. */
  readonly device: Device;
  /** Shapes and numbers. */
  readonly config: ModelConfig;
  /** Bytes, scheme and dtype. */
  readonly summary: ModelSummary;
  /** Token embeddings, [vocab, hidden]. */
  readonly embedding: Tensor;
  /** The layers, first to last. */
  readonly layers: readonly Layer[];
  /** Weight of the norm behind the last layer, [hidden]. */
  readonly finalNorm: Tensor;
  /** hidden -> vocab. */
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
    this.embedding = loader.float(EMBEDDING, [config.vocabSize, config.hiddenSize]);
    this.layers = Array.from(
      { length: config.layers },
      (_, i) => loadLayer(loader, config, `model.layers.${i}`),
    );
    this.finalNorm = loader.float(FINAL_NORM, [config.hiddenSize]);
    this.lmHead = config.tiedEmbeddings
      ? f16Linear(loader, this.embedding)
      : loadLinear(loader, [lmHeadPart(config)]);
  }

  /** The dtype of activations. */
  get dtype(): ActivationDType {
    return this.summary.dtype;
  }

  /**
   * Checks all of a checkpoint, or of the one in a directory, then loads it. Nothing stays on the device
   * when it throws. `progress` hears bytes done and in total.
   */
  static load(device: Device, from: Checkpoint | string, progress?: LoadProgress): Model {
    if (typeof from === "string") {
      using opened = openCheckpoint(from);
      return Model.load(device, opened, progress);
    }
    const checkpoint = from;
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

  /** Frees the weights. */
  [Symbol.dispose](): void {
    this.#arena[Symbol.dispose]();
  }
}

/** Refuses two models that cannot work together on one text. */
export function checkSameVocabulary(
  above: { readonly dir: string; readonly config: ModelConfig },
  below: { readonly dir: string; readonly config: ModelConfig },
): void {
  if (above.config.vocabSize === below.config.vocabSize) return;
  throw new CheckpointError(
    below.dir,
    `its vocabulary has ${below.config.vocabSize} entries, expected ${above.config.vocabSize} ` +
      `as in ${above.dir}`,
    EMBEDDING,
  );
}
