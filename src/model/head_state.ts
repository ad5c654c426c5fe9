/**
 * A head at work on one sequence: its cache, its buffers, its steps.
 *
 * @module
 */
import { Arena, columns, type Device, rows, type Tensor } from "../device/mod.ts";
import type { EntryMap } from "../ops/mod.ts";
import { eagle2Steps } from "./eagle2_steps.ts";
import { eagle3Steps } from "./eagle3_steps.ts";
import type { HeadModel, HeadWeights } from "./head.ts";
import type { ContinuedRows, HeadParts, HeadRows, HeadSteps } from "./head_steps.ts";
import { KvCache } from "./kv_cache.ts";
import { ropeTensor } from "./rope.ts";
import type { StateOptions, TokenRows } from "./state.ts";
import type { Step } from "./step.ts";
import { RecentRows } from "./recent_rows.ts";
import { workspace } from "./workspace.ts";

/** The steps of each family of heads that draft token by token; the others have a `BlockState`. */
const STEPS = { eagle2: eagle2Steps, eagle3: eagle3Steps };

function stepsOf(kind: HeadModel["description"]["kind"]): (parts: HeadParts) => HeadSteps {
  if (kind in STEPS) return STEPS[kind as keyof typeof STEPS];
  throw new Error(`a head of kind ${kind} drafts no single tokens`);
}

/** The rows of one sequence in a step of several. */
export interface HeadPart extends Omit<HeadRows, "cache"> {
  /** The sequence. */
  readonly state: HeadState;
}

/** Those that go on from what the head gave itself. */
export interface ContinuedPart extends Omit<ContinuedRows, "cache"> {
  /** The sequence. */
  readonly state: HeadState;
}

/** A head at work on one sequence. Row i of its cache holds the pair (embedding of token i + 1, hidden state i). */
export class HeadState implements Disposable {
  /** The head. */
  readonly head: HeadWeights;
  /** The device. */
  readonly device: Device;
  /** Keys and values. */
  readonly cache: KvCache;
  /** Pairs committed to the cache, i32 [1]. */
  readonly cacheLength: Tensor<"i32">;
  /** The same number as the host knows it. */
  length = 0;
  /** Logits, f32 [logitsRows, its vocabulary]. */
  readonly logits: Tensor<"f32">;
  /** Its recent tokens, where it has any. */
  readonly recent?: RecentRows;
  /** Most rows of one forward. */
  readonly rows: number;
  readonly #arena: Arena;
  readonly #steps: HeadSteps;

  /** Allocates caches and buffers for `head`. */
  constructor(head: HeadWeights, options: StateOptions) {
    const { config, verifier } = head;
    const { device, dtype } = verifier;
    this.head = head;
    this.device = device;
    this.rows = options.rows;
    const arena = new Arena(device, `state of ${head.dir}`);
    this.#arena = arena;
    try {
      this.cache = new KvCache(arena, config, dtype, options.slots, options.kvCache);
      this.cacheLength = arena.fromHost("i32", [1], new Int32Array(1));
      const needs = { ...head.summary.needs, logitsScratch: head.lmHead.scratch };
      const { scratch = arena } = options;
      const space = workspace(device, scratch, config, dtype, options, needs);
      this.logits = scratch.allocate("f32", [options.logitsRows, head.vocabulary], "logits");
      if (head.recent) this.recent = new RecentRows(arena, head, head.recent);
      const rope = ropeTensor(scratch, config, options.slots, options.context);
      this.#steps = stepsOf(head.description.kind)({ head, scratch, space, rope });
    } catch (error) {
      arena[Symbol.dispose]();
      throw error;
    }
  }

  /** Where callers put hidden states of the verifier, activation dtype [rows, all that it reads], rows may have gaps. */
  get input(): Tensor {
    return this.#steps.input;
  }

  /** What the last forward predicts, [rows, hidden]: what steps go on from, and logits are taken of. */
  get hidden(): Tensor {
    return this.#steps.hidden;
  }

  /** Queues the head on the rows of `input` and the tokens `ids`: `hidden` rows 0..step.rows-1. */
  queueForward(step: Step, ids: TokenRows): void {
    HeadState.queueForwards([{ state: this, step, ids }]);
  }

  /**
   * Queues the head on rows of several sequences, which share their buffers: their rows lie one behind another in `input` and
   * `hidden`. What comes of a row does not depend on the rows beside it.
   */
  static queueForwards(parts: readonly HeadPart[]): void {
    const [{ state }] = parts;
    state.#steps.queueForward(
      parts.map(({ state: { cache }, ...where }) => ({ ...where, cache })),
    );
  }

  /** The same of `queueContinue`. */
  static queueContinues(parts: readonly ContinuedPart[]): void {
    const [{ state }] = parts;
    state.#steps.queueContinue(
      parts.map(({ state: { cache }, ...where }) => ({ ...where, cache })),
    );
  }

  /**
   * Queues the head on hidden states of its own, rows `index`, i32 [step.rows], of `from`, which has the dtype and width of
   * `hidden` and is no other memory of this state than that; writes `hidden` last.
   */
  queueContinue(step: Step, ids: TokenRows, from: Tensor, index: Tensor<"i32">): void {
    HeadState.queueContinues([{ state: this, step, ids, from, index }]);
  }

  /** What the entries of its logits stand for, where that is not the verifier's tokens by their ids. */
  get map(): EntryMap | undefined {
    return this.recent?.map ?? this.head.map;
  }

  /** Queues the logits of `x`, rows as in `hidden`, into rows 0.. of `logits`. */
  queueLogits(x: Tensor): void {
    HeadState.queueAllLogits([this], x);
  }

  /** The same for several sequences, each with as many of the rows, one behind another. */
  static queueAllLogits(states: readonly HeadState[], x: Tensor): void {
    const [first] = states;
    const [all] = x.shape;
    const logits = rows(first.logits, 0, all);
    first.#steps.queueLogits(columns(logits, 0, first.head.lmHead.n), x);
    const count = all / states.length;
    for (const [i, { recent }] of states.entries()) {
      const [from, end] = [i * count, (i + 1) * count];
      recent?.queue(rows(logits, from, end), rows(x, from, end));
    }
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
