/**
 * How often what a drafter proposes is accepted, by depth, as rounds have shown it lately.
 *
 * @module
 */

/** How much of what was counted a round leaves. */
const KEPT = 0.97;

/** Rounds of the same family, or of the depth above, that a depth without rounds of its own is worth. */
const BORROWED = 3;

/** The share of first tokens that is accepted, where nothing is known: enough that it is tried. */
const FIRST_GUESS = 0.75;

/** Counts that decay: of those rounds that came to a depth, how many went beyond it. */
class Counts {
  readonly #reached: number[] = [];
  readonly #passed: number[] = [];

  add(proposed: number, accepted: number): void {
    for (let d = 0; d < this.#reached.length; d++) {
      this.#reached[d] *= KEPT;
      this.#passed[d] *= KEPT;
    }
    for (let d = 0; d < proposed && d <= accepted; d++) {
      this.#reached[d] = (this.#reached[d] ?? 0) + 1;
      this.#passed[d] = (this.#passed[d] ?? 0) + (d < accepted ? 1 : 0);
    }
  }

  /** The share of depth `d`, 0 for the first token, where `guess` is worth `BORROWED` rounds. */
  share(d: number, guess: number): number {
    const [reached, passed] = [this.#reached[d] ?? 0, this.#passed[d] ?? 0];
    return (passed + BORROWED * guess) / (reached + BORROWED);
  }
}

/** Accept rates of several drafters. Those of one family, a head's trees of several shapes, learn from one another. */
export class Rates {
  readonly #families = new Map<string, Counts>();
  readonly #members = new Map<string, Counts>();

  /**
   * Counts a round of drafter `member` of `family`: `accepted` tokens of a proposal that was `proposed` deep. A round in
   * which nothing could be proposed is one of depth 1 of which nothing was accepted.
   */
  observe(family: string, member: string, proposed: number, accepted: number): void {
    for (const [counts, key] of [[this.#families, family], [this.#members, member]] as const) {
      let one = counts.get(key);
      if (one === undefined) counts.set(key, one = new Counts());
      one.add(proposed, accepted);
    }
  }

  /** The chances that 1, 2, ... `depth` tokens of a proposal are accepted at least. */
  survival(family: string, member: string, depth: number): number[] {
    const [of, own] = [this.#families.get(family), this.#members.get(member)];
    const chances: number[] = [];
    let [chance, guess] = [1, FIRST_GUESS];
    for (let d = 0; d < depth; d++) {
      guess = of?.share(d, guess) ?? guess;
      chance *= own?.share(d, guess) ?? guess;
      chances.push(chance);
    }
    return chances;
  }
}
