/**
 * GPTQ (arXiv 2210.17323): inputs are quantized one after the other, and what one gets wrong those behind it
 * make up for as well as they can.
 *
 * @module
 */
import { Arena, columns, type Device, rows } from "../../device/mod.ts";
import { gemmF32 } from "../../ops/mod.ts";
import { BlockMover } from "./device_matrix.ts";
import { BLOCK, dampOf, type Factor, factorize } from "./factor.ts";
import { type EarlyGroups, gptqRows, groupEnd } from "./gptq_rows.ts";
import type { Coded } from "../grids/coded.ts";
import { expectFinite, type Grid } from "../grids/grid.ts";
import { adopt, portable } from "../grids/portable_grid.ts";
import { RowPool } from "../rows/row_pool.ts";
import type { RowOptions } from "./rtn.ts";

/**
 * Which inputs come first, for the others to make up for. `natural`: as they are. `static`: the most active ones;
 * what groups share is chosen before, so a group stays a run of inputs. `activity`: the most active ones, and
 * groups follow that order, so a file must say which group an input is in, and activations are gathered.
 */
export type InputOrder = "natural" | "static" | "activity";

/** All orders, the default first. */
export const INPUT_ORDERS: readonly InputOrder[] = ["static", "natural", "activity"];

/** How GPTQ works. */
export interface GptqOptions {
  /** Added to the Hessian's diagonal, as a share of its mean: 0.01 is usual. */
  readonly damping: number;
  /** Which inputs come first. */
  readonly order: InputOrder;
}

/** What GPTQ needs to know of a layer's inputs: it serves all weights that read them. */
export interface GptqInputs extends Disposable {
  /** The factored Hessian. */
  readonly factor: Factor;
  /** Which input comes when, i32 [k]; as they are where absent. */
  readonly order?: Int32Array<ArrayBuffer>;
  /**
   * The diagonal of the damped Hessian, f32 [k]: what an error of each input costs if none makes up for it. Where
   * it is given, groups are runs of inputs and fitted with it before any input is quantized.
   */
  readonly importance?: Float32Array<ArrayBuffer>;
}

/** Inputs whose errors the host adds up itself; the device brings them to all that come later. */
const STEP = 32;

/** Prepares `hessian`, f32 [k, k]: the sum of x^T x over rows of input, up to a factor. */
export function gptqInputs(
  device: Device,
  hessian: Float32Array,
  k: number,
  options: GptqOptions,
): GptqInputs {
  const { damping } = options;
  const order = options.order === "natural"
    ? undefined
    : Int32Array.from({ length: k }, (_, i) => i)
      .sort((a, b) => hessian[b * k + b] - hessian[a * k + a] || a - b);
  const factor = factorize(device, hessian, k, damping, order);
  const damp = dampOf(hessian, k, damping);
  return {
    factor,
    ...(order && { order }),
    ...(options.order === "static" && {
      importance: Float32Array.from({ length: k }, (_, i) => hessian[i * k + i] + damp),
    }),
    [Symbol.dispose]: () => factor[Symbol.dispose](),
  };
}

/**
 * Codes of a weight f32 [n, k]. On the device lies what inputs should be, those before them given: the errors of
 * a step are brought to the rest of their block, those of a block to everything behind it.
 * Deterministic, whatever the number of threads; an ArgumentError where a value is not finite.
 */
export function gptq(
  weight: Float32Array,
  grid: Grid,
  inputs: GptqInputs,
  { pool = new RowPool(), values }: RowOptions = {},
): Coded {
  const { n, k } = grid;
  const { factor: { device, shares, nearShares, costs }, order, importance } = inputs;
  expectFinite(weight);
  // Where groups are fitted before, a step has none to fit.
  const group = importance === undefined ? grid.group : 1;
  // Inputs are in order from here on.
  const exact = order === undefined ? weight : inOrder(weight, order);
  const widest = group < k ? Math.max(STEP, group) : STEP;
  using arena = new Arena(device, "GPTQ");
  using mover = new BlockMover(device, n, widest);
  const wanted = arena.fromHost("f32", [n, k], exact);
  const errors = arena.allocate("f32", [n, Math.min(BLOCK, k)]);
  const { given, run } = pool.share(gptqRows, {
    grid: portable(grid),
    nearShares,
    costs,
    values: exact,
    codes: new Uint8Array(n * k),
    current: new Float32Array(n * Math.min(widest, k)),
    errors: new Float32Array(n * STEP),
    early: importance && order && earlyGroups(order, importance, grid.group),
  });
  if (importance !== undefined) run("fit", n);
  for (const [begin, finish] of pieces(0, k, BLOCK, group, k)) {
    for (const [start, end] of pieces(begin, finish, STEP, group, k)) {
      // A group that begins here may go on behind the step.
      const reach = start % group === 0 ? Math.max(end, groupEnd(start, group, k)) : end;
      if (start > 0) mover.download(columns(wanted, start, reach), given.current);
      run({ start, end, reach }, n);
      if (end === k) break;
      const ours = columns(errors, start - begin, end - begin);
      mover.upload(ours, given.errors.subarray(0, n * (end - start)));
      if (end === finish) continue;
      const near = columns(rows(shares, start, end), end, finish);
      gemmF32(device, columns(wanted, end, finish), ours, near, { update: "add" });
    }
    if (finish === k) break;
    const far = columns(rows(shares, begin, finish), finish, k);
    const ours = columns(errors, 0, finish - begin);
    gemmF32(device, columns(wanted, finish, k), ours, far, { update: "add" });
  }
  adopt(grid, given.grid);
  const codes = new Uint8Array(n * k);
  copyBack(codes, given.codes, order);
  if (values !== undefined) {
    run("values", n);
    copyBack(values, given.values, order);
  }
  if (order === undefined || importance !== undefined || group >= k) return { codes };
  const groupOf = new Int32Array(k);
  order.forEach((input, i) => groupOf[input] = Math.floor(i / group));
  return { codes, groupOf };
}

/**
 * Cuts inputs into pieces that end at multiples of `width`, or before a group that would go on behind such an
 * end: a group is fitted once all that comes before it has been brought to all of it.
 */
function* pieces(
  from: number,
  to: number,
  width: number,
  group: number,
  k: number,
): Generator<readonly [start: number, end: number]> {
  for (let start = from, end; start < to; start = end) {
    end = Math.min(to, (Math.floor(start / width) + 1) * width);
    const last = Math.floor((end - 1) / group) * group;
    if (last > start && groupEnd(last, group, k) > end) end = last;
    yield [start, end];
  }
}

/** What rows must know of groups that are runs of inputs while inputs come in another order. */
function earlyGroups(order: Int32Array, importance: Float32Array, group: number): EarlyGroups {
  const places = new Int32Array(order.length);
  order.forEach((input, place) => places[input] = place);
  return { importance, places, groups: order.map((input) => Math.floor(input / group)) };
}

/** The values with inputs in another order. */
function inOrder(weight: Float32Array, order: Int32Array): Float32Array<ArrayBuffer> {
  const k = order.length;
  const out = new Float32Array(weight.length);
  for (let at = 0; at < out.length; at += k) {
    for (let i = 0; i < k; i++) out[at + i] = weight[at + order[i]];
  }
  return out;
}

/** Brings rows of inputs in order to where they belong. */
function copyBack<T extends Uint8Array | Float32Array>(to: T, from: T, order?: Int32Array): void {
  if (order === undefined) return to.set(from);
  const k = order.length;
  for (let at = 0; at < to.length; at += k) {
    for (let i = 0; i < k; i++) to[at + order[i]] = from[at + i];
  }
}
