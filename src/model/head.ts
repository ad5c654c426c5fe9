/**
 * A draft head on a device: a few decoder layers that predict what follows from hidden states of a model and the embedding
 * of the token that came out of them.
 *
 * @module
 */
import { ArgumentError } from "../base/errors.ts";
import { checkArgument, FUNCTION, type Kind, pathOf, required } from "../base/options.ts";
import { warn } from "../base/warnings.ts";
import type { ModelConfig } from "../checkpoint/config/config.ts";
import { BLOCK_TENSORS } from "../checkpoint/config/block_head.ts";
import { tapsFor } from "../checkpoint/config/head_config.ts";
import { type Head, type HeadConfig, openHead } from "../checkpoint/head.ts";
import {
  headTokens,
  type RecentVocabulary,
  recentVocabulary,
} from "../checkpoint/head_vocabulary.ts";
import { Arena, columns, type Device, DEVICE_KIND, rows, type Tensor } from "../device/mod.ts";
import { copy, type EntryMap } from "../ops/mod.ts";
import {
  type Embedding,
  f16Linear,
  type Linear,
  type LinearPart,
  loadEmbedding,
  loadLinear,
  type LoadProgress,
  readingRows,
  WeightLoader,
} from "../quant/mod.ts";
import { entriesOf } from "./entries.ts";
import { checkHead, type HeadSummary } from "./head_check.ts";
import {
  hasEmbedding,
  type HeadTensors,
  headTensors,
  type NormPart,
  storedWeights,
} from "./head_tensors.ts";
import { type Layer, loadLayer } from "./layer.ts";
import { type Model, MODEL_KIND, STORED } from "./model.ts";

/** The weights of a head, loaded for one verifier. */
export class HeadModel implements Disposable {
  /** The directory that it came from. */
  readonly dir: string;
  /** What it is: its family, and what its tensors and keys say. */
  readonly description: HeadConfig;
  /** Shapes and numbers of its layers; the vocabulary is its verifier's, which its embedding may be shorter than. */
  readonly config: ModelConfig;
  /** The model that it drafts for. */
  readonly verifier: Model;
  /** What it reads of it: the last hidden states, behind the final norm, or taps (see `HeadTaps`). */
  readonly taps: "last" | readonly number[];
  /** Token embeddings [its vocab, hidden]: its own, or the verifier's where it has none. */
  readonly embedding: Embedding;
  /** What it reads -> hidden; reads rows. */
  readonly fc: Linear;
  /** Weight of the norm behind that, [hidden], where there is one. */
  readonly fcNorm?: Tensor;
  /** Its layers. */
  readonly layers: readonly Layer[];
  /** hidden -> hidden behind the layers, for a verifier that is rotated; reads rows. */
  readonly output?: Linear;
  /** hidden -> its vocabulary: its own, or the verifier's where it has none; reads rows. */
  readonly lmHead: Linear;
  /** Weight of the norm behind the layers, [hidden], where there is one. */
  readonly finalNorm?: Tensor;
  /** What a token says about the next one, [its vocab, rank] and rank -> its vocabulary, where there is a Markov head. */
  readonly markov?: { readonly before: Embedding; readonly after: Linear };
  /**
   * The logit of a row's chance to be accepted, in two parts: of the row, hidden -> 1, and of what the token before says,
   * rank -> 1, where the file has a confidence head, and where that reads it.
   */
  readonly confidence?: { readonly row: Linear; readonly said?: Linear };
  /**
   * Of a block drafter: what `fc` makes of the text -> keys and values of all layers, each layer's keys before its values,
   * and the weights of the keys' norms, [layers, headDim], where they have norms. Absent where layers are replaced.
   */
  readonly context?: { readonly keys: Linear; readonly norms?: Tensor };
  /** Weights of the norms of taps, one for each or one for all, where there are any. */
  readonly tapNorms: readonly Tensor[];
  /** What its own entries of its logits stand for, where that is not the verifier's tokens by their ids. */
  readonly map?: EntryMap;
  /** Where recent tokens are behind those: what both are; a state has the map. */
  readonly recent?: RecentVocabulary;
  /** Bytes, schemes and buffers. */
  readonly summary: HeadSummary;
  readonly #arena: Arena;

  private constructor(head: Head, verifier: Model, loader: WeightLoader, summary: HeadSummary) {
    const { device } = loader;
    const { model } = head.config;
    this.dir = head.dir;
    this.description = head.config;
    this.config = { ...model, vocabSize: verifier.config.vocabSize };
    this.verifier = verifier;
    this.summary = summary;
    this.#arena = loader.arena;
    const described = headTensors(head);
    const linear = (part: LinearPart): Linear => readingRows(device, loadLinear(loader, [part]));
    const norm = ({ name, size }: NormPart): Tensor => loader.float(name, [size]);
    this.embedding = hasEmbedding(head)
      ? loadEmbedding(loader, described.embedding)
      : verifier.embedding;
    this.fc = linear(described.fc);
    if (described.fcNorm) this.fcNorm = norm(described.fcNorm);
    this.layers = Array.from(
      { length: model.layers },
      (_, i) => loadLayer(loader, model, `layers.${i}`, described.layerInput(i)),
    );
    if (described.output) this.output = linear(described.output);
    this.lmHead = described.lmHead ? linear(described.lmHead) : verifier.lmHead;
    if (described.finalNorm) this.finalNorm = norm(described.finalNorm);
    if (described.markov) {
      const { before, after } = described.markov;
      this.markov = { before: loadEmbedding(loader, before), after: linear(after) };
    }
    if (described.context) {
      const keys = readingRows(device, loadLinear(loader, described.context));
      this.context = { keys, norms: keyNorms(loader, this.layers) };
    }
    if (described.confidence) this.confidence = loadConfidence(loader, described.confidence);
    this.tapNorms = described.tapNorms.map(norm);
    const { config } = head;
    this.taps = config.kind === "eagle2" ? "last" : tapsFor(config.taps, verifier.config.layers);
    this.map = entryMap(loader.arena, head, verifier);
    this.recent = recentOf(head, verifier);
  }

  /** Entries of a row of its logits. */
  get vocabulary(): number {
    return this.lmHead.n + (this.recent?.first.length ?? 0);
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

/** What a state of a head works with: all of it but its lifetime. */
export type HeadWeights = Omit<HeadModel, "expectLive" | typeof Symbol.dispose>;

/**
 * The same head with other linear layers: those that `replace` makes of them by their names, e.g. `fc`, `layers.0.qkv`,
 * `layers.0.gateUp`, `output`, `lm_head` or `markov_head.markov_w2`.
 */
export function withLinears(
  head: HeadModel,
  replace: (name: string, linear: Linear) => Linear,
): HeadWeights {
  const { output, markov, vocabulary } = head;
  const [, after] = BLOCK_TENSORS.markov;
  return {
    ...head,
    vocabulary,
    context: undefined,
    fc: replace("fc", head.fc),
    layers: head.layers.map((layer, i) => ({
      ...layer,
      ...Object.fromEntries(
        LAYER_LINEARS.map((name) => [name, replace(`layers.${i}.${name}`, layer[name])]),
      ),
    })),
    output: output && replace("output", output),
    lmHead: replace("lm_head", head.lmHead),
    markov: markov && { ...markov, after: replace(after, markov.after) },
  };
}

/** The linear layers of a decoder layer. */
const LAYER_LINEARS = ["qkv", "output", "gateUp", "down"] as const;

/** A `HeadModel`, where one is needed. */
export const HEAD_KIND: Kind = required({
  expected: "a HeadModel",
  fits: (value) => value instanceof HeadModel,
});

/** Loads a confidence head. */
function loadConfidence(
  loader: WeightLoader,
  { prefix, inputs: [hidden, rank], bias: hasBias }: NonNullable<HeadTensors["confidence"]>,
): NonNullable<HeadModel["confidence"]> {
  const weight = loader.float(`${prefix}.weight`, [1, hidden + (rank ?? 0)]);
  const bias = hasBias ? loader.float(`${prefix}.bias`, [1]) : undefined;
  const part = (start: number, width: number, bias?: Tensor): Linear =>
    f16Linear(loader, columns(weight, start, start + width), bias);
  return {
    row: part(0, hidden, bias),
    said: rank === undefined ? undefined : part(hidden, rank),
  };
}

/** The norms of the keys of all layers, one behind the other, where they have norms. */
function keyNorms(loader: WeightLoader, layers: readonly Layer[]): Tensor | undefined {
  const [first] = layers;
  if (first.kNorm === undefined) return undefined;
  const { dtype, shape: [width] } = first.kNorm;
  const all = loader.arena.allocate(dtype, [layers.length, width], "norms of keys");
  loader.behind(() =>
    layers.forEach(({ kNorm }, i) => copy(loader.device, rows(all, i, i + 1), kNorm!))
  );
  return all;
}

/** The map of a head's vocabulary on a device, where it has one. */
function entryMap(arena: Arena, { tensors, config }: Head, verifier: Model): EntryMap | undefined {
  const tokens = headTokens(tensors, config);
  if (tokens === undefined) return undefined;
  const entries = entriesOf(tokens, config, verifier.config);
  return {
    tokens: arena.fromHost("i32", [tokens.length], tokens),
    entries: arena.fromHost("i32", [entries.length], entries),
  };
}

/** The recent tokens of a head, where its verifier has weights for them. */
function recentOf({ dir, tensors, config }: Head, verifier: Model): RecentVocabulary | undefined {
  const recent = recentVocabulary(dir, tensors, config, verifier.config.vocabSize);
  if (recent === undefined || verifier.lmHead.queueWeights) return recent;
  warn(
    `${dir}: what it proposes may be worse than it should, as it has no recent tokens on ${verifier.dir}, ` +
      "whose output projection is quantized so that no rows of it can be taken",
  );
  return undefined;
}
