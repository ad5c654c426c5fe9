/**
 * The order that Marlin's kernels want scales in: a thread finds those of its outputs behind one another.
 *
 * @module
 */

/** Of 64 stored scales of groups, which output each belongs to: 8 rows of 8, transposed. */
const GROUP_ORDER: readonly number[] = Array.from(
  { length: 64 },
  (_, i) => Math.floor(i / 8) + 8 * (i % 8),
);

/** Of 32 stored scales of channels, which output each belongs to. */
const CHANNEL_ORDER: readonly number[] = Array.from(
  { length: 32 },
  (_, i) => 2 * Math.floor(i / 8) + [0, 1, 8, 9, 16, 17, 24, 25][i % 8],
);

/** What the orders are for. */
export type Numbers = Float16Array<ArrayBuffer> | Float32Array<ArrayBuffer>;

/** Scales of groups in order of outputs; `n` of each group, a multiple of 64. */
export function groupScalesInOrder<T extends Numbers>(stored: T): T {
  return reorder(stored, GROUP_ORDER);
}

/** Scales of channels in order of outputs; a multiple of 32. */
export function channelScalesInOrder<T extends Numbers>(stored: T): T {
  return reorder(stored, CHANNEL_ORDER);
}

function reorder<T extends Numbers>(stored: T, order: readonly number[]): T {
  const out = stored.slice() as T;
  for (let start = 0; start < stored.length; start += order.length) {
    for (let i = 0; i < order.length; i++) out[start + order[i]] = stored[start + i];
  }
  return out;
}
