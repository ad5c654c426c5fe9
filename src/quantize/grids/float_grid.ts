/**
 * 8-bit floats with a scale for each channel.
 *
 * @module
 */
import { E4M3_MAX, E4M3_VALUES, toE4m3 } from "../../base/e4m3.ts";
import { absmax, type Grid, singleScale } from "./grid.ts";
import type { FloatNumbers, GridParts } from "./grid_parts.ts";

/** A grid of e4m3 numbers times the scale of their row. */
export class FloatGrid implements Grid {
  /** Outputs. */
  readonly n: number;
  /** Inputs. */
  readonly k: number;
  /** Inputs of a group: all. */
  readonly group: number;
  /** The scale of each row, as stored. */
  readonly scales: Float32Array;

  /** A grid for a weight [n, k], of numbers of its own or of those that another grid has. */
  constructor(n: number, k: number, numbers?: FloatNumbers) {
    this.n = n;
    this.k = k;
    this.group = k;
    this.scales = numbers?.scales ?? new Float32Array(n).fill(1);
  }

  /** See {@link Grid.parts}. */
  get parts(): GridParts {
    const { n, k, scales } = this;
    return { kind: "float", n, k, numbers: { scales } };
  }

  /** See {@link Grid.fit}: floats gain nothing from clipping, so the largest value decides. */
  fit(row: number, _g: number, values: Float32Array): void {
    const scale = absmax(values) / E4M3_MAX;
    this.scales[row] = scale === 0 ? 1 : singleScale(scale);
  }

  /** See {@link Grid.code}. */
  code(row: number, _g: number, value: number): number {
    return toE4m3(value / this.scales[row]);
  }

  /** See {@link Grid.value}. */
  value(row: number, _g: number, code: number): number {
    return Math.fround(E4M3_VALUES[code] * this.scales[row]);
  }
}
