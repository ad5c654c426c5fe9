/**
 * What a text may lose beside plain decoding: little at first, more as it grows, and what drafts have gained.
 *
 * @module
 */
import type { Candidate } from "./speeds.ts";
import type { Known } from "./trials.ts";

/** Rounds of plain decoding that any text may lose, and the share of its tokens where that is more. */
const FIRST = 1.1;
const SHARE = 0.027;

/** What a long text may lose at most: so many rounds, and this share of its tokens. */
const LONG_FIRST = 10;
const LONG_SHARE = 0.005;

/** Rounds of plain decoding that a text may lose more of what drafts have gained in texts before, at most; and less, of what was lost. */
const GAINED = 5;
const OWED = 4;

/** A round that takes so many times what it was thought to was held up by something else: the rest is not its own. */
const MOST_TIMES = 3;

/** Keeps account of what rounds with drafts come to beside plain decoding. */
export class Allowance {
  readonly #known: Pick<Known, "speeds" | "rates" | "missed" | "plain">;
  /** Tokens of this text; those of rounds with drafts, and the milliseconds of these. */
  #tokens = 0;
  #drafted = 0;
  #ms = 0;
  /** Milliseconds that drafts have gained in texts before, or lost. */
  #gained = 0;

  /** Nothing yet. */
  constructor(known: Pick<Known, "speeds" | "rates" | "missed" | "plain">) {
    this.#known = known;
  }

  /** Another text begins: some of what was gained is kept, and what was lost beyond the share of its tokens. */
  begin(): void {
    const plainMs = this.#plainMs;
    const rounds = this.#ahead / plainMs;
    // Where a machine has become faster, all that was drafted before seems to have lost.
    const kept = rounds > 0
      ? Math.min(GAINED, rounds)
      : Math.max(-OWED, Math.min(0, rounds + SHARE * this.#tokens));
    this.#gained = kept * plainMs;
    this.#tokens = this.#drafted = this.#ms = 0;
  }

  /** A round of `one` made `tokens`, in `ms`, what its drafter had to read included. */
  add(one: Candidate, tokens: number, ms: number): void {
    this.#tokens += tokens;
    // Plain decoding gains and loses nothing, whatever it takes.
    if (one === this.#known.plain) return;
    this.#drafted += tokens;
    this.#ms += Math.min(ms, MOST_TIMES * this.#roundMs(one));
  }

  /** Whether the text may lose what a round of `one` may. */
  allows(one: Candidate): boolean {
    const most = Math.min(
      Math.max(FIRST, SHARE * this.#tokens),
      LONG_FIRST + LONG_SHARE * this.#tokens,
    );
    return this.#risk(one) <= most * this.#plainMs + this.#ahead;
  }

  get #plainMs(): number {
    const { speeds, rates, plain } = this.#known;
    return speeds.expected(plain, rates).ms;
  }

  /** Milliseconds gained beside plain decoding, as its rounds are timed now. */
  get #ahead(): number {
    return this.#gained + this.#drafted * this.#plainMs - this.#ms;
  }

  /** Milliseconds of a round and of what its drafter has to read before it. */
  #roundMs(one: Candidate): number {
    const { speeds, rates, missed } = this.#known;
    const { ms, costMs } = speeds.expected(one, rates);
    // Suffixes may propose more than they do in the mean.
    return Math.max(ms, costMs) + missed.readingMs(one.setting, speeds.table);
  }

  /** Milliseconds that a round of `one` loses where nothing is accepted; of what has been accepted before, by how likely that is. */
  #risk(one: Candidate): number {
    const { speeds, rates, missed, plain } = this.#known;
    if (one === plain) return 0;
    const reading = missed.readingMs(one.setting, speeds.table);
    const lost = Math.max(0, this.#roundMs(one) - reading - this.#plainMs);
    if (!rates.isProven(0, one.setting)) return reading + lost;
    const { chances: [chance] } = rates.belief(0, one.setting);
    return reading + (1 - chance) * lost;
  }
}
