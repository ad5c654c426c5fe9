/**
 * Whether a drafter fits what is written now: nothing of the proposals of one that does not is accepted.
 *
 * @module
 */

/** How likely a drafter of which nothing is known fits its model. */
const FITS = 0.9;

/** How many rounds pass until one that fits does not any more, and the other way round, where nothing is known of that. */
const CHANGES_ON = 400;
const CHANGES_OFF = 80;

/** How many such changes that is worth. */
const KNOWN = 0.25;

/** What is thought of it, round by round: a hidden Markov chain of two states. */
export class Fit {
  /** The chance that it fits; and that it does and did not in between, since something was accepted. */
  #chance = 1;
  /** The chance that it ever does. */
  #ever = FITS;
  #back = 0;
  #age = 0;
  /** Rounds in which it did and did not, and how often one became the other. */
  readonly #did = { rounds: KNOWN * CHANGES_ON, ends: KNOWN };
  readonly #didNot = { rounds: KNOWN * CHANGES_OFF, ends: KNOWN };
  /** Rounds since something was accepted, as far as it did not fit in them. */
  #refused = 0;

  /** Whether it ever did. */
  get isProven(): boolean {
    return this.#ever === 1;
  }

  /** The chance that it fits at `age` rounds since all began. */
  at(age: number): number {
    if (age > this.#age) {
      const lost = this.#did.ends / this.#did.rounds;
      const found = this.#didNot.ends / (this.#didNot.rounds + this.#refused);
      const rest = found / (found + lost);
      const changed = 1 - Math.max(0, 1 - found - lost) ** (age - this.#age);
      this.#age = age;
      const came = (1 - this.#chance) * rest * changed;
      const went = 1 - (1 - rest) * changed;
      this.#chance = this.#chance * went + came;
      this.#back = this.#back * went + came;
    }
    return this.#ever * this.#chance;
  }

  /**
   * Hears of a round at `age`, of which something was accepted or, with the chance `missed` where it fits, nothing. Gives for how
   * much of a round of one that fits it counts, and how many rounds before it, of which nothing was, do after all.
   */
  hear(age: number, isAccepted: boolean, missed: number): { part: number; before: number } {
    this.at(age);
    const chance = this.#chance;
    if (!isAccepted) {
      // Behind a refused proposal the next one is refused more often: passages are hard.
      const likely = this.#refused > 0 ? Math.sqrt(missed) : missed;
      const all = 1 - chance + chance * likely;
      this.#ever *= all / (1 - this.#ever + this.#ever * all);
      this.#chance *= likely / all;
      this.#back *= likely / all;
      this.#refused += 1 - this.#chance;
      this.#did.rounds += this.#chance;
      return { part: this.#ever * this.#chance, before: 0 };
    }
    const back = this.#back / chance;
    const before = (1 - back) * this.#refused;
    this.#did.ends += back;
    this.#did.rounds += 1 + before;
    this.#didNot.ends += back;
    this.#didNot.rounds += this.#refused - before;
    this.#refused = this.#back = 0;
    this.#chance = this.#ever = 1;
    return { part: 1, before };
  }
}
