/**
 * Where the end of a text stood before: an index of all that a session has said, on the host.
 *
 * Runs of 8, 4, 2 and 1 tokens are hashed, and of each hash the places are chained, the last first, as LZ77 coders do. A
 * search takes the longest run of which there is a place, and compares further back from there. Adding a token,
 * taking one back and a search each take a bounded time, and the memory is that of a ring.
 *
 * @module
 */
import { ArgumentError } from "../../base/errors.ts";

/** Lengths of the runs that are hashed, the longest first. */
const RUNS = [8, 4, 2, 1] as const;

/** Ends a text: no token is this. */
const END = -1;

/** Tokens in a row that `pop` takes back at most. */
const MOST_POPPED = 256;

/** A longer match says no more. */
export const LONGEST_MATCH = 32;

/** Chains of places for runs of one length. */
interface Chains {
  /** Tokens of a run. */
  readonly run: number;
  /** The last place of each hash; -1 where there is none. 2^53 places will do. */
  readonly last: Float64Array;
  /** The place before each, by its slot in the ring. */
  readonly before: Float64Array;
}

/** An index of token texts. A *place* is where a token stands, counted from the first token ever added. */
export class SuffixIndex {
  /** Places that a search gives at most. */
  readonly most: number;
  /** The places of the last search, each with a token that came behind the end of the text, the last first. */
  readonly places: Float64Array;
  /** How much of the end of the text stands before each of them, in tokens. */
  readonly lengths: Int32Array;
  readonly #capacity: number;
  readonly #tokens: Int32Array;
  readonly #chains: readonly Chains[];
  /** Places so far, and the first that the ring still has. */
  #end = 0;
  #oldest = 0;

  /**
   * Remembers the last `capacity` tokens, a power of two of 1,024 or more; looks at `most` places a search and run. Throws an
   * `ArgumentError` for another capacity.
   */
  constructor(capacity: number, most: number) {
    if (!Number.isInteger(Math.log2(capacity)) || capacity < 4 * MOST_POPPED) {
      throw new ArgumentError(
        "capacity",
        `Cannot index texts: capacity is ${capacity}, expected a power of two of ${
          4 * MOST_POPPED
        } or more`,
      );
    }
    this.most = most;
    this.places = new Float64Array(most);
    this.lengths = new Int32Array(most);
    this.#capacity = capacity;
    this.#tokens = new Int32Array(capacity);
    this.#chains = RUNS.map((run) => ({
      run,
      last: new Float64Array(capacity).fill(-1),
      before: new Float64Array(capacity),
    }));
  }

  /** The place of the next token. */
  get end(): number {
    return this.#end;
  }

  /** The token at `place`, which the ring must still have; negative where a text ended there. */
  at(place: number): number {
    return this.#tokens[place % this.#capacity];
  }

  /** Adds the next token of the text, 0 or more. */
  push(token: number): void {
    const place = this.#add(token);
    for (const chains of this.#chains) {
      const bucket = this.#bucket(place, chains.run);
      if (bucket < 0) continue;
      chains.before[place % this.#capacity] = chains.last[bucket];
      chains.last[bucket] = place;
    }
  }

  /** Ends the text: what is added next begins another. */
  cut(): void {
    this.#add(END);
  }

  /** Takes the last `count` tokens of the text back, at most `MOST_POPPED` in a row. */
  pop(count: number): void {
    for (; count > 0; count--) {
      const place = --this.#end;
      // Where a text ended, nothing was hashed.
      if (this.at(place) < 0) continue;
      for (const chains of this.#chains) {
        const bucket = this.#bucket(place, chains.run);
        if (bucket >= 0) chains.last[bucket] = chains.before[place % this.#capacity];
      }
    }
  }

  /** Forgets everything. */
  clear(): void {
    this.#oldest = this.#end;
    for (const { last } of this.#chains) last.fill(-1);
  }

  /**
   * Finds places behind which tokens stand that may come behind the first `length` tokens of `text`: those of the longest
   * run that it ends with and that stood somewhere before, at most `most` of them and of its hash, the last first.
   * Gives how many; none ends the text itself.
   */
  find(text: Int32Array, length: number): number {
    const capacity = this.#capacity;
    for (const { run, last, before } of this.#chains) {
      if (run > length) continue;
      let found = 0;
      let place = last[this.#hash(text, length, run)];
      for (let looked = 0; looked < this.most && place > this.#oldest; looked++) {
        const common = this.#common(place, text, length);
        if (common >= run) {
          this.places[found] = place;
          this.lengths[found++] = common;
        }
        place = before[place % capacity];
      }
      if (found > 0) return found;
    }
    return 0;
  }

  /** Tokens before `place` that are those at the end of the text. */
  #common(place: number, text: Int32Array, length: number): number {
    const most = Math.min(length, place - this.#oldest, LONGEST_MATCH);
    let common = 0;
    while (common < most && this.at(place - 1 - common) === text[length - 1 - common]) common++;
    return common;
  }

  #add(token: number): number {
    const place = this.#end++;
    this.#oldest = Math.max(this.#oldest, this.#end - this.#capacity);
    this.#tokens[place % this.#capacity] = token;
    return place;
  }

  /** The hash of the run before `place`; negative where the text has no such run. */
  #bucket(place: number, run: number): number {
    let hash = 0;
    if (place - run < this.#oldest) return -1;
    for (let at = place - run; at < place; at++) {
      const token = this.at(at);
      if (token < 0) return -1;
      hash = mixed(hash, token);
    }
    return (hash >>> 0) & (this.#capacity - 1);
  }

  #hash(text: Int32Array, length: number, run: number): number {
    let hash = 0;
    for (let at = length - run; at < length; at++) hash = mixed(hash, text[at]);
    return (hash >>> 0) & (this.#capacity - 1);
  }
}

/** One step of a hash, with the mixing of MurmurHash3 (public domain). */
function mixed(hash: number, token: number): number {
  let next = Math.imul(hash ^ token, 0x85ebca6b);
  next = Math.imul(next ^ (next >>> 13), 0xc2b2ae35);
  return next ^ (next >>> 16);
}
