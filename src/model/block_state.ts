/**
 * A block drafter (DFlash, arXiv 2602.06036; DSpark) at work on one sequence. Of every token of the text its layers keep
 * keys and values of what `fc` makes of the verifier's taps; a block of the last token and masks behind it is read in one pass
 * and never kept, so nothing is rolled back.
 *
 * @module
 */
import { Arena, columns, type Device, rows, type Tensor } from "../device/mod.ts";
import { type EntryMap, gatherRows, rmsNorm, ropeKeys } from "../ops/mod.ts";
import type { HeadWeights } from "./head.ts";
import { KvCache } from "./kv_cache.ts";
import { type LayerContext, queueKeys, queueLayer, queueLinear } from "./queue_layer.ts";
import { ropeTensor } from "./rope.ts";
import type { StateOptions, TokenRows } from "./state.ts";
import { RecentRows } from "./recent_rows.ts";
import { cut, type Workspace, workspace } from "./workspace.ts";

/** Sizes of a block drafter's state. */
export interface BlockOptions extends Omit<StateOptions, "logitsRows" | "vocabulary" | "taps"> {
  /** Tokens that a block drafts, 1 or more. */
  readonly drafted: number;
  /** Most tokens that one row of logits follows on. */
  readonly branches: number;
}

/** Rows of a block of `head` that drafts `drafted` tokens. */
export function blockRows({ description }: HeadWeights, drafted: number): number {
  if (!("fromAnchor" in description)) throw new Error(`${description.kind} drafts no blocks`);
  return drafted + (description.fromAnchor ? 0 : 1);
}

/** A block drafter at work on one sequence. Row i of its cache is of token i of the text. */
export class BlockState implements Disposable {
  /** The drafter. */
  readonly head: HeadWeights;
  /** The device. */
  readonly device: Device;
  /** Keys and values of the text, and of one block behind it. */
  readonly cache: KvCache;
  /** Tokens of the text that it has read, i32 [1]. */
  readonly cacheLength: Tensor<"i32">;
  /** The same number as the host knows it. */
  length = 0;
  /** Where callers put taps of the verifier, activation dtype [rows, all that it reads]. */
  readonly input: Tensor;
  /** What the last block predicts, behind the last norm, activation dtype [drafted, hidden]. */
  readonly hidden: Tensor;
  /** Logits of the last block, before a Markov head adds to them, f32 [drafted, its vocabulary]. */
  readonly logits: Tensor<"f32">;
  /**
   * Of a head with a Markov head: what the token before each drafted one says about it, activation dtype [drafted, rank], and,
   * where it can be looked up there, the table of what all tokens say.
   */
  readonly says?: { readonly said: Tensor; readonly table?: Tensor };
  /** Of a head with a confidence head: the logit of each drafted token's chance to be accepted, f32 [drafted, 1]. */
  readonly confidence?: Tensor<"f32">;
  /** Logits behind tokens that may stand before them, f32 [branches, its vocabulary]. */
  readonly followed: Tensor<"f32">;
  /** Its recent tokens, where it has any; a Markov head says nothing about them. */
  readonly recent?: RecentRows;
  readonly #arena: Arena;
  readonly #space: Workspace;
  readonly #rope: Tensor<"f32">;
  readonly #rows: number;
  readonly #masks: Tensor<"i32">;
  readonly #seen: Tensor<"u64">;
  readonly #zeros: Tensor<"i32">;
  readonly #said?: Tensor;
  /** Keys and values of all layers, where they are one product. */
  readonly #keysOfAll?: Tensor;

  /** Allocates caches and buffers for `head`. */
  constructor(head: HeadWeights, options: BlockOptions) {
    const { config, description, verifier: { device, dtype } } = head;
    if (!("maskToken" in description)) throw new Error(`${description.kind} drafts no blocks`);
    const { drafted, branches, slots, kvCache } = options;
    this.head = head;
    this.device = device;
    this.#rows = blockRows(head, drafted);
    const arena = new Arena(device, `state of ${head.dir}`);
    this.#arena = arena;
    try {
      this.cache = new KvCache(arena, config, dtype, slots, kvCache);
      this.cacheLength = arena.fromHost("i32", [1], new Int32Array(1));
      const needs = { ...head.summary.needs, logitsScratch: head.lmHead.scratch };
      const count = Math.max(options.rows, this.#rows, branches);
      const sizes = { rows: count, logitsRows: drafted, slots, kvCache };
      const { scratch = arena } = options;
      this.#space = workspace(device, scratch, config, dtype, sizes, needs);
      this.input = scratch.allocate(dtype, [count, head.fc.k], "taps");
      if (head.context) {
        this.#keysOfAll = scratch.allocate(dtype, [count, head.context.keys.n], "keys and values");
      }
      this.hidden = rows(this.#space.normed, this.#rows - drafted, this.#rows);
      this.logits = scratch.allocate("f32", [drafted, head.vocabulary], "logits");
      this.followed = scratch.allocate("f32", [branches, head.vocabulary], "followed");
      if (head.recent) this.recent = new RecentRows(arena, head, head.recent);
      this.#rope = ropeTensor(scratch, config, slots, options.context);
      const masks = new Int32Array(this.#rows).fill(description.maskToken);
      this.#masks = arena.fromHost("i32", [this.#rows], masks);
      const all = (1n << BigInt(this.#rows)) - 1n;
      const upTo = (row: number): bigint => (2n << BigInt(row)) - 1n;
      const seen = BigUint64Array.from(
        { length: this.#rows },
        (_, row) => description.causal ? upTo(row) : all,
      );
      this.#seen = arena.fromHost("u64", [this.#rows, 1], seen);
      this.#zeros = arena.fromHost("i32", [branches], new Int32Array(branches));
      if (head.markov) {
        const { before } = head.markov;
        const all = Math.max(branches, drafted);
        this.#said = scratch.allocate(dtype, [all, before.linear.k], "said");
        this.says = { said: rows(this.#said, 0, drafted), table: before.table };
      }
      if (head.confidence) this.confidence = scratch.allocate("f32", [drafted, 1], "confidence");
    } catch (error) {
      arena[Symbol.dispose]();
      throw error;
    }
  }

  /** What the entries of its logits stand for, where that is not the verifier's tokens by their ids. */
  get map(): EntryMap | undefined {
    return this.recent?.map ?? this.head.map;
  }

  /** Queues `count` tokens of the text behind those read, from rows of `input`: their keys and values. */
  queueContext(count: number): void {
    const { head: { fc, fcNorm, layers, context: all, config }, device, cache, cacheLength } = this;
    const step = { rows: count, cacheLength };
    const { space, ...context } = this.#context(count);
    const { rmsNormEps: eps, kvHeads, headDim } = config;
    queueLinear(space, fc, space.residual, rows(this.input, 0, count), "logits");
    rmsNorm(device, space.normed, space.residual, fcNorm!, eps);
    if (all) {
      const kv = rows(this.#keysOfAll!, 0, count);
      queueLinear(space, all.keys, kv, space.normed, "store");
      const { table: caches, slots, keys: [{ dtype }] } = cache;
      const shape = { caches, slots, cache: dtype, kvHeads, headDim };
      ropeKeys(device, kv, { table: this.#rope, cacheLength, kNorms: all.norms, eps, ...shape });
      return;
    }
    layers.forEach((layer, i) =>
      queueKeys(
        { space, ...context },
        layer,
        { step, keys: cache.keys[i], values: cache.values[i] },
        space.normed,
      )
    );
  }

  /** Queues a block behind the text, whose last token is `history[cacheLength]`: `hidden` and `logits`. */
  queueBlock(history: Tensor<"i32">): void {
    const { head, device, cache, cacheLength } = this;
    const { embedding, layers, finalNorm, lmHead, config: { rmsNormEps: eps } } = head;
    const count = this.#rows;
    const step = { rows: count, cacheLength, mask: this.#seen };
    const context = this.#context(count);
    const { residual, normed } = context.space;
    embedding.queue(rows(residual, 0, 1), history, { start: cacheLength });
    if (count > 1) embedding.queue(rows(residual, 1, count), this.#masks);
    layers.forEach((layer, i) =>
      queueLayer(context, layer, [{ step, keys: cache.keys[i], values: cache.values[i] }])
    );
    rmsNorm(device, normed, residual, finalNorm!, eps);
    queueLinear(context.space, lmHead, columns(this.logits, 0, lmHead.n), this.hidden, "logits");
    this.recent?.queue(this.logits, this.hidden);
  }

  /** Queues the logits of the i-th drafted token behind each of the first `count` tokens of `before`: `followed`. */
  queueFollowed(i: number, before: TokenRows, count: number): void {
    const out = rows(this.followed, 0, count);
    gatherRows(this.device, out, rows(this.logits, i, i + 1), rows(this.#zeros, 0, count));
    if (this.#said === undefined) return;
    const said = rows(this.#said, 0, count);
    this.#queueSaid(said, before);
    this.#queueAdded(out, said);
  }

  /** Queues row i of `says`: what the first token of `before` says about the i-th drafted one. */
  queueSaid(i: number, before: TokenRows): void {
    this.#queueSaid(rows(this.#said!, i, i + 1), before);
  }

  /** Queues what row i of `says` holds on top of row i of `logits`. */
  queueAdded(i: number): void {
    this.#queueAdded(rows(this.logits, i, i + 1), rows(this.#said!, i, i + 1));
  }

  /** Queues the first `count` rows of `confidence`, of `hidden` and `says`. */
  queueConfidence(count: number): void {
    const { row, said } = this.head.confidence!;
    const out = rows(this.confidence!, 0, count);
    queueLinear(this.#space, row, out, rows(this.hidden, 0, count), "logits");
    if (said) queueLinear(this.#space, said, out, rows(this.#said!, 0, count), "residual");
  }

  #queueSaid(said: Tensor, { tokens, start, shift }: TokenRows): void {
    this.head.markov!.before.queue(said, tokens, { start, shift });
  }

  #queueAdded(logits: Tensor<"f32">, said: Tensor): void {
    const { after } = this.head.markov!;
    queueLinear(this.#space, after, columns(logits, 0, after.n), said, "residual");
  }

  #context(count: number): LayerContext {
    const { device, head: { config } } = this;
    return { device, config, space: cut(this.#space, count), rope: this.#rope };
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
