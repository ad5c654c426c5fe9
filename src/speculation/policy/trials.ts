/**
 * Which setting is worth more to know than it costs to try: the knowledge gradient of the literature on bandits, for as many
 * rounds as make it largest.
 *
 * @module
 */
import type { Missed } from "./missed.ts";
import type { Rates } from "./rates.ts";
import { depthOf, settingName } from "./setting.ts";
import type { Candidate, Speeds } from "./speeds.ts";

/** Rounds of a trial. */
export const TRIAL_ROUNDS = 3;

/** Rounds of a trial that are thought of when it begins, at most: the first ones alone may be worth nothing. */
const MOST_TRIED = 16;

/** For how long what a trial tells is of use, in rounds of plain decoding, where there is no less to come. */
const HORIZON = 300;

/** How wrong what one shape of a head says of another mostly is: a share of the tokens that miss. */
const OF_SHAPES = 0.4;

/** How unsure the time of what has not been timed here is: a variance over a square; and what it may be less at most. */
const UNTIMED = 0.05;
const LESS_UNTIMED = 0.6;

/** What trials in vain may cost: so many rounds of plain decoding, and this share of the time. */
const VAIN_FIRST = 11;
const VAIN_SHARE = 0.01;

/** What trials are told by. */
export interface Known {
  /** What settings promise. */
  readonly speeds: Speeds;
  /** Accept rates of late. */
  readonly rates: Rates;
  /** What drafters have not read. */
  readonly missed: Missed;
  /** Plain decoding. */
  readonly plain: Candidate;
  /** What texts said before, where it is known without being tried. */
  readonly suffix?: Candidate;
}

/** Keeps account of trials. */
export class Trials {
  readonly #known: Known;
  /** What is being tried, and what that has cost, in milliseconds; and what all trials in vain have. */
  #tried?: Candidate;
  #cost = 0;
  #inVain = 0;
  /** Whether plain decoding has been tried for its time. */
  #isPlainTried = false;

  /** None yet. */
  constructor(known: Known) {
    this.#known = known;
  }

  /** What is being tried. */
  get tried(): Candidate | undefined {
    return this.#tried;
  }

  /** A round of what is being tried took so many milliseconds more than the best would have taken for its tokens. */
  paid(ms: number): void {
    this.#cost += ms;
  }

  /** The trial has ended; `inVain`: nothing that it told has changed what is used. */
  end(inVain: boolean): void {
    if (this.#tried && inVain) this.#inVain += Math.max(0, this.#cost);
    this.#tried = undefined;
  }

  /**
   * Begins the trial that is worth the most, of those of `open` that may be: beside `best`, where all took `ms` so far and the
   * text has `left` tokens to come.
   */
  begin(
    open: readonly Candidate[],
    best: Candidate,
    { ms, left }: { readonly ms: number; readonly left: number },
  ): Candidate | undefined {
    const { speeds, rates, missed, plain } = this.#known;
    const plainMs = speeds.expected(plain, rates).ms;
    const room = VAIN_FIRST * plainMs + VAIN_SHARE * ms - this.#inVain;
    const speed = speeds.speed(best, rates);
    // What is learned in a text is of use in those behind it, of which there may be as much as there was.
    const horizon = Math.min(HORIZON * plainMs, (left + missed.tokens) / speed);
    // What costs say of it may be wrong, and nothing else bounds what is lost then.
    const isOpen = plain !== best && open.includes(plain);
    const isUnsure = isOpen && plain.timed === 0 && !this.#isPlainTried &&
      1 / (LESS_UNTIMED * plainMs) > speed;
    let [found, most]: [Candidate | undefined, number] = [isUnsure ? plain : undefined, 0];
    for (const one of isUnsure ? [] : open) {
      const { worth, cost } = this.#trial(one, best, horizon);
      if (worth > most && cost <= room) [found, most] = [one, worth];
    }
    this.#tried = found;
    if (found === plain) this.#isPlainTried = true;
    this.#cost = found ? missed.readingMs(found.setting, speeds.table) : 0;
    return found;
  }

  /** What a trial saves, more than it costs, for each of its milliseconds, where it is of use for `horizon` of them. */
  #trial(one: Candidate, best: Candidate, horizon: number): { worth: number; cost: number } {
    const { speeds, rates, missed, plain } = this.#known;
    const found = { worth: 0, cost: 0 };
    if (one === best) return found;
    const speed = speeds.speed(best, rates);
    const { tokens, ms } = speeds.expected(one, rates);
    const unsure = this.#unsure(one, best) + (one.timed > 0 ? 0 : UNTIMED);
    // Where all were accepted it would be no faster.
    const least = one.timed > 0 ? ms : LESS_UNTIMED * ms;
    if (unsure === 0 || (1 + depthOf(one.setting)) / least <= speed) return found;
    const known = one === plain ? 1 : rates.weight(0, one.setting);
    const reading = missed.readingMs(one.setting, speeds.table);
    const { fit, promised, least: beaten } = this.#promise(one, best);
    // Of what does not fit one round is refused, and the trial is over.
    const refused = (1 - fit) * Math.max(0, ms - 1 / speed);
    const each = fit < 1
      ? fit * Math.max(0, ms * (1 - promised / speed))
      : Math.max(0, ms - tokens / speed);
    for (let rounds = 1; rounds <= MOST_TRIED; rounds *= 2) {
      // By so much what is thought of it may change.
      const change = promised * Math.sqrt(unsure * rounds / (rounds + known));
      const gained = fit * change * above((beaten - promised) / change) / beaten;
      const saved = horizon * gained - refused - rounds * each - reading;
      const worth = saved / (rounds * ms + reading);
      if (worth <= found.worth) continue;
      found.worth = worth;
      found.cost = refused + Math.min(rounds, TRIAL_ROUNDS) * each + reading;
    }
    return found;
  }

  /**
   * Tokens a millisecond where drafters fit what is written now, of `one` and of what it has to beat, and how likely that is: the
   * first token accepted says it. Of one drafter, shapes differ only there.
   */
  #promise(one: Candidate, best: Candidate): { fit: number; promised: number; least: number } {
    const { speeds, rates, suffix } = this.#known;
    const speed = speeds.speed(best, rates);
    // Whether suffixes fit is known without a trial.
    if (one === suffix) return { fit: 1, promised: speeds.speed(one, rates), least: speed };
    const { fit } = speeds.expected(one, rates);
    const isSame = one.setting.kind === best.setting.kind;
    return {
      fit,
      promised: speeds.speedIfFits(one, rates),
      least: isSame ? speeds.speedIfFits(best, rates) : speed,
    };
  }

  /** The variance over the square of what a setting promises beside the best one, as far as trials would tell. */
  #unsure(one: Candidate, best: Candidate): number {
    const { speeds, rates, plain, suffix } = this.#known;
    // Suffixes are looked up anyway, and of plain decoding all is accepted.
    if (one === suffix || one === plain) return 0;
    const { doubt, msDoubt, lent, msLent } = speeds.expected(one, rates).ifFits;
    const [mine, other] = [one.setting, best.setting];
    if (mine.kind !== other.kind) return doubt + msDoubt;
    if (mine.kind !== "draft" || other.kind !== "draft") return (OF_SHAPES * lent) ** 2;
    // Of one draft model, what the target accepts is the same.
    if (settingName(mine.inner) === settingName(other.inner)) return 0;
    return mine.inner.kind === other.inner.kind ? (OF_SHAPES * msLent) ** 2 : msDoubt;
  }
}

/** How much of a standard normal is above `u`, in the mean: what it is more where it is more, and 0 where it is less. */
function above(u: number): number {
  // The distribution as a logistic one, which is within 0.01 of it.
  const more = 1 / (1 + Math.exp(1.702 * u));
  return Math.max(0, Math.exp(-u * u / 2) / Math.sqrt(2 * Math.PI) - u * more);
}
