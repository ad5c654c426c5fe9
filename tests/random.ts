/**
 * Random numbers that repeat, of the kinds that tests want.
 *
 * @module
 */
import { uniform } from "../src/base/random.ts";

/** Numbers in [0, 1) from a 32-bit seed. */
export const random = uniform;

/** Random numbers of the kinds that tests want. */
export class Random {
  /** Uniform in 0 to 1, without 1. */
  readonly uniform: () => number;

  /** Starts from a seed; any integer. */
  constructor(seed: number) {
    this.uniform = random(seed);
  }

  /** An integer from 0 to `end - 1`. */
  integer(end: number): number {
    return Math.floor(this.uniform() * end);
  }

  /** One of the items. */
  pick<T>(items: readonly T[]): T {
    return items[this.integer(items.length)];
  }

  /** Normal, mean 0, deviation 1. */
  normal(): number {
    return Math.sqrt(-2 * Math.log(1 - this.uniform())) * Math.cos(2 * Math.PI * this.uniform());
  }

  /** `count` normal numbers of a given deviation. */
  normals(count: number, deviation = 1): Float64Array<ArrayBuffer> {
    const values = new Float64Array(count);
    for (let i = 0; i < count; i++) values[i] = this.normal() * deviation;
    return values;
  }

  /** `count` integers from 0 to `end - 1`. */
  integers(count: number, end: number): number[] {
    const values = new Array<number>(count);
    for (let i = 0; i < count; i++) values[i] = this.integer(end);
    return values;
  }

  /** The numbers 0 to `count - 1` in random order. */
  permutation(count: number): number[] {
    const items = Array.from({ length: count }, (_, i) => i);
    for (let i = count - 1; i > 0; i--) {
      const j = this.integer(i + 1);
      [items[i], items[j]] = [items[j], items[i]];
    }
    return items;
  }
}
