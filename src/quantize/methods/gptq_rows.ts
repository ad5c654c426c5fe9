/**
 * What GPTQ does on the host: codes of a step's inputs, for some of the rows of a weight.
 *
 * @module
 */
import type { Grid } from "../grids/grid.ts";
import { arrived, type PortableGrid } from "../grids/portable_grid.ts";
import type { RowWork } from "../rows/row_work.ts";

/** Rows that share each read of the factor. */
const ROWS = 4;

/** Groups that are runs of inputs, though inputs come in another order: they are fitted before. */
export interface EarlyGroups {
  /** The weight of each input's squared error, by input, f32 [k]. */
  readonly importance: Float32Array;
  /** When each input comes, i32 [k]. */
  readonly places: Int32Array;
  /** The group of the input that comes then, i32 [k]. */
  readonly groups: Int32Array;
}

/** What GPTQ's rows are given. Inputs are in the order in which they are quantized. */
export interface GptqGiven {
  /** The numbers to choose from. */
  readonly grid: PortableGrid;
  /** See `Factor`, which says how many inputs a block has by its size. */
  readonly nearShares: Float32Array;
  /** See `Factor`. */
  readonly costs: Float32Array;
  /** The weight, f32 [n, k], which becomes the values of its codes where that is asked for. */
  readonly values: Float32Array;
  /** u8 [n, k]. */
  readonly codes: Uint8Array;
  /**
   * What the inputs of a step, and all inputs of their groups, should be as far as inputs before the step have a
   * say: f32 [n, reach - start]. What comes first is wanted as it is, and not read from here.
   */
  readonly current: Float32Array;
  /** The errors that a step makes, f32 [n, end - start]. */
  readonly errors: Float32Array;
  /** Groups that are fitted before; else each is, once all that comes before it is quantized. */
  readonly early?: EarlyGroups;
}

/** Inputs `start` to `end` - 1 of a weight; their groups end before `reach`. */
export interface GptqStep {
  /** The first input. */
  readonly start: number;
  /** The first one behind them. */
  readonly end: number;
  /** The first one that says nothing about their groups. */
  readonly reach: number;
}

/** Fits groups before all, quantizes the inputs of a step, or puts what codes stand for in place of the values. */
export const gptqRows: RowWork<GptqGiven, GptqStep | "fit" | "values"> = {
  name: "gptq",
  begin(given) {
    const grid = arrived(given.grid);
    return (call, from, to) => {
      if (call === "fit") fitEarly(grid, given, from, to);
      else if (call === "values") putValues(grid, given, from, to);
      else quantizeStep(grid, given, call, from, to);
    };
  },
};

/** Where the group of input i ends. */
export function groupEnd(i: number, group: number, k: number): number {
  return Math.min(k, (Math.floor(i / group) + 1) * group);
}

function fitEarly(grid: Grid, { values, early }: GptqGiven, from: number, to: number): void {
  const { k, group } = grid;
  const { importance, places } = early!;
  const exact = new Float32Array(k); // a row, its inputs as they were
  for (let row = from; row < to; row++) {
    for (let i = 0; i < k; i++) exact[i] = values[row * k + places[i]];
    grid.fitRow?.(row, exact);
    for (let start = 0, g = 0; start < k; start += group, g++) {
      const end = Math.min(start + group, k);
      grid.fit(row, g, exact.subarray(start, end), importance.subarray(start, end));
    }
  }
}

function putValues(
  grid: Grid,
  { values, codes, early }: GptqGiven,
  from: number,
  to: number,
): void {
  const { k, group } = grid;
  for (let row = from; row < to; row++) {
    if (early !== undefined) {
      for (let i = 0, at = row * k; i < k; i++, at++) {
        values[at] = grid.value(row, early.groups[i], codes[at]);
      }
      continue;
    }
    for (let start = 0, g = 0; start < k; start += group, g++) {
      const end = row * k + Math.min(start + group, k);
      for (let i = row * k + start; i < end; i++) values[i] = grid.value(row, g, codes[i]);
    }
  }
}

function quantizeStep(
  grid: Grid,
  { nearShares, costs, values, codes, current, errors: out, early }: GptqGiven,
  { start, end, reach }: GptqStep,
  from: number,
  to: number,
): void {
  const { k, group } = grid;
  const width = end - start;
  const block = nearShares.length / k;
  const [wanted, stride] = start === 0 ? [values, k] : [current, reach - start];
  const errors = new Float32Array(ROWS * width); // of the rows at work, side by side
  const sums = new Float64Array(ROWS);
  const whole = new Float32Array(ROWS * Math.min(group, k)); // a group of each row
  for (let first = from; first < to; first += ROWS) {
    const count = Math.min(ROWS, to - first);
    if (start === 0 && early === undefined) {
      for (let row = first; row < first + count; row++) {
        grid.fitRow?.(row, values.subarray(row * k, (row + 1) * k));
      }
    }
    sums.fill(0);
    for (let i = start; i < end; i++) {
      const g = early === undefined ? Math.floor(i / group) : early.groups[i];
      if (early === undefined && i === g * group) {
        const size = groupEnd(i, group, k) - i;
        for (let j = 0; j < size; j++) {
          // A group that begins within the step ends there too; those that begin with it have no sums yet.
          if (i > start) addUp(sums, nearShares, block, i + j, errors, start, i);
          for (let r = 0; r < count; r++) {
            const at = (first + r) * stride + i + j - start;
            whole[r * size + j] = wanted[at] + sums[r];
          }
        }
        const importance = costs.subarray(i, i + size);
        for (let r = 0; r < count; r++) {
          grid.fit(first + r, g, whole.subarray(r * size, (r + 1) * size), importance);
        }
      }
      addUp(sums, nearShares, block, i, errors, start, i);
      for (let r = 0; r < count; r++) {
        const row = first + r;
        const code = grid.code(row, g, wanted[row * stride + i - start] + sums[r]);
        const error = values[row * k + i] - grid.value(row, g, code);
        codes[row * k + i] = code;
        errors[(i - start) * ROWS + r] = error;
        out[row * width + i - start] = error;
      }
    }
  }
}

/** sums[r] = what row r's errors of inputs `from` to `to` - 1 leave to input i. */
function addUp(
  sums: Float64Array,
  nearShares: Float32Array,
  block: number,
  i: number,
  errors: Float32Array,
  from: number,
  to: number,
): void {
  let [s0, s1, s2, s3] = [0, 0, 0, 0];
  const first = i * block + from % block;
  for (let j = 0, at = 0; j < to - from; j++, at += ROWS) {
    const share = nearShares[first + j];
    s0 += errors[at] * share;
    s1 += errors[at + 1] * share;
    s2 += errors[at + 2] * share;
    s3 += errors[at + 3] * share;
  }
  [sums[0], sums[1], sums[2], sums[3]] = [s0, s1, s2, s3];
}
