/**
 * The memory that all levels of one sequence share.
 *
 * @module
 */
import type { KvCacheDType } from "../../base/dtype.ts";
import type { Arena, Device } from "../../device/mod.ts";
import { Choice } from "./choice.ts";
import { FORCED_ROWS } from "./constraint.ts";
import type { DrafterPlan, SequenceMemory } from "./drafter.ts";
import type { Seat } from "./seats.ts";

/**
 * Rows of one forward while a prompt is read. A GPU reads its weights once for all of them; a CPU gains
 * nothing beyond a few hundred, and looks at signals only between two forwards.
 */
export const PREFILL_ROWS: Readonly<Record<Device["backend"], number>> = { cpu: 256, cuda: 1024 };

/** Slots that a text of `length` tokens needs, with the rows that forwards need behind it. */
export function slotsOf(memory: SequenceMemory, length: number): number {
  return Math.min(memory.slots - memory.context + length, memory.slots);
}

/** How a session reads prompts and keeps what it has read. */
export interface MemoryOptions {
  /** Most tokens of a prompt that are read at once; what suits the backend where absent. */
  readonly promptRows?: number;
  /** See `SequenceMemory`. */
  readonly kvCache?: KvCacheDType;
  /** Of one of several sequences; see `SequenceMemory`. */
  readonly seat?: Seat;
}

/** Allocates the shared memory of a sequence of up to `context` tokens. */
export function sequenceMemory(
  device: Device,
  arena: Arena,
  context: number,
  plan?: DrafterPlan,
  { promptRows = Infinity, kvCache, seat }: MemoryOptions = {},
): SequenceMemory {
  // Others' rounds may verify rows behind a text that its last round has taken beyond its end.
  const beyond = seat ? 1 + (plan?.depth ?? 0) : 0;
  const slots = context + 1 + Math.max(plan?.rows ?? 1, plan?.slack ?? 0, FORCED_ROWS) + beyond;
  return {
    device,
    history: arena.fromHost("i32", [slots + 1], new Int32Array(slots + 1)),
    text: new Int32Array(slots + 1),
    context,
    slots,
    prefillRows: Math.min(promptRows, PREFILL_ROWS[device.backend], context),
    kvCache,
    choice: new Choice(device, arena),
    seat,
  };
}
