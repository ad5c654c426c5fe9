/** What codes stand for, one by one. */
import type { Grid } from "../../src/quantize/grids/grid.ts";

/** The values of codes u8 [n, k], f32 [n, k]; `groupOf` is the group of each input where they do not ascend. */
export function valuesOf(
  grid: Grid,
  codes: Uint8Array,
  groupOf?: Int32Array,
): Float32Array<ArrayBuffer> {
  const { n, k, group } = grid;
  const out = new Float32Array(n * k);
  const groups = groupOf ?? Int32Array.from({ length: k }, (_, j) => Math.floor(j / group));
  for (let row = 0, at = 0; row < n; row++) {
    for (let j = 0; j < k; j++, at++) out[at] = grid.value(row, groups[j], codes[at]);
  }
  return out;
}
