/**
 * How much device memory a configuration will take, known before a weight is read.
 *
 * @module
 */
import type { KvCacheDType } from "../base/dtype.ts";
import { OutOfDeviceMemoryError } from "../base/errors.ts";
import { megabytes } from "../base/megabytes.ts";
import { checkArgument, integer, required } from "../base/options.ts";
import type { ModelConfig } from "../checkpoint/config/config.ts";
import type { Head } from "../checkpoint/head.ts";
import type { Device } from "../device/mod.ts";
import {
  attentionWorkspaceBytes,
  type BufferNeeds,
  checkKvCache,
  choiceBytes,
  type HeadSummary,
  kvCacheBytes,
  stateBytes,
} from "../model/mod.ts";
import { MAX_HEAD_ROWS, MAX_TREE_ROWS } from "../ops/mod.ts";
import { MOST_SLOTS, PREFILL_ROWS } from "../speculation/mod.ts";
import { MOST_SIBLING_BYTES } from "../speculation/trees/siblings.ts";
import { MOST_TREE_BYTES } from "../speculation/trees/tree.ts";

export { megabytes };

/**
 * Slots behind the context that any drafter may need: a draft model's rows, and behind them, in its rounds, what a head reads of
 * the text at once, two more than the levels of its tree, and its rows on all of them.
 */
const SLACK = 1 + MAX_TREE_ROWS + (MAX_HEAD_ROWS + 3) + MAX_HEAD_ROWS;

/** Slots behind that where there are several texts: what the last round of one may take beyond its end. */
const BEYOND = 1 + MAX_TREE_ROWS;

/** Bytes of the proposals that a model of a role makes, at most. */
const PROPOSAL_BYTES: Readonly<Record<string, number>> = {
  head: MOST_TREE_BYTES,
  draft: MOST_SIBLING_BYTES,
};

/** One model of a configuration. */
export interface PlannedModel {
  /** `target`, `draft` or `head`. */
  readonly role: string;
  /** Shapes. */
  readonly config: ModelConfig;
  /** Bytes of its weights on a device. */
  readonly weightBytes: number;
  /** Which buffers it needs. */
  readonly needs: BufferNeeds;
  /** Bytes of buffers beside that, for each row of a forward; none where absent. */
  readonly rowBytes?: number;
  /** Bytes for each token of the longest text; none where absent. */
  readonly slotBytes?: number;
  /** Bytes for each text, however long; none where absent. */
  readonly textBytes?: number;
}

/** The plan of a head, and that of the model `above`, which keeps for it what it reads: of all of a text, where it `waits`. */
export function withHead(
  above: PlannedModel,
  { config }: Pick<Head, "config">,
  { weightBytes, needs, vocabulary, rowBytes, tapBytes, recentBytes }: HeadSummary,
  waits = false,
): readonly [above: PlannedModel, head: PlannedModel] {
  // A head without an output projection has that of the model above.
  const { logitsScratch } = vocabulary === undefined ? above.needs : needs;
  return [
    {
      ...above,
      rowBytes: tapBytes,
      // An EAGLE-2 head reads the last hidden states, which need no buffer of their own otherwise.
      slotBytes: waits ? tapBytes || 2 * above.config.hiddenSize : 0,
    },
    {
      role: "head",
      config: { ...config.model, vocabSize: vocabulary ?? above.config.vocabSize },
      weightBytes,
      needs: { ...needs, logitsScratch },
      rowBytes,
      textBytes: recentBytes,
    },
  ];
}

/** Bytes of one configuration at one context. */
export interface MemoryPlan {
  /** Tokens that it is for. */
  readonly context: number;
  /** Texts at once that it is for. */
  readonly slots: number;
  /** Bytes of each part. */
  readonly parts: readonly { readonly label: string; readonly bytes: number }[];
  /** Their sum. */
  readonly total: number;
}

/** Caches of a configuration. */
export interface PlannedCaches {
  /** How they keep keys and values; `f16` where absent. */
  readonly kvCache?: KvCacheDType;
  /** Texts at once, each with caches of its own, while all buffers are shared; 1 where absent. */
  readonly slots?: number;
}

/**
 * Plans the memory of `models` for texts of `context` tokens. What attention needs beside is known to a device alone; it is left
 * out without one.
 */
export function planMemory(
  models: readonly PlannedModel[],
  context: number,
  device?: Device,
  { kvCache = "f16", slots: count = 1 }: PlannedCaches = {},
): MemoryPlan {
  checkArgument("plan memory", "context", context, required(integer(0)));
  checkArgument("plan memory", "slots", count, integer(1, MOST_SLOTS));
  const rows = PREFILL_ROWS[device?.backend ?? "cuda"];
  const slots = context + SLACK + (count > 1 ? BEYOND : 0);
  const sizes = { context, slots, rows, logitsRows: MAX_TREE_ROWS, kvCache };
  const parts = models.flatMap((one) => {
    const { role, config, weightBytes, needs, rowBytes = 0, slotBytes = 0, textBytes = 0 } = one;
    const choice = role === "head" ? 0 : choiceBytes(config, sizes.logitsRows);
    const cache = kvCacheBytes(config, slots, kvCache);
    const ofEach = cache + (PROPOSAL_BYTES[role] ?? 0) + slots * slotBytes + textBytes;
    const buffers = stateBytes(config, sizes, needs) - cache + choice + rows * rowBytes +
      count * ofEach;
    checkKvCache(config, kvCache);
    const attention = device ? attentionWorkspaceBytes(device, config, rows, slots, kvCache) : 0;
    return [
      { label: `${role}: weights`, bytes: weightBytes },
      { label: `${role}: KV cache and buffers`, bytes: buffers + attention },
    ];
  });
  return { context, slots: count, parts, total: parts.reduce((sum, part) => sum + part.bytes, 0) };
}

/** The longest context whose plan fits into `free` bytes; 0 where none does. */
export function largestContext(
  models: readonly PlannedModel[],
  free: number,
  device?: Device,
  kvCache?: KvCacheDType,
): number {
  const base = planMemory(models, 0, device, { kvCache }).total;
  const perToken = (planMemory(models, 65536, device, { kvCache }).total - base) / 65536;
  return Math.max(0, Math.floor((free - base) / perToken));
}

/** The most texts at once that fit into `free` bytes; 0 where none does. */
export function mostSlots(
  models: readonly PlannedModel[],
  context: number,
  free: number,
  device?: Device,
  kvCache?: KvCacheDType,
): number {
  const totalOf = (slots: number) => planMemory(models, context, device, { kvCache, slots }).total;
  const two = totalOf(2);
  if (two > free) return totalOf(1) > free ? 0 : 1;
  return Math.min(MOST_SLOTS, 2 + Math.floor((free - two) / (totalOf(3) - two)));
}

/** Throws `OutOfDeviceMemoryError` where `models` and `caches` do not fit into what is free on `device` at `context`. */
export function checkMemory(
  models: readonly PlannedModel[],
  context: number,
  device: Device,
  caches: PlannedCaches = {},
): void {
  const { free } = device.memory();
  const { total } = planMemory(models, context, device, caches);
  if (total <= free) return;
  const { kvCache, slots = 1 } = caches;
  const fitting = slots > 1 ? mostSlots(models, context, free, device, kvCache) : 0;
  if (fitting > 0) {
    throw new OutOfDeviceMemoryError(
      total,
      free,
      `Cannot load these models for ${slots} texts at once at a context of ${context}: they need ${
        megabytes(total)
      }, ${
        megabytes(free)
      } are free; expected at most ${fitting} at once (slots, --slots on the command line), ` +
        "or a shorter context",
    );
  }
  const largest = largestContext(models, free, device, kvCache);
  throw new OutOfDeviceMemoryError(
    total,
    free,
    `Cannot load these models at a context of ${context}: they need ${megabytes(total)}, ` +
      `${megabytes(free)} are free; ` +
      (largest > 0 ? `the largest context that fits is ${largest}` : "no context fits"),
  );
}
