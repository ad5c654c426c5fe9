/**
 * Where a text can be in a network: all its ways at once. States are made when they are first reached, and are the
 * same object where they are the same state, so that what is known of one is known for good.
 *
 * @module
 */
import type { Network } from "./network.ts";

/** The stack of which nothing is known. */
const UNKNOWN = 0;
/** The stack of the whole text: behind its end there is nothing. */
const WHOLE = 1;

/** States that are kept; beyond, all are forgotten and made anew. */
const MOST_STATES = 20_000;

/** A set of tokens: their ids, or a bit for each token of the vocabulary where they are many. */
export type Tokens = Int32Array | Uint32Array;

/** The tokens that stay in the rules of a state, and the nodes of the tree of tokens where its outermost rule ends. */
export interface Local {
  /** Tokens whose begin or whole passes. */
  readonly tokens: Tokens;
  /** Nodes at which the rule has ended. */
  readonly ends: Int32Array;
}

/** One state. */
export interface State {
  /** The ways: a stack and a place in one number each, sorted. */
  readonly ways: readonly number[];
  /** Whether the text may end here. */
  readonly ends: boolean;
  /** Whether the outermost rule has ended, and what follows depends on a stack that is not known here. */
  readonly leaves: boolean;
  /** The state behind each kind of byte, where that is known; `null` where none follows. */
  next: Array<State | null | undefined>;
  /** The tokens that may come, where that is known. */
  tokens?: Tokens;
  /** What can be said without a stack of short tokens, and of long ones, where that is known. */
  short?: Local;
  /** See `short`. */
  long?: Local;
  /** The state behind most bytes, where that is known: itself within a string, `null` where nothing may follow. */
  usual?: State | null;
  /** The classes all bytes of which lead there, a bit each. */
  usualClasses: number;
  /** The classes no byte of which may follow, a bit each, where `usual` is known. */
  refusedClasses: number;
  /** The tokens of what must come next, where that is known, and how many were asked for. */
  forced?: { readonly most: number; readonly ids: readonly number[] };
}

/** The states of a network. */
export class States {
  /** The state of the empty text. */
  readonly first: State;
  /** u8 [256]: the kind of each byte. Bytes of a kind are the same to the whole network. */
  readonly kinds: Uint8Array = new Uint8Array(256);
  readonly #network: Network;
  readonly #kindCount: number;
  /** Places from which only the end of their rule is reached. */
  readonly #last: Uint8Array;
  /** The rule that ends at a place, or -1. */
  readonly #rule: Int32Array;
  /** Each stack: where its top rule goes on, and the stack below. */
  readonly #returns: number[] = [0, 0];
  readonly #below: number[] = [0, 0];
  readonly #stacks = new Map<number, number>();
  #states = new Map<string, State>();
  /** The state behind the end of a stack's top rule. */
  #popped = new Map<number, State>();
  /** The state of one way. */
  #alone = new Map<number, State>();
  /** The place that stands for each place where only a short token follows. */
  readonly #alike: Int32Array;

  /** Makes the first state of a network. Tokens of up to `short` bytes are short. */
  constructor(network: Network, short: number) {
    this.#network = network;
    this.#alike = network.alike(short);
    const { places, rules } = network;
    const cuts = new Set([0]);
    for (const { bytes } of places) {
      for (const { first, last } of bytes) cuts.add(first).add(last + 1);
    }
    let kind = -1;
    for (let byte = 0; byte < 256; byte++) this.kinds[byte] = cuts.has(byte) ? ++kind : kind;
    this.#kindCount = kind + 1;
    this.#rule = new Int32Array(places.length).fill(-1);
    rules.forEach(({ end }, rule) => this.#rule[end] = rule);
    this.#last = new Uint8Array(places.length);
    for (const { end } of rules) this.#last[end] = 1;
    for (let changed = true; changed;) {
      changed = false;
      places.forEach(({ bytes, empty, calls }, place) => {
        if (this.#last[place] === 1 || bytes.length + calls.length > 0 || empty.length === 0) {
          return;
        }
        if (!empty.every((to) => this.#last[to] === 1)) return;
        this.#last[place] = 1;
        changed = true;
      });
    }
    this.first = this.#closure([this.#way(WHOLE, rules[0].start)]);
  }

  /** The state behind a byte, or `null` where the grammar has no such text. */
  step(state: State, byte: number): State | null {
    const kind = this.kinds[byte];
    const known = state.next[kind];
    if (known !== undefined) return known;
    const { places } = this.#network;
    const ways: number[] = [];
    for (const way of state.ways) {
      const place = way % places.length;
      const stack = way - place;
      for (const edge of places[place].bytes) {
        if (edge.first <= byte && byte <= edge.last) ways.push(stack + edge.to);
      }
    }
    return state.next[kind] = this.#behind(ways);
  }

  #behind(ways: readonly number[]): State | null {
    if (ways.length !== 1) return ways.length === 0 ? null : this.#closure(ways);
    let state = this.#alone.get(ways[0]);
    if (state === undefined) this.#alone.set(ways[0], state = this.#closure(ways));
    return state;
  }

  /** The ways of a state by stack: a state that has them without their stack, and the stack. */
  byStack(state: State): Array<readonly [state: State, stack: number]> {
    const count = this.#network.places.length;
    const stacks = Map.groupBy(state.ways, (way) => Math.floor(way / count));
    return [...stacks].map(([stack, ways]) =>
      [
        this.#state(ways.map((way) => this.#way(UNKNOWN, way % count)), false, false),
        stack,
      ] as const
    );
  }

  /** The state that allows the same short tokens as one without a stack: states that differ in a count share one. */
  alike(state: State): State {
    if (state.ways.every((place) => this.#alike[place] === place)) return state;
    const places = new Set(state.ways.map((place) => this.#alike[place]));
    return this.#state([...places].sort((a, b) => a - b), false, false);
  }

  /** The state behind the end of a stack's top rule; `undefined` at the end of the whole text. */
  popped(stack: number): State | undefined {
    if (stack === WHOLE) return undefined;
    let state = this.#popped.get(stack);
    if (state === undefined) {
      state = this.#closure([this.#way(this.#below[stack], this.#returns[stack])]);
      this.#popped.set(stack, state);
    }
    return state;
  }

  /** All states that are kept. */
  *kept(): Generator<State> {
    yield* this.#states.values();
  }

  #way(stack: number, place: number): number {
    return stack * this.#network.places.length + place;
  }

  #push(stack: number, place: number): number {
    const key = this.#way(stack, place);
    let pushed = this.#stacks.get(key);
    if (pushed === undefined) {
      pushed = this.#returns.push(place) - 1;
      this.#below.push(stack);
      this.#stacks.set(key, pushed);
    }
    return pushed;
  }

  /** The state of some ways, and of all that they reach without a byte. */
  #closure(from: readonly number[]): State {
    const { places, rules } = this.#network;
    const seen = new Set(from);
    const ways: number[] = [];
    let [ends, leaves] = [false, false];
    for (const way of seen) {
      const place = way % places.length;
      const stack = (way - place) / places.length;
      const { bytes, empty, calls } = places[place];
      if (bytes.length > 0) ways.push(way);
      for (const to of empty) seen.add(this.#way(stack, to));
      for (const { rule, to } of calls) {
        // Where nothing is left to do, the rule that is called ends ours as well: stacks of lists stay low.
        const above = this.#last[to] === 1 ? stack : this.#push(stack, to);
        seen.add(this.#way(above, rules[rule].start));
      }
      if (this.#rule[place] === -1) continue;
      if (stack === WHOLE) ends = true;
      else if (stack === UNKNOWN) leaves = true;
      else seen.add(this.#way(this.#below[stack], this.#returns[stack]));
    }
    return this.#state(ways.sort((a, b) => a - b), ends, leaves);
  }

  #state(ways: readonly number[], ends: boolean, leaves: boolean): State {
    const key = `${ways.join()}${ends ? "e" : ""}${leaves ? "l" : ""}`;
    let state = this.#states.get(key);
    if (state === undefined) {
      if (this.#states.size >= MOST_STATES) this.#forget();
      const next: State["next"] = new Array(this.#kindCount).fill(undefined);
      state = { ways, ends, leaves, next, usualClasses: 0, refusedClasses: 0 };
      this.#states.set(key, state);
    }
    return state;
  }

  /** Forgets all states. Those that are still held go on: what follows them is made again. */
  #forget(): void {
    for (const state of this.#states.values()) {
      state.next = new Array(this.#kindCount).fill(undefined);
      state.tokens = undefined;
      state.short = state.long = undefined;
      state.usual = undefined;
    }
    this.#states = new Map();
    this.#popped = new Map();
    this.#alone = new Map();
  }
}
