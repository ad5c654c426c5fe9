/**
 * Logits of whole texts, and how they are held against those of a reference.
 */
import { assert, assertEquals, assertLess } from "@std/assert";
import { Graph, rows } from "../src/device/mod.ts";
import { type Model, ModelState } from "../src/model/mod.ts";
import { fill } from "../src/ops/mod.ts";
import type { Rig } from "./rig.ts";

/**
 * Largest error of a logit, by the activations' dtype. bf16 keeps 8 bits where f16 keeps 11: 8 times as much.
 */
export const TOLERANCE = { f16: 2e-2, bf16: 16e-2 };

/** Most rows of a forward that is captured. */
const FEW = 24;

/** Compares rows of numbers: the largest error, and the top entry wherever its margin is larger than that may be. */
export function assertRows(
  found: Float32Array,
  expected: Float32Array,
  width: number,
  tolerance: number,
): void {
  assertEquals(found.length, expected.length);
  let worst = 0;
  let decided = 0;
  for (let at = 0; at < found.length; at += width) {
    const row = expected.subarray(at, at + width);
    for (let i = 0; i < width; i++) worst = Math.max(worst, Math.abs(found[at + i] - row[i]));
    const [first, second] = Float32Array.from(row).sort().reverse();
    if (first - second <= tolerance) continue;
    decided++;
    const top = found.subarray(at, at + width);
    assertEquals(top.indexOf(Math.max(...top)), row.indexOf(first), `top-1 of row ${at / width}`);
  }
  assert(!found.some(Number.isNaN), "NaN");
  assertLess(worst, tolerance, "largest error");
  assert(decided > found.length / width / 2, "few rows have a margin");
}

/** Logits of all `tokens`, [tokens, vocabulary]; those of the first are the same in a graph. */
export function modelLogits(rig: Rig, model: Model, tokens: readonly number[]): Float32Array {
  const count = tokens.length;
  using state = new ModelState(model, {
    context: count,
    slots: count,
    rows: count,
    logitsRows: count,
  });
  state.cache.ensure(count);
  const ids = rig.put("i32", [count], tokens);
  const queue = (few: number): void => {
    const { cacheLength } = state;
    state.queueForward({ rows: few, cacheLength }, { tokens: rows(ids, 0, few) });
    state.queueLogits(few);
  };
  // In a graph kernels overlap as nowhere else: the bits are the same in every family.
  const few = Math.min(FEW, count);
  const first = rows(state.logits, 0, few);
  queue(few);
  const direct = rig.device.download(first);
  using graph = Graph.capture(rig.device, () => queue(few));
  fill(rig.device, first, 0xff);
  graph.launch();
  const captured = rig.device.download(first);
  assert(captured.every((byte, i) => byte === direct[i]), "captured, the logits differ");

  queue(count);
  return new Float32Array(rig.device.download(state.logits).buffer);
}
