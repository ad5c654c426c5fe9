/**
 * Whether it pays to propose when several sequences are verified at once: proposals have many rows, which take longer than few,
 * and drafters take their time, while one row of each shares all that a forward costs. Which is better depends on models, device
 * and text, so both are measured, and the worse one is tried again now and then. What is said is the same.
 *
 * A machine has others to serve as well, and what a turn takes says as much of them as of the way. So a way is judged by its median
 * turn, and what has won a trial is not believed for long before it has won another one.
 *
 * Drafters that are allowed to propose need not do so: of several, a policy chooses for each text. A turn in which none of them
 * did is a plain one, and says nothing of proposals. And what they take changes with what policies choose: as soon as they look
 * worse than plain turns, these are tried.
 *
 * @module
 */

/** Turns of each trial; the first behind a change tells nothing. */
const TRIED = 5;

/** Turns of a way that it is judged by, at most. */
const KEPT = 9;

/** Turns until the other way is tried once more, where it was the better one until now. */
const DOUBTED = 12;

/** How many times as long one way takes as the other where that is more than what else a machine does: it is believed at once. */
const HOPELESS = 4;

/** The same where it took that much longer in each of two turns: nobody waits for the end of its trial. */
const LOST = 1.5;
const LOST_TURNS = 2;

/** Turns between two trials, at least and at most: fewer where both are about as good. */
const LEAST_BETWEEN = 64;
const MOST_BETWEEN = 1024;

/** What is known of as many sequences at once. */
interface Size {
  /** The last turns' milliseconds a token, with proposals and plain. */
  readonly ways: readonly [number[], number[]];
  /** The better way, so far: 1 is plain. */
  better: 0 | 1;
  /** Trials that it has won one behind the other, over the same. */
  won: number;
  /** The way in use. */
  way: 0 | 1;
  /** Turns left to it. */
  left: number;
}

/** What came of a turn. */
export interface TurnTaken {
  /** Whether it was to be plain. */
  readonly askedPlain: boolean;
  /** Whether it was, as nobody proposed. */
  readonly wasPlain: boolean;
  /** Tokens committed. */
  readonly tokens: number;
  /** Milliseconds. */
  readonly ms: number;
}

/** Chooses between proposals and plain rounds. */
export class Crowd {
  readonly #sizes = new Map<number, Size>();
  /** The way of the turn before, of any size. */
  #before = 0;

  /** Whether the next turn of `count` sequences is plain. */
  isPlain(count: number): boolean {
    const size = this.#sizeOf(count);
    if (size.left <= 0) choose(size);
    size.left--;
    return size.way === 1;
  }

  /** Hears what came of a turn of `count` sequences. */
  observe(count: number, { askedPlain, wasPlain, tokens, ms }: TurnTaken): void {
    const asked = askedPlain ? 1 : 0;
    const hasChanged = asked !== this.#before;
    this.#before = asked;
    // Drafters read what they have missed.
    if (hasChanged || tokens === 0) return;
    const size = this.#sizeOf(count);
    const { ways, better } = size;
    const known = ways[wasPlain ? 1 : 0];
    const took = ms / tokens;
    known.push(took);
    if (known.length > KEPT) known.shift();
    const best = median(ways[better]);
    const isVain = isEach(ways[size.way], LOST * best) || took > HOPELESS * best;
    const isLost = size.way !== better && isVain;
    // Plain rounds have not changed when they look worse than proposals did: the machine has.
    const isWorse = size.way === better && !wasPlain && median(ways[0]) > median(ways[1]);
    if (isLost || isWorse) size.left = 0;
  }

  #sizeOf(count: number): Size {
    const key = Math.ceil(Math.log2(count));
    let size = this.#sizes.get(key);
    if (size === undefined) {
      size = { ways: [[], []], better: 0, won: 0, way: 0, left: TRIED };
      this.#sizes.set(key, size);
    }
    return size;
  }
}

/** Begins a trial, or ends one. */
function choose(size: Size): void {
  const { ways, better } = size;
  const other = better === 0 ? 1 : 0;
  if (size.way === better) {
    // What it took before says nothing of today.
    ways[other].length = 0;
    size.way = other;
    size.left = TRIED;
    return;
  }
  const [best, tried] = [median(ways[better]), median(ways[other])];
  const hasWon = !(tried < best);
  size.won = hasWon ? size.won + 1 : 0;
  size.better = size.way = hasWon ? better : other;
  // Where nobody wanted to propose, asking again costs nothing.
  const ratio = tried === Infinity ? 1 : hasWon ? tried / best : best / tried;
  const believed = ratio > HOPELESS ? Infinity : LEAST_BETWEEN * size.won ** 2;
  const between = Math.min(MOST_BETWEEN, LEAST_BETWEEN * ratio ** 4, believed);
  size.left = size.won === 0 ? DOUBTED : Math.round(between);
}

/** Whether so many turns that one trial is over by them took more than `ms`, each of them. */
function isEach(values: readonly number[], ms: number): boolean {
  return values.length >= LOST_TURNS && Math.min(...values) > ms;
}

/** Of no numbers, infinity: what is not known is no better. */
function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[sorted.length >> 1] ?? Infinity;
}
