/**
 * Statistics of the rounds of one level.
 *
 * @module
 */

/** Counts and times of one model's rounds. */
export class LevelStats {
  /** The model's name: `target`, `draft`, ... */
  readonly name: string;
  /** Rounds run: forwards of the model that verified a proposal. */
  rounds = 0;
  /** Tokens committed by them. */
  tokens = 0;
  /** Forwards beside the rounds: a draft model reading tokens that it did not propose. */
  catchUps = 0;
  /** Tokens that were proposed to it. */
  drafted = 0;
  /** How many rounds had an accept length of i, at index i. */
  readonly histogram: number[];
  /** The accept length of each round, in order. */
  readonly lengths: number[] = [];
  /** How many rows the forward of each round had, in order. */
  readonly rows: number[] = [];
  /** Milliseconds on the device until the proposal stood. */
  draftMs = 0;
  /** Milliseconds on the device in the forward and the verification. */
  verifyMs = 0;
  /** Milliseconds on the device in the commit. */
  commitMs = 0;
  /** Milliseconds that the host waited for the result. */
  readBackMs = 0;

  readonly #longest: number;

  /** Statistics of `name`, whose rounds commit at most `longest` tokens where none are forced. */
  constructor(name: string, longest: number) {
    this.name = name;
    this.#longest = longest;
    this.histogram = new Array(longest + 1).fill(0);
  }

  /** Counts a round whose forward had `rows` rows. */
  add(acceptLength: number, rows: number): void {
    this.rounds++;
    this.tokens += acceptLength;
    this.lengths.push(acceptLength);
    this.rows.push(rows);
    while (this.histogram.length <= acceptLength) this.histogram.push(0);
    this.histogram[acceptLength]++;
  }

  /** The mean accept length; 0 before the first round. */
  get tau(): number {
    return this.rounds === 0 ? 0 : this.tokens / this.rounds;
  }

  /** Forgets everything. */
  reset(): void {
    this.rounds =
      this.tokens =
      this.catchUps =
      this.drafted =
        0;
    this.draftMs =
      this.verifyMs =
      this.commitMs =
      this.readBackMs =
        0;
    this.lengths.length = this.rows.length = 0;
    this.histogram.length = this.#longest + 1;
    this.histogram.fill(0);
  }
}
