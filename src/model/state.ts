/**
 * A model at work on one sequence: its caches, its cache length and its buffers.
 *
 * @module
 */
import type { KvCacheDType } from "../base/dtype.ts";
import type { ModelConfig } from "../checkpoint/config/config.ts";
import { Arena, columns, type Device, rows, type Scratch, type Tensor } from "../device/mod.ts";
import { type ChoiceSettings, choose, type ChooseOptions, convert, rmsNorm } from "../ops/mod.ts";
import { KvCache, kvCacheBytes } from "./kv_cache.ts";
import { queueLayer, queueLinear } from "./queue_layer.ts";
import type { Model } from "./model.ts";
import type { BufferNeeds } from "./needs.ts";
import { ropeTensor } from "./rope.ts";
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
  /**
   * Where its buffers come from: what forwards work in and leave, which is read at once. Other sequences may share them; its
   * own where absent.
   */
  readonly scratch?: Scratch;
}

/** The rows of one sequence in a forward of several. */
export interface ForwardPart {
  /** The sequence. */
  readonly state: ModelState;
  /** Where its rows stand. */
  readonly step: Step;
  /** Its tokens. */
  readonly ids: TokenRows;
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
      const { scratch = arena } = options;
      this.#space = workspace(device, scratch, config, dtype, options, needs);
      this.hidden = this.#space.normed;
      const width = this.#taps.length * config.hiddenSize;
      this.tapped = width > 0
        ? scratch.allocate(dtype, [options.rows, width], "taps")
        : this.hidden;
      this.logits = scratch.allocate("f32", [options.logitsRows, config.vocabSize], "logits");
      this.scores = scratch.allocate("f32", [options.logitsRows, config.vocabSize], "scores");
      this.choice = scratch.allocate("i32", [options.logitsRows], "choice");
      this.#rope = ropeTensor(scratch, config, options.slots, options.context);
    } catch (error) {
      arena[Symbol.dispose]();
      throw error;
    }
  }

  /** Most rows of one forward. */
  get rows(): number {
    return this.#space.rows;
  }

  /** Queues all layers and the final norm: `hidden` rows `first .. first + step.rows - 1`. */
  queueForward(step: Step, ids: TokenRows, first = 0): void {
    ModelState.queueTogether([{ state: this, step, ids }], first);
  }

  /**
   * Queues one forward of the rows of several sequences of one model, which share their buffers: their rows lie one behind
   * another in `hidden` from row `first` on. What comes of a row does not depend on the rows beside it.
   */
  static queueTogether(parts: readonly ForwardPart[], first: number): void {
    const [{ state }] = parts;
    const { device, model, tapped } = state;
    const taps = state.#taps;
    const counts = parts.map(({ step }) => step.rows);
    const count = counts.reduce((sum, each) => sum + each);
    const space = cut(state.#space, count, first);
    let at = 0;
    for (const [i, { ids: { tokens, start, shift } }] of parts.entries()) {
      model.embedding.queue(rows(space.residual, at, at + counts[i]), tokens, { start, shift });
      at += counts[i];
    }
    const context = { device, config: model.config, space, rope: state.#rope };
    const kept = taps.length > 0 ? rows(tapped, first, first + count) : undefined;
    // Keeps the residual stream where `run` layers have run and a drafter reads it.
    const queueTaps = (run: number): void => {
      const { hiddenSize } = model.config;
      taps.forEach((tap, i) => {
        if (tap !== run) return;
        convert(device, columns(kept!, i * hiddenSize, (i + 1) * hiddenSize), space.residual);
      });
    };
    queueTaps(0);
    model.layers.forEach((layer, i) => {
      const sequences = parts.map(({ state: { cache }, step }) => {
        const { slots = cache.slots } = step;
        const some = (all: Tensor): Tensor => slots < cache.slots ? rows(all, 0, slots) : all;
        return { step, keys: some(cache.keys[i]), values: some(cache.values[i]) };
      });
      queueLayer(context, layer, sequences);
      queueTaps(i + 1);
    });
    rmsNorm(device, space.normed, space.residual, model.finalNorm, model.config.rmsNormEps);
  }

  /** Queues the logits of rows `first .. first + count - 1` of `hidden` into rows `into ..` of `logits`. */
  queueLogits(count: number, first = 0, into = 0): void {
    const x = rows(this.hidden, first, first + count);
    const y = rows(this.logits, into, into + count);
    queueLinear(this.#space, this.model.lmHead, y, x, "logits");
  }

  /** Queues the choice of a token after `count` rows of `logits`, from row `first` on, which stand in the text as `place` says. */
  queueChoice(count: number, settings: ChoiceSettings, place: Place, first = 0): void {
    const end = first + count;
    choose(this.device, {
      ...settings,
      ...place,
      choice: rows(this.choice, first, end),
      scores: rows(this.scores, first, end),
      logits: rows(this.logits, first, end),
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
