/**
 * How often what a drafter proposes is accepted, by depth, as rounds have shown it lately.
 *
 * @module
 */

/** How much of what was counted a round leaves: lately, and in the long run. */
const KEPT = 0.97;
const KEPT_LONG = 0.992;

/** Rounds of the same family, or of the depth above, that a depth without rounds of its own is worth. */
const BORROWED = 3;

/** The share of first tokens that is accepted, where nothing is known: enough that it is tried. */
const FIRST_GUESS = 0.75;

/** A run of rounds as unlikely as this says that something has changed. */
const SURPRISING = 0.02;

/** How much of the surprises a round leaves. */
const SURPRISES_KEPT = 0.99;

/** Counts that decay: of those rounds that came to a depth, how many went beyond it. */
class Counts {
  readonly #reached: number[] = [];
  readonly #passed: number[] = [];
  /** What is guessed where more was known before. */
  readonly #guesses: number[] = [];
  /** How many rounds in a row had a first token accepted, or none where negative. */
  #run = 0;
  /** Surprises of late. The more there were, the less another one says. */
  #surprises = 0;
  readonly #long: boolean;

  constructor(long: boolean) {
    this.#long = long;
  }

  add(proposed: number, accepted: number): void {
    this.#run = accepted > 0 ? Math.max(0, this.#run) + 1 : Math.min(0, this.#run) - 1;
    const likely = this.share(0, FIRST_GUESS);
    const chance = (accepted > 0 ? likely : 1 - likely) ** Math.abs(this.#run);
    if (!this.#long && chance < SURPRISING / (1 + this.#surprises) ** 3) {
      this.#surprises++;
      this.loosen();
    }
    this.#surprises *= SURPRISES_KEPT;
    this.#scale(this.#long ? KEPT_LONG : KEPT);
    for (let d = 0; d < proposed && d <= accepted; d++) {
      this.#reached[d] = (this.#reached[d] ?? 0) + 1;
      this.#passed[d] = (this.#passed[d] ?? 0) + (d < accepted ? 1 : 0);
    }
  }

  /** What was counted becomes a guess: the next rounds say more. */
  loosen(): void {
    this.#run = 0;
    for (const [d, reached] of this.#reached.entries()) {
      // Nothing is ever certain.
      if (reached > 1) this.#guesses[d] = (this.#passed[d] + 0.05) / (reached + 0.1);
      this.#passed[d] = this.#reached[d] = 0;
    }
  }

  /** The share of depth `d`, 0 for the first token, where `guess` is worth `BORROWED` rounds. */
  share(d: number, guess: number): number {
    const [reached, passed] = [this.#reached[d] ?? 0, this.#passed[d] ?? 0];
    return (passed + BORROWED * (this.#guesses[d] ?? guess)) / (reached + BORROWED);
  }

  #scale(by: number): void {
    for (let d = 0; d < this.#reached.length; d++) {
      this.#reached[d] *= by;
      this.#passed[d] *= by;
    }
  }
}

/** Accept rates of several drafters. Those of one family, a head's trees of several shapes, learn from one another. */
export class Rates {
  readonly #families = new Map<string, Counts>();
  readonly #members = new Map<string, Counts>();
  readonly #long: boolean;

  /** Of lately, or, where `long`, of the long run, in which nothing is a surprise. */
  constructor(long = false) {
    this.#long = long;
  }

  /**
   * Counts a round of drafter `member` of `family`: `accepted` tokens of a proposal that was `proposed` deep. A round in
   * which nothing could be proposed is one of depth 1 of which nothing was accepted.
   */
  observe(family: string, member: string, proposed: number, accepted: number): void {
    for (const [counts, key] of [[this.#families, family], [this.#members, member]] as const) {
      let one = counts.get(key);
      if (one === undefined) counts.set(key, one = new Counts(this.#long));
      one.add(proposed, accepted);
    }
  }

  /** Something may have changed since `member` of `family` was seen: the next rounds say more than those before. */
  loosen(family: string, member: string): void {
    this.#families.get(family)?.loosen();
    this.#members.get(member)?.loosen();
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
