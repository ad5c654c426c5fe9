/**
 * A table from pairs of token ids to numbers.
 *
 * @module
 */

/** Open addressing in typed arrays: a vocabulary has hundreds of thousands of merges. */
export class PairTable {
  readonly #mask: number;
  readonly #left: Int32Array;
  readonly #right: Int32Array;
  readonly #values: Int32Array;

  /** Makes a table for at most `count` pairs. */
  constructor(count: number) {
    const size = 2 ** Math.ceil(Math.log2(2 * count + 2));
    this.#mask = size - 1;
    this.#left = new Int32Array(size).fill(-1);
    this.#right = new Int32Array(size);
    this.#values = new Int32Array(size);
  }

  /** The value of a pair, or -1. */
  get(left: number, right: number): number {
    const at = this.#find(left, right);
    return this.#left[at] === -1 ? -1 : this.#values[at];
  }

  /** Sets the value of a pair. */
  set(left: number, right: number, value: number): void {
    const at = this.#find(left, right);
    this.#left[at] = left;
    this.#right[at] = right;
    this.#values[at] = value;
  }

  #find(left: number, right: number): number {
    let at = (Math.imul(left, 0x9e3779b1) ^ Math.imul(right, 0x85ebca6b)) >>> 0;
    at = (at ^ (at >>> 15)) & this.#mask;
    while (this.#left[at] !== -1 && (this.#left[at] !== left || this.#right[at] !== right)) {
      at = (at + 1) & this.#mask;
    }
    return at;
  }
}
