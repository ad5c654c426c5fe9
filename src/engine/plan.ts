/**
 * How much device memory a configuration will take, known before a weight is read.
 *
 * @module
 */
import { OutOfDeviceMemoryError } from "../base/errors.ts";
import type { ModelConfig } from "../checkpoint/config.ts";
import { stateBytes } from "../model/mod.ts";
import { MAX_TREE_ROWS } from "../ops/mod.ts";
import { PREFILL_ROWS } from "../speculation/mod.ts";

/** Slots behind the context that any drafter may need. */
const SLACK = 5 * MAX_TREE_ROWS;

/** One model of a configuration. */
export interface PlannedModel {
  /** `target`, `draft` or `head`. */
  readonly role: string;
  /** Shapes. */
  readonly config: ModelConfig;
  /** Bytes of its weights on a device. */
  readonly weightBytes: number;
}

/** Bytes of one configuration at one context. */
export interface MemoryPlan {
  /** Tokens that it is for. */
  readonly context: number;
  /** Bytes of each part. */
  readonly parts: readonly { readonly label: string; readonly bytes: number }[];
  /** Their sum. */
  readonly total: number;
}

/** Plans the memory of `models` for texts of `context` tokens. */
export function planMemory(models: readonly PlannedModel[], context: number): MemoryPlan {
  const parts = models.flatMap(({ role, config, weightBytes }) => {
    const sizes = {
      context,
      slots: context + SLACK,
      rows: PREFILL_ROWS.cuda,
      logitsRows: MAX_TREE_ROWS,
    };
    return [
      { label: `${role}: weights`, bytes: weightBytes },
      { label: `${role}: KV cache and buffers`, bytes: stateBytes(config, sizes) },
    ];
  });
  return { context, parts, total: parts.reduce((sum, part) => sum + part.bytes, 0) };
}

/** The longest context whose plan fits into `free` bytes; 0 where none does. */
export function largestContext(models: readonly PlannedModel[], free: number): number {
  const base = planMemory(models, 0).total;
  const perToken = (planMemory(models, 1024).total - base) / 1024;
  return Math.max(0, Math.floor((free - base) / perToken));
}

/** Throws `OutOfDeviceMemoryError` where `models` do not fit into `free` bytes at `context`. */
export function checkMemory(models: readonly PlannedModel[], context: number, free: number): void {
  const { total } = planMemory(models, context);
  if (total <= free) return;
  const largest = largestContext(models, free);
  throw new OutOfDeviceMemoryError(
    total,
    free,
    `Cannot load these models at a context of ${context}: they need ${megabytes(total)}, ` +
      `${megabytes(free)} are free; ` +
      (largest > 0 ? `the largest context that fits is ${largest}` : "no context fits"),
  );
}

/** Bytes for people, in units of 1000. */
export function megabytes(bytes: number): string {
  return bytes >= 1e9 ? `${(bytes / 1e9).toFixed(2)} GB` : `${(bytes / 1e6).toFixed(1)} MB`;
}
