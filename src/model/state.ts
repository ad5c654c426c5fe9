/**
 * A model at work on one sequence: its caches, its cache length and its buffers.
 *
 * @module
 */
import type { KvCacheDType } from "../base/dtype.ts";
import type { ModelConfig } from "../checkpoint/config/config.ts";
import { Arena, columns, type Device, rows, type Tensor } from "../device/mod.ts";
import { type ChoiceSettings, choose, type ChooseOptions, convert, rmsNorm } from "../ops/mod.ts";
import { KvCache, kvCacheBytes } from "./kv_cache.ts";
import { queueLayer, queueLinear } from "./queue_layer.ts";
import type { Model } from "./model.ts";
import type { BufferNeeds } from "./needs.ts";
import { ropeTable } from "./rope.ts";
import type { Step } from "./step.ts";
import { cut, type Workspace, workspace, workspaceBytes } from "./workspace.ts";

/** Sizes of a state. */
export interface StateOptions {
  /** The longest text, in tokens. */
  readonly context: number;
  /** Slots of the KV cache: the longest text, and the rows of a forward behind it. */
  readonly slots: number;
  /** Most rows of one forward. */
  readonly rows: number;
  /** Most rows of which logits are taken. */
  readonly logitsRows: number;
  /** Tokens that are chosen from, the first ones of the vocabulary; all where absent. */
  readonly vocabulary?: number;
  /** How keys and values are kept; `f16` where absent. */
  readonly kvCache?: KvCacheDType;
  /** Hidden states that forwards keep, by how many layers have run (see `HeadTaps`); none where absent. */
  readonly taps?: readonly number[];
}

/** Token ids of a forward's rows: `tokens[start[0] + shift + i]`, without `start` `tokens[shift + i]`. */
export interface TokenRows {
  /** i32, at least as many as read. */
  readonly tokens: Tensor<"i32">;
  /** i32 [1]. */
  readonly start?: Tensor<"i32">;
  /** 0 where absent. */
  readonly shift?: number;
}

/** Where rows stand in the text, as `choose` takes it. */
export type Place = Pick<ChooseOptions, "history" | "tokens" | "depths" | "mask" | "allowed">;

/** Bytes that a state takes on a device beside the model's weights, workspaces of attention left out. */
export function stateBytes(
  config: ModelConfig,
  options: StateOptions,
  needs: BufferNeeds,
): number {
  return kvCacheBytes(config, options.slots, options.kvCache) +
    workspaceBytes(config, options, needs) +
    options.logitsRows * config.vocabSize * 4 + options.slots * config.headDim * 4;
}

/** Bytes that the choice of tokens after `logitsRows` rows takes beside that; a head makes none. */
export function choiceBytes({ vocabSize }: ModelConfig, logitsRows: number): number {
  return logitsRows * (vocabSize + 1) * 4;
}

/** A model with the caches and buffers of one sequence. */
export class ModelState implements Disposable {
  /** The model. */
  readonly model: Model;
  /** The device. */
  readonly device: Device;
  /** Keys and values. */
  readonly cache: KvCache;
  /** Tokens committed to the cache, i32 [1]: what forwards read. */
  readonly cacheLength: Tensor<"i32">;
  /** The same number as the host knows it. */
  length = 0;
  /** Hidden states behind the final norm of the last forward, activation dtype [rows, hidden]. */
  readonly hidden: Tensor;
  /**
   * What a drafter reads of the last forward: the residual stream at each tap, rounded, side by side, activation dtype
   * [rows, taps hidden]; `hidden` where there are no taps.
   */
  readonly tapped: Tensor;
  /** Logits of the last `queueLogits`, f32 [logitsRows, vocab]. */
  readonly logits: Tensor<"f32">;
  /** What the choice makes of them, and its scratch, f32 [logitsRows, vocab]. */
  readonly scores: Tensor<"f32">;
  /** The token chosen after each row, i32 [logitsRows]. */
  readonly choice: Tensor<"i32">;
  /** Tokens that are chosen from: those from 0 to this, less one. */
  readonly vocabulary: number;
  readonly #arena: Arena;
  readonly #space: Workspace;
  readonly #rope: Tensor<"f32">;
  readonly #taps: readonly number[];

  /** Allocates caches and buffers for `model`. */
  constructor(model: Model, options: StateOptions) {
    const { device, config, dtype } = model;
    this.model = model;
    this.device = device;
    this.#taps = options.taps ?? [];
    this.vocabulary = Math.min(options.vocabulary ?? config.vocabSize, config.vocabSize);
    const arena = new Arena(device, `state of ${model.dir}`);
    this.#arena = arena;
    try {
      this.cache = new KvCache(arena, config, dtype, options.slots, options.kvCache);
      this.cacheLength = arena.fromHost("i32", [1], new Int32Array(1));
      const { needs } = model.summary;
      this.#space = workspace(device, arena, config, dtype, options, needs);
      this.hidden = this.#space.normed;
      const width = this.#taps.length * config.hiddenSize;
      this.tapped = width > 0 ? arena.allocate(dtype, [options.rows, width], "taps") : this.hidden;
      this.logits = arena.allocate("f32", [options.logitsRows, config.vocabSize], "logits");
      this.scores = arena.allocate("f32", [options.logitsRows, config.vocabSize], "scores");
      this.choice = arena.allocate("i32", [options.logitsRows], "choice");
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

  /** Queues all layers and the final norm: `hidden` rows 0..step.rows-1. */
  queueForward(step: Step, ids: TokenRows): void {
    const { device, model, cache } = this;
    const space = cut(this.#space, step.rows);
    model.embedding.queue(space.residual, ids.tokens, { start: ids.start, shift: ids.shift });
    const context = { device, config: model.config, space, rope: this.#rope, step };
    const { slots = cache.slots } = step;
    const some = (all: Tensor): Tensor => slots < cache.slots ? rows(all, 0, slots) : all;
    this.#queueTaps(space, 0);
    model.layers.forEach((layer, i) => {
      queueLayer(context, layer, some(cache.keys[i]), some(cache.values[i]));
      this.#queueTaps(space, i + 1);
    });
    rmsNorm(device, space.normed, space.residual, model.finalNorm, model.config.rmsNormEps);
  }

  /** Keeps the residual stream where `run` layers have run and a drafter reads it. */
  #queueTaps({ residual, rows: count }: Workspace, run: number): void {
    const { hiddenSize } = this.model.config;
    const kept = rows(this.tapped, 0, count);
    this.#taps.forEach((tap, i) => {
      if (tap !== run) return;
      convert(this.device, columns(kept, i * hiddenSize, (i + 1) * hiddenSize), residual);
    });
  }

  /** Queues the logits of rows `first .. first + count - 1` of `hidden` into rows 0.. of `logits`. */
  queueLogits(count: number, first = 0): void {
    const x = rows(this.hidden, first, first + count);
    queueLinear(this.#space, this.model.lmHead, rows(this.logits, 0, count), x, "logits");
  }

  /** Queues the choice of a token after each of the first `count` rows, which stand in the text as `place` says. */
  queueChoice(count: number, settings: ChoiceSettings, place: Place): void {
    choose(this.device, {
      ...settings,
      ...place,
      choice: rows(this.choice, 0, count),
      scores: rows(this.scores, 0, count),
      logits: rows(this.logits, 0, count),
      chosenFrom: this.vocabulary,
      cacheLength: this.cacheLength,
    });
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
