/**
 * GPTQ (arXiv 2210.17323): inputs are quantized one after the other, and what one gets wrong those behind it
 * make up for as well as they can.
 *
 * @module
 */
import { Arena, columns, type Device, rows } from "../../device/mod.ts";
import { gemmF32 } from "../../ops/mod.ts";
import { BlockMover } from "./device_matrix.ts";
import { BLOCK, type Factor, factorize } from "./factor.ts";
import { expectFinite, type Grid } from "./grid.ts";

/** How GPTQ works. */
export interface GptqOptions {
  /** Added to the Hessian's diagonal, as a share of its mean: 0.01 is usual. */
  readonly damping: number;
  /** Whether the most active inputs come first, and groups follow that order. */
  readonly actOrder: boolean;
}

/** A weight as codes. */
export interface Coded {
  /** u8 [n, k]. */
  readonly codes: Uint8Array<ArrayBuffer>;
  /** The group of each input, i32 [k]; absent where groups are runs of inputs. */
  readonly groupOf?: Int32Array<ArrayBuffer>;
}

/** What GPTQ needs to know of a layer's inputs: it serves all weights that read them. */
export interface GptqInputs extends Disposable {
  /** The factored Hessian. */
  readonly factor: Factor;
  /** Which input comes when, i32 [k]; as they are where absent. */
  readonly order?: Int32Array<ArrayBuffer>;
}

/** Inputs whose errors the host adds up itself; the device brings them to all that come later. */
const STEP = 32;

/** Rows that share each read of the factor. */
const ROWS = 4;

/** Prepares `hessian`, f32 [k, k]: the sum of x^T x over rows of input, up to a factor. */
export function gptqInputs(
  device: Device,
  hessian: Float32Array,
  k: number,
  options: GptqOptions,
): GptqInputs {
  const { damping, actOrder } = options;
  const order = actOrder
    ? Int32Array.from({ length: k }, (_, i) => i)
      .sort((a, b) => hessian[b * k + b] - hessian[a * k + a] || a - b)
    : undefined;
  const factor = factorize(device, hessian, k, damping, order);
  return { factor, ...(order && { order }), [Symbol.dispose]: () => factor[Symbol.dispose]() };
}

/**
 * Codes of a weight f32 [n, k]. On the device lies what inputs should be, those before them given: the errors of
 * a step are brought to the rest of their block, those of a block to everything behind it.
 * Deterministic; an ArgumentError where a value is not finite.
 */
export function gptq(weight: Float32Array, grid: Grid, inputs: GptqInputs): Coded {
  const { n, k, group } = grid;
  const { factor: { device, shares }, order } = inputs;
  expectFinite(weight);
  for (let row = 0; row < n; row++) grid.fitRow?.(row, weight.subarray(row * k, (row + 1) * k));
  const values = order === undefined ? weight : inOrder(weight, order);
  const codes = new Uint8Array(n * k); // in order
  using arena = new Arena(device, "GPTQ");
  using mover = new BlockMover(device, n, group < k ? Math.max(STEP, group) : STEP);
  const wanted = arena.fromHost("f32", [n, k], values);
  const errors = arena.allocate("f32", [n, Math.min(BLOCK, k)]);
  for (const [begin, finish] of pieces(0, k, BLOCK, group, k)) {
    for (const [start, end] of pieces(begin, finish, STEP, group, k)) {
      // A group that begins here may go on behind the step.
      const reach = start % group === 0 ? Math.max(end, groupEnd(start, group, k)) : end;
      // What comes first is wanted as it is.
      const current = start === 0
        ? { values, stride: k }
        : { values: mover.download(columns(wanted, start, reach)), stride: reach - start };
      const made = quantizeStep(grid, inputs.factor, start, end, values, current, codes);
      if (end === k) break;
      const ours = columns(errors, start - begin, end - begin);
      mover.upload(ours, made);
      if (end === finish) continue;
      const near = columns(rows(shares, start, end), end, finish);
      gemmF32(device, columns(wanted, end, finish), ours, near, { update: "add" });
    }
    if (finish === k) break;
    const far = columns(rows(shares, begin, finish), finish, k);
    const ours = columns(errors, 0, finish - begin);
    gemmF32(device, columns(wanted, finish, k), ours, far, { update: "add" });
  }
  if (order === undefined) return { codes };
  const stored = new Uint8Array(n * k);
  for (let at = 0; at < codes.length; at += k) {
    for (let i = 0; i < k; i++) stored[at + order[i]] = codes[at + i];
  }
  if (group >= k) return { codes: stored };
  const groupOf = new Int32Array(k);
  order.forEach((input, i) => groupOf[input] = Math.floor(i / group));
  return { codes: stored, groupOf };
}

/** Where the group of input i ends. */
function groupEnd(i: number, group: number, k: number): number {
  return Math.min(k, (Math.floor(i / group) + 1) * group);
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

/** The values with inputs in another order. */
function inOrder(weight: Float32Array, order: Int32Array): Float32Array<ArrayBuffer> {
  const k = order.length;
  const out = new Float32Array(weight.length);
  for (let at = 0; at < out.length; at += k) {
    for (let i = 0; i < k; i++) out[at + i] = weight[at + order[i]];
  }
  return out;
}

/**
 * Quantizes the inputs `start` to `end` - 1 of all rows of `values` [n, k] into `codes`. `current` is what they,
 * and all inputs of their groups, should be as far as inputs before `start` have a say, from input `start` on.
 * Returns the errors, [n, end - start].
 */
function quantizeStep(
  grid: Grid,
  { nearShares, costs }: Factor,
  start: number,
  end: number,
  values: Float32Array,
  current: { readonly values: Float32Array; readonly stride: number },
  codes: Uint8Array,
): Float32Array {
  const { n, k, group } = grid;
  const width = end - start;
  const out = new Float32Array(n * width);
  const errors = new Float32Array(ROWS * width); // of the rows at work, side by side
  const sums = new Float64Array(ROWS);
  const whole = new Float32Array(ROWS * Math.min(group, k)); // a group of each row
  for (let first = 0; first < n; first += ROWS) {
    const count = Math.min(ROWS, n - first);
    sums.fill(0);
    for (let i = start; i < end; i++) {
      const g = Math.floor(i / group);
      if (i === g * group) {
        const size = groupEnd(i, group, k) - i;
        for (let j = 0; j < size; j++) {
          // A group that begins within the step ends there too; those that begin with it have no sums yet.
          if (i > start) addUp(sums, nearShares, i + j, errors, start, i);
          for (let r = 0; r < count; r++) {
            const at = (first + r) * current.stride + i + j - start;
            whole[r * size + j] = current.values[at] + sums[r];
          }
        }
        const importance = costs.subarray(i, i + size);
        for (let r = 0; r < count; r++) {
          grid.fit(first + r, g, whole.subarray(r * size, (r + 1) * size), importance);
        }
      }
      addUp(sums, nearShares, i, errors, start, i);
      for (let r = 0; r < count; r++) {
        const row = first + r;
        const code = grid.code(row, g, current.values[row * current.stride + i - start] + sums[r]);
        const error = values[row * k + i] - grid.value(row, g, code);
        codes[row * k + i] = code;
        errors[(i - start) * ROWS + r] = error;
        out[row * width + i - start] = error;
      }
    }
  }
  return out;
}

/** sums[r] = what row r's errors of inputs `from` to `to` - 1 leave to input i. */
function addUp(
  sums: Float64Array,
  nearShares: Float32Array,
  i: number,
  errors: Float32Array,
  from: number,
  to: number,
): void {
  let [s0, s1, s2, s3] = [0, 0, 0, 0];
  const first = i * BLOCK + from % BLOCK;
  for (let j = 0, at = 0; j < to - from; j++, at += ROWS) {
    const share = nearShares[first + j];
    s0 += errors[at] * share;
    s1 += errors[at + 1] * share;
    s2 += errors[at + 2] * share;
    s3 += errors[at + 3] * share;
  }
  [sums[0], sums[1], sums[2], sums[3]] = [s0, s1, s2, s3];
}
