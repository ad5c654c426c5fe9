/**
 * How often drafts were accepted, as rounds have shown it: all rounds are worth the same.
 *
 * @module
 */

/** Counts of one drafter: rounds that came to each depth, and those that went beyond. */
interface Counted {
  readonly reached: number[];
  readonly passed: number[];
}

/** Accept rates of several drafters, by keys. */
export class Accepted {
  readonly #all = new Map<string, Counted>();

  /** Whether anything was counted of `key`. */
  has(key: string): boolean {
    return this.#all.has(key);
  }

  /** Counts `rounds` rounds. */
  add(key: string, proposed: number, accepted: number, rounds = 1): void {
    let one = this.#all.get(key);
    if (one === undefined) this.#all.set(key, one = { reached: [], passed: [] });
    for (let d = 0; d < proposed && d <= accepted; d++) {
      one.reached[d] = (one.reached[d] ?? 0) + rounds;
      one.passed[d] = (one.passed[d] ?? 0) + (d < accepted ? rounds : 0);
    }
  }

  /** The chances of at least 1, 2, ... `depth` tokens; a depth that no round came to is as the one above it. */
  survival(key: string, depth: number): number[] {
    const { reached = [], passed = [] } = this.#all.get(key) ?? {};
    const chances: number[] = [];
    let [chance, share] = [1, 0];
    for (let d = 0; d < depth; d++) {
      if (reached[d] > 0) share = passed[d] / reached[d];
      chances.push(chance *= share);
    }
    return chances;
  }

  /** Of every drafter that was counted. */
  get all(): Record<string, readonly number[]> {
    return Object.fromEntries(
      [...this.#all].map(([key, { reached }]) => [key, this.survival(key, reached.length)]),
    );
  }
}
