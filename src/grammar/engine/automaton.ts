/**
 * A network with the tokens of a vocabulary: states, and what comes behind a token.
 *
 * @module
 */
import type { Rule } from "../language/expression.ts";
import { Masks } from "./masks.ts";
import { Network } from "./network.ts";
import { type State, States } from "./states.ts";
import { TokenTrie } from "./trie.ts";

/** Bytes of a short token. What a count allows differs for few short tokens, and there are few long ones. */
const SHORT = 12;

/** What all grammars of a vocabulary share. */
interface Trees {
  readonly short: TokenTrie;
  readonly long: TokenTrie;
  /** u8 [256]: whether a byte is a token of its own. */
  readonly single: Uint8Array;
}

const TREES = new WeakMap<TokenBytes, Trees>();

/** The state behind a stop token, or behind a token that was refused: nothing comes. */
export const OVER: State = {
  ways: [],
  ends: false,
  leaves: false,
  next: [],
  usualClasses: 0,
  refusedClasses: 0,
};

/** The tokens of a vocabulary, as an automaton reads them. */
export interface TokenBytes {
  /** Rows of logits. */
  readonly size: number;
  /** The bytes of each token. */
  readonly tokens: ReadonlyArray<Uint8Array | undefined>;
  /** The tokens that end a text. */
  readonly stopTokens: readonly number[];
}

/** The states of a grammar over tokens. */
export class TokenAutomaton {
  /** The state of the empty text. */
  readonly first: State;
  /** Words of 32 tokens that a mask has. */
  readonly words: number;
  readonly #states: States;
  readonly #masks: Masks;
  readonly #tokens: ReadonlyArray<Uint8Array | undefined>;
  readonly #stops: ReadonlySet<number>;

  /**
   * Compiles the texts of a rule.
   *
   * @throws {RangeError} it is too large, no text fits, or a rule begins with itself
   */
  constructor(root: Rule, vocabulary: TokenBytes) {
    const { size, tokens, stopTokens } = vocabulary;
    this.#stops = new Set(stopTokens);
    this.#tokens = tokens;
    let trees = TREES.get(vocabulary);
    if (trees === undefined) TREES.set(vocabulary, trees = this.#trees());
    this.#states = new States(new Network(root, trees.single), SHORT);
    this.first = this.#states.first;
    this.words = Math.ceil(size / 32);
    this.#masks = new Masks(this.#states, trees.short, trees.long, this.words);
  }

  #trees(): Trees {
    // A stop token is no text, whatever bytes it has.
    const texts = this.#tokens.map((bytes, id) => this.#stops.has(id) ? undefined : bytes);
    const single = new Uint8Array(256);
    for (const bytes of texts) if (bytes?.length === 1) single[bytes[0]] = 1;
    const [short, long] = [
      new TokenTrie(texts, 1, SHORT),
      new TokenTrie(texts, SHORT + 1, Infinity),
    ];
    return { short, long, single };
  }

  /** Whether nothing may come: behind a stop token, or where the text can only end and there is no stop token. */
  isOver(state: State): boolean {
    return state === OVER || (state.ways.length === 0 && this.#stops.size === 0);
  }

  /** The state behind a token; `undefined` where it may not come. */
  after(state: State, token: number): State | undefined {
    if (this.#stops.has(token)) return state.ends ? OVER : undefined;
    const bytes = this.#tokens[token];
    if (bytes === undefined || bytes.length === 0) return undefined;
    let at: State | null = state;
    for (let i = 0; i < bytes.length && at !== null; i++) at = this.#step(at, bytes[i]);
    return at ?? undefined;
  }

  /** Sets the bits of the tokens that may come in a state, and clears all others: u32 [words]. */
  mask(state: State, into: Uint32Array): void {
    if (state === OVER) return void into.fill(0);
    this.#masks.fill(state, into);
    if (state.ends) { for (const id of this.#stops) into[id >>> 5] |= 1 << (id & 31); }
  }

  /** The bytes that must come next, up to `most`: none where the text may end or go on in two ways. */
  forced(state: State, most: number): Uint8Array {
    const out: number[] = [];
    let at = state;
    while (out.length < most && !at.ends && at !== OVER) {
      let [only, next]: [number, State | undefined] = [-1, undefined];
      for (let byte = 0; byte < 256; byte++) {
        const one = this.#step(at, byte);
        if (one === null) continue;
        if (only !== -1) return Uint8Array.from(out);
        [only, next] = [byte, one];
      }
      if (next === undefined) break;
      out.push(only);
      at = next;
    }
    return Uint8Array.from(out);
  }

  #step(state: State, byte: number): State | null {
    return state === OVER ? null : this.#states.step(state, byte);
  }
}
