/**
 * An EAGLE-2 draft head (arXiv 2406.16858): one decoder layer that predicts a model's next hidden state
 * from its last one and the embedding of the token that came out of it.
 *
 * @module
 */
import { ArgumentError, CheckpointError } from "../base/errors.ts";
import { checkArgument, FUNCTION, type Kind, pathOf, required } from "../base/options.ts";
import type { ModelConfig } from "../checkpoint/config/config.ts";
import type { LinearShape } from "../checkpoint/formats/stored_linear.ts";
import { recorded } from "../checkpoint/containers/views.ts";
import { type Head, openHead } from "../checkpoint/head.ts";
import { Arena, columns, type Device, DEVICE_KIND, rows, type Tensor } from "../device/mod.ts";
import { convert } from "../ops/mod.ts";
import {
  checkEmbedding,
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
import { checkOutput } from "./head_output.ts";
import { KvCache } from "./kv_cache.ts";
import { checkLayer, type Layer, loadLayer } from "./layer.ts";
import { type Model, MODEL_KIND, STORED } from "./model.ts";
import { type BufferNeeds, needsOf } from "./needs.ts";
import { queueLayer, queueLinear } from "./queue_layer.ts";
import { ropeTable } from "./rope.ts";
import type { StateOptions, TokenRows } from "./state.ts";
import type { Step } from "./step.ts";
import { type UnusedTensor, unusedTensors, warnOfTensors } from "./unused.ts";
import { checkVocabulary } from "./vocabulary.ts";
import { cut, type Workspace, workspace } from "./workspace.ts";

const EMBEDDING = "embed_tokens.weight";

function embeddingShape({ vocabSize, hiddenSize }: ModelConfig): LinearShape {
  return { prefix: "embed_tokens", n: vocabSize, k: hiddenSize };
}

function fcPart(head: Head): LinearPart {
  const { hiddenSize } = head.config.model;
  return { prefix: "fc", n: hiddenSize, k: 2 * hiddenSize, bias: head.config.fcBias };
}

/** What brings the head's output into the space of a verifier that is rotated; other heads have none. */
function outputPart({ config, tensors }: Head): LinearPart | undefined {
  const { hiddenSize } = config.model;
  if (!tensors.names().some((name) => name.startsWith("output."))) return undefined;
  return { prefix: "output", n: hiddenSize, k: hiddenSize, bias: false };
}

function storedWeights({ tensors, quantization }: Head): StoredWeights {
  return { source: tensors, quantization };
}

/** What is known of a head before a byte of its weights is read. */
export interface HeadSummary {
  /** Bytes of its weights on a device. */
  readonly weightBytes: number;
  /** Every linear layer as it is stored. */
  readonly layers: readonly DescribedLinear[];
  /** Which buffers it needs; rows of logits need what its verifier's do. */
  readonly needs: BufferNeeds;
  /** Tensors that it does not use. */
  readonly unused: readonly UnusedTensor[];
}

/**
 * Checks every tensor of a head against the model that it drafts for, and warns of those that should perhaps be used
 * and are not. Reads no weights but an output projection that the head brings along.
 */
export function checkHead(
  head: Head,
  verifier: { readonly dir: string; readonly config: ModelConfig },
): HeadSummary {
  const source = recorded(head.tensors);
  const weights = { ...storedWeights(head), source };
  const { model } = head.config;
  const { hiddenSize } = verifier.config;
  if (model.hiddenSize !== hiddenSize) {
    throw new CheckpointError(
      head.dir,
      `its hidden size is ${model.hiddenSize}, expected ${hiddenSize} as in ${verifier.dir}`,
    );
  }
  checkVocabulary(verifier, { dir: head.dir, config: model });
  if (model.rotation !== verifier.config.rotation) {
    const named = (seed?: number) => seed === undefined ? "none" : `that of seed ${seed}`;
    throw new CheckpointError(
      head.dir,
      `its rotation is ${named(model.rotation)}, expected ${
        named(verifier.config.rotation)
      } as in ` +
        `${verifier.dir}; "specmquant convert-head" makes a head for a rotated model`,
    );
  }
  // A head that is looked at alone is checked against itself.
  if (verifier.dir !== head.dir) checkOutput(head, verifier.dir);
  const fc = factsOfRows(checkLinear(weights, [fcPart(head)]), 2 * hiddenSize);
  const layers = Array.from(
    { length: model.layers },
    (_, i) => checkLayer(weights, model, `layers.${i}`, i > 0),
  );
  const part = outputPart(head);
  const output = part && factsOfRows(checkLinear(weights, [part]), hiddenSize);
  const others = output === undefined ? [fc] : [fc, output];
  let weightBytes = [...layers, ...others].reduce((sum, { bytes }) => sum + bytes, 0);
  if (head.tensors.find(EMBEDDING) !== undefined) {
    weightBytes += checkEmbedding(weights, embeddingShape(model)).bytes;
  }
  const unused = unusedTensors(source);
  warnOfTensors(head.dir, unused, "what it proposes may be worse than it should");
  return {
    weightBytes,
    layers: [...others, ...layers].flatMap((one) => one.layers),
    needs: needsOf(layers, others),
    unused,
  };
}

/** The weights of a head, loaded for one verifier. */
export class HeadModel implements Disposable {
  /** The directory that it came from. */
  readonly dir: string;
  /** Shapes and numbers of its layers; the vocabulary is its verifier's, which its embedding may be shorter than. */
  readonly config: ModelConfig;
  /** The model that it drafts for: its `lm_head` reads the head's output. */
  readonly verifier: Model;
  /** Token embeddings [its vocab, hidden]: its own, or the verifier's where it has none. */
  readonly embedding: Embedding;
  /** 2 hidden -> hidden; reads rows. */
  readonly fc: Linear;
  /** Its layers; the first has no input norm. */
  readonly layers: readonly Layer[];
  /** hidden -> hidden behind the layers, for a verifier that is rotated; reads rows. */
  readonly output?: Linear;
  /** Bytes, schemes and buffers. */
  readonly summary: HeadSummary;
  readonly #arena: Arena;

  private constructor(head: Head, verifier: Model, loader: WeightLoader, summary: HeadSummary) {
    const { model } = head.config;
    this.dir = head.dir;
    this.config = { ...model, vocabSize: verifier.config.vocabSize };
    this.verifier = verifier;
    this.summary = summary;
    this.#arena = loader.arena;
    this.embedding = head.tensors.find(EMBEDDING) === undefined
      ? verifier.embedding
      : loadEmbedding(loader, embeddingShape(model));
    this.fc = readingRows(loader.device, loadLinear(loader, [fcPart(head)]));
    this.layers = Array.from(
      { length: model.layers },
      (_, i) => loadLayer(loader, model, `layers.${i}`, i > 0),
    );
    const part = outputPart(head);
    if (part) this.output = readingRows(loader.device, loadLinear(loader, [part]));
  }

  /**
   * Checks all of a head, or of the one in a directory (a path or a `file:` URL), against `verifier`, then loads
   * it onto the verifier's device.
   */
  static load(
    device: Device,
    from: Head | string | URL,
    verifier: Model,
    progress?: LoadProgress,
  ): HeadModel {
    const doing = "load a head";
    checkArgument(doing, "device", device, DEVICE_KIND);
    checkArgument(doing, "verifier", verifier, MODEL_KIND);
    checkArgument(doing, "progress", progress, FUNCTION);
    verifier.expectLive(doing);
    if (verifier.device !== device) {
      throw new ArgumentError(
        "device",
        `Cannot ${doing}: ${verifier.dir} is on another device, expected one for both`,
      );
    }
    if (!STORED.fits(from)) {
      using opened = openHead(pathOf(doing, "from", from as string | URL));
      return HeadModel.load(device, opened, verifier, progress);
    }
    const head = from as Head;
    const summary = checkHead(head, verifier);
    const arena = new Arena(device, head.dir);
    try {
      const { dtype } = verifier;
      const { weightBytes } = summary;
      const weights = storedWeights(head);
      using loader = new WeightLoader(device, arena, weights, dtype, weightBytes, progress);
      const loaded = new HeadModel(head, verifier, loader, summary);
      loader.finish();
      return loaded;
    } catch (error) {
      arena[Symbol.dispose]();
      throw error;
    }
  }

  /** Throws code `"disposed"` where it, its verifier or its device has been disposed: `doing` cannot be done. */
  expectLive(doing: string): void {
    this.#arena.life.expect(doing);
    this.verifier.expectLive(doing);
  }

  /** Frees the weights. What uses the head from then on throws code `"disposed"`. */
  [Symbol.dispose](): void {
    this.#arena[Symbol.dispose]();
  }
}

/** A `HeadModel`, where one is needed. */
export const HEAD_KIND: Kind = required({
  expected: "a HeadModel",
  fits: (value) => value instanceof HeadModel,
});

/** A head at work on one sequence. Row i of its cache holds the pair (embedding of token i + 1, hidden state i). */
export class HeadState implements Disposable {
  /** The head. */
  readonly head: HeadModel;
  /** The device. */
  readonly device: Device;
  /** Keys and values. */
  readonly cache: KvCache;
  /** Pairs committed to the cache, i32 [1]. */
  readonly cacheLength: Tensor<"i32">;
  /** The same number as the host knows it. */
  length = 0;
  /** Where callers put hidden states, activation dtype [rows, hidden], rows 2 hidden elements apart. */
  readonly input: Tensor;
  /** What the head predicts, activation dtype [rows, hidden]. */
  readonly hidden: Tensor;
  /** Logits, f32 [logitsRows, vocab]. */
  readonly logits: Tensor<"f32">;
  readonly #arena: Arena;
  readonly #space: Workspace;
  readonly #pairs: Tensor;
  readonly #rope: Tensor<"f32">;

  /** Allocates caches and buffers for `head`. */
  constructor(head: HeadModel, options: StateOptions) {
    const { config, verifier } = head;
    const { device, dtype } = verifier;
    this.head = head;
    this.device = device;
    const arena = new Arena(device, `state of ${head.dir}`);
    this.#arena = arena;
    try {
      const hidden = config.hiddenSize;
      this.cache = new KvCache(arena, config, dtype, options.slots);
      this.cacheLength = arena.fromHost("i32", [1], new Int32Array(1));
      const { logitsScratch } = verifier.summary.needs;
      const needs = { ...head.summary.needs, logitsScratch };
      this.#space = workspace(device, arena, config, dtype, options, options.slots, needs);
      this.#pairs = arena.allocate(dtype, [options.rows, 2 * hidden], "pairs");
      this.input = columns(this.#pairs, hidden, 2 * hidden);
      this.hidden = arena.allocate(dtype, [options.rows, hidden], "hidden");
      this.logits = arena.allocate("f32", [options.logitsRows, config.vocabSize], "logits");
      const table = ropeTable(config, options.slots, options.context);
      this.#rope = arena.fromHost("f32", [options.slots, config.headDim], table);
    } catch (error) {
      arena[Symbol.dispose]();
      throw error;
    }
  }

  /** Most rows of one forward. */
  get rows(): number {
    return this.#space.rows;
  }

  /** Queues the head on the rows of `input` and the tokens `ids`: `hidden` rows 0..step.rows-1. */
  queueForward(step: Step, ids: TokenRows): void {
    const { device, head, cache } = this;
    const space = cut(this.#space, step.rows);
    const pairs = rows(this.#pairs, 0, step.rows);
    const embedded = columns(pairs, 0, head.config.hiddenSize);
    head.embedding.queue(embedded, ids.tokens, { start: ids.start, shift: ids.shift });
    queueLinear(space, head.fc, space.residual, pairs, "logits");
    const context = { device, config: head.config, space, rope: this.#rope, step };
    head.layers.forEach((layer, i) => queueLayer(context, layer, cache.keys[i], cache.values[i]));
    const hidden = rows(this.hidden, 0, step.rows);
    convert(device, head.output ? space.normed : hidden, space.residual);
    if (head.output) queueLinear(space, head.output, hidden, space.normed, "store");
  }

  /** Queues the logits of `x`, activation dtype [count, hidden], into rows 0.. of `logits`. */
  queueLogits(x: Tensor): void {
    const { lmHead } = this.head.verifier;
    queueLinear(this.#space, lmHead, rows(this.logits, 0, x.shape[0]), x, "logits");
  }

  /** Sets the cache length, on the device and the host. */
  setLength(length: number): void {
    this.device.upload(this.cacheLength, Int32Array.of(length));
    this.length = length;
  }

  /** Frees caches and buffers. */
  [Symbol.dispose](): void {
    this.#arena[Symbol.dispose]();
  }
}
