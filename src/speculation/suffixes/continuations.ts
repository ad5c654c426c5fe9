/**
 * What came behind the end of a text where it stood before, as a sequence or as a tree: the likeliest tokens first.
 *
 * A node is worth what the chance of its path seems to be, and nodes are taken best first, as SuffixDecoding does
 * (arXiv 2411.04975). The chance of a token behind its parent is the share of the places at which it came, each weighed by
 * the tokens that it has in common with the text, times n / (n + 2), where n is the most of these. On 74 texts of
 * SmolLM2-135M-Instruct, of nodes worth 0.1 to 0.2, 0.3 to 0.4, 0.5 to 0.6, 0.7 to 0.8 and above 0.9, 15%, 39%, 59%, 84% and
 * 100% were right.
 *
 * @module
 */
import type { SuffixIndex } from "./suffix_index.ts";

/** Places that are looked at in a search: a bit of an i32 each. */
export const PLACES = 32;

/** So many tokens in common are as good as none: half of what came behind them comes again. */
const DOUBT = 2;

/** Likely continuations. Node 0 is the last token of the text, and each other node comes behind its parent. */
export class Continuations {
  /** The token of each node, i32 [rows]; that of node 0 is for the caller to know. */
  readonly tokens: Int32Array;
  /** The node before each, -1 for node 0. */
  readonly parents: Int32Array;
  /** Tokens from node 0 to each. */
  readonly depths: Int32Array;
  /** What each is worth, 1 for node 0. */
  readonly chances: Float32Array;
  readonly #index: SuffixIndex;
  readonly #depth: number;
  readonly #leastWorth: number;
  /** Nodes to choose from. Their places have no bit in common, so that there are no more of them than places. */
  readonly #next: Candidate[];
  #count = 0;

  /** Up to `rows` nodes and `depth` tokens one behind another, each node worth `leastWorth` or more. */
  constructor(index: SuffixIndex, rows: number, depth: number, leastWorth: number) {
    this.tokens = new Int32Array(rows);
    this.parents = new Int32Array(rows).fill(-1);
    this.depths = new Int32Array(rows);
    this.chances = new Float32Array(rows).fill(1);
    this.#index = index;
    this.#depth = depth;
    this.#leastWorth = leastWorth;
    this.#next = Array.from({ length: PLACES }, () => ({ token: 0, parent: 0, set: 0, worth: 0 }));
  }

  /**
   * Grows the nodes behind the first `length` tokens of `text`, which the index must end with, of tokens below
   * `vocabulary`. Gives how many there are, node 0 included.
   */
  grow(text: Int32Array, length: number, vocabulary: number): number {
    const found = this.#index.find(text, length);
    this.#count = 0;
    if (found > 0) this.#branch(0, -1 >>> (32 - found), 1, vocabulary);
    let nodes = 1;
    while (nodes < this.tokens.length && this.#count > 0) {
      const { token, parent, set, worth } = this.#takeBest();
      if (worth < this.#leastWorth) break;
      this.tokens[nodes] = token;
      this.parents[nodes] = parent;
      this.depths[nodes] = this.depths[parent] + 1;
      this.chances[nodes] = worth;
      if (this.depths[nodes] < this.#depth) this.#branch(nodes, set, worth, vocabulary);
      nodes++;
    }
    return nodes;
  }

  /** Adds what came behind `node` at the places of `set`. */
  #branch(node: number, set: number, worth: number, vocabulary: number): void {
    const { places, lengths, end } = this.#index;
    const depth = this.depths[node];
    const first = this.#count;
    let total = 0;
    let most = 0;
    for (let rest = set; rest !== 0; rest &= rest - 1) {
      const i = 31 - Math.clz32(rest & -rest);
      // What is the same so far repeats itself: behind the end of the text it begins again.
      const token = this.#index.at(places[i] + depth % (end - places[i]));
      const common = lengths[i] + depth;
      total += common;
      most = Math.max(most, common);
      if (token >= 0 && token < vocabulary) this.#add(first, node, token, 1 << i, common);
    }
    const trust = worth * most / (most + DOUBT);
    for (let i = first; i < this.#count; i++) this.#next[i].worth *= trust / total;
  }

  #add(first: number, parent: number, token: number, bit: number, weight: number): void {
    let i = first;
    while (i < this.#count && this.#next[i].token !== token) i++;
    const one = this.#next[i];
    if (i === this.#count) {
      one.token = token;
      one.parent = parent;
      one.set = one.worth = 0;
      this.#count++;
    }
    one.set |= bit;
    one.worth += weight;
  }

  /** Takes the best candidate; what it says holds until another is added. */
  #takeBest(): Candidate {
    const next = this.#next;
    let best = 0;
    for (let i = 1; i < this.#count; i++) if (next[i].worth > next[best].worth) best = i;
    const taken = next[best];
    next[best] = next[--this.#count];
    return next[this.#count] = taken;
  }
}

/** A node that may be taken. */
interface Candidate {
  token: number;
  parent: number;
  /** The places at which its path came, a bit each. */
  set: number;
  /** The share of them, or their weight while they are counted. */
  worth: number;
}
