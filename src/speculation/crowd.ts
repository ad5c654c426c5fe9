/**
 * Whether it pays to propose when several sequences are verified at once: drafters work one after another, and many rows take
 * longer than few, while one row of each shares all that a forward costs. Which is better depends on models, device and text, so
 * both are measured, and the worse one is tried again now and then. What is said is the same.
 *
 * @module
 */

/** Turns of each way before one is chosen, and of each trial of the other; the first behind a change tells nothing. */
const TRIED = 4;

/** Turns between two trials, at least and at most: fewer where both are about as good. */
const LEAST_BETWEEN = 64;
const MOST_BETWEEN = 1024;

/** How much of what was measured before a turn leaves. */
const KEPT = 0.9;

/** What one way comes to. */
interface Way {
  tokens: number;
  ms: number;
}

/** What is known of as many sequences at once. */
interface Size {
  /** With proposals, and plain. */
  readonly ways: readonly [Way, Way];
  /** The way in use: 1 is plain. */
  way: 0 | 1;
  /** Turns left to it, or to the trial under way. */
  left: number;
  isTrial: boolean;
}

/** Chooses between proposals and plain rounds. */
export class Crowd {
  readonly #sizes = new Map<number, Size>();
  /** The way of the turn before, of any size. */
  #before = 0;

  /** Whether the next turn of `count` sequences is plain. */
  isPlain(count: number): boolean {
    const size = this.#sizeOf(count);
    if (size.left <= 0) this.#choose(size);
    size.left--;
    return size.way === 1;
  }

  /** Hears that a turn of `count` sequences committed `tokens` in `ms` milliseconds. */
  observe(count: number, isPlain: boolean, tokens: number, ms: number): void {
    const way = isPlain ? 1 : 0;
    const hasChanged = way !== this.#before;
    this.#before = way;
    // Drafters read what they have missed.
    if (hasChanged) return;
    const known = this.#sizeOf(count).ways[way];
    known.tokens = KEPT * known.tokens + tokens;
    known.ms = KEPT * known.ms + ms;
  }

  #sizeOf(count: number): Size {
    const key = Math.ceil(Math.log2(count));
    let size = this.#sizes.get(key);
    if (size === undefined) {
      const none = (): Way => ({ tokens: 0, ms: 0 });
      size = { ways: [none(), none()], way: 0, left: TRIED, isTrial: true };
      this.#sizes.set(key, size);
    }
    return size;
  }

  #choose(size: Size): void {
    const [proposing, plain] = size.ways.map(({ tokens, ms }) => ms > 0 ? tokens / ms : undefined);
    const other = size.way === 0 ? 1 : 0;
    if (proposing === undefined || plain === undefined || !size.isTrial) {
      size.way = other;
      size.left = TRIED;
      size.isTrial = true;
      return;
    }
    size.way = plain > proposing ? 1 : 0;
    size.isTrial = false;
    const ratio = Math.max(plain, proposing) / Math.min(plain, proposing);
    size.left = Math.min(MOST_BETWEEN, Math.round(LEAST_BETWEEN * ratio ** 4));
  }
}
