/**
 * Whether a drafter fits what is written now: nothing of the proposals of one that does not is accepted.
 *
 * @module
 */

/** How likely a drafter of which nothing is known fits its model. */
const FITS = 0.9;

/** How many rounds pass until one that fits does not any more, or the other way round, where nothing is known of that. */
const CHANGES_ON = +(Deno.env.get("ON") ?? 200);
const CHANGES_OFF = +(Deno.env.get("OFF") ?? 400);
const KNOWN = +(Deno.env.get("KNOWN") ?? 0.25);

/** What is thought of it, round by round. */
export class Fit {
  /** The chance that it fits. */
  #chance = FITS;
  #age = 0;
  /** Rounds in which it did and did not, and how often one became the other. */
  readonly #did = { rounds: KNOWN * CHANGES_ON, ends: KNOWN };
  readonly #didNot = { rounds: KNOWN * CHANGES_OFF, ends: KNOWN };

  /** Whether it ever did. */
  isProven = false;

  /** The chance that it fits at `age` rounds since all began. */
  at(age: number): number {
    if (age > this.#age) {
      const lost = this.#did.ends / this.#did.rounds;
      const found = this.#didNot.ends / this.#didNot.rounds;
      const rest = found / (found + lost);
      this.#chance = rest + (this.#chance - rest) * Math.max(0, 1 - found - lost) ** (age - this.#age);
      this.#age = age;
    }
    return this.#chance;
  }

  /** Hears of a round at `age`, of which something was accepted or, with the chance `missed` where it fits, nothing. */
  hear(age: number, isAccepted: boolean, missed: number): number {
    if (isAccepted) this.isProven = true;
    const before = this.at(age);
    const now = isAccepted ? 1 : before * missed / (1 - before + before * missed);
    if (before < 0.5 && now >= 0.5) this.#didNot.ends++;
    if (before >= 0.5 && now < 0.5) this.#did.ends++;
    this.#did.rounds += now;
    this.#didNot.rounds += 1 - now;
    return this.#chance = now;
  }
}
