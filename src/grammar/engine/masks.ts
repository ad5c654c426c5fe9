/**
 * Which tokens may come in a state.
 *
 * Most tokens stay in the rule that a state is in, whatever is around that rule: these are found once, without the
 * stack. Only for tokens that go beyond the end of the rule the stack counts, and they are few.
 *
 * @module
 */
import { Reach } from "./reach.ts";
import type { Local, State, States, Tokens } from "./states.ts";
import type { TokenTrie } from "./trie.ts";

/** Bytes of masks that are kept; beyond, all are forgotten and found anew. */
const MOST_BYTES = 128e6;

/** Nodes below a node that are looked at one by one. */
const FEW = 12;

/** The masks of the states of a grammar, for the tokens of a tree. */
export class Masks {
  readonly #states: States;
  readonly #reach: Reach;
  readonly #short: TokenTrie;
  readonly #long: TokenTrie;
  readonly #words: number;
  #bytes = 0;
  /** What a walk finds. */
  #found = new Int32Array(1024);
  #count = 0;
  #left: number[] = [];
  /** The way of a walk: the state at each depth, and the node behind its last one. */
  readonly #way: State[] = [];
  readonly #until: Int32Array;

  /** Makes the masks; `words` is how many words of 32 tokens a mask has. */
  constructor(states: States, short: TokenTrie, long: TokenTrie, words: number) {
    this.#states = states;
    this.#reach = new Reach(states);
    this.#short = short;
    this.#long = long;
    this.#words = words;
    this.#until = new Int32Array(Math.max(short.longest, long.longest) + 2);
  }

  /** Sets the bits of the tokens that may come in a state, and clears all others: u32 [words]. */
  fill(state: State, into: Uint32Array): void {
    state.tokens ??= this.#tokens(state);
    if (state.tokens instanceof Uint32Array) return into.set(state.tokens);
    into.fill(0);
    setBits(state.tokens, into);
  }

  /** The tokens that may come in a state. */
  #tokens(state: State): Tokens {
    const bits = new Uint32Array(this.#words);
    for (const [inner, stack] of this.#states.byStack(state)) {
      const alike = this.#states.alike(inner);
      const short = alike.short ??= this.#local(this.#short, alike);
      this.#add(short, this.#short, stack, bits);
      this.#add(inner.long ??= this.#local(this.#long, inner), this.#long, stack, bits);
    }
    return this.#keep(bits);
  }

  /** Adds the tokens of a tree that stay in a rule, and those that go on behind its end. */
  #add({ tokens, ends }: Local, trie: TokenTrie, stack: number, bits: Uint32Array): void {
    if (tokens instanceof Uint32Array) {
      for (let word = 0; word < bits.length; word++) bits[word] |= tokens[word];
    } else {
      setBits(tokens, bits);
    }
    const behind = ends.length > 0 ? this.#states.popped(stack) : undefined;
    if (behind === undefined) return;
    this.#begin();
    for (const node of ends) this.#walk(trie, node, behind);
    setBits(this.#found.subarray(0, this.#count), bits);
  }

  #local(trie: TokenTrie, state: State): Local {
    this.#begin();
    this.#walk(trie, 0, state);
    const ends = Int32Array.from(this.#left);
    const found = this.#found.subarray(0, this.#count);
    if (found.length < this.#words / 2) return { tokens: found.slice(), ends };
    const bits = new Uint32Array(this.#words);
    setBits(found, bits);
    return { tokens: this.#keep(bits), ends };
  }

  /** The set as it is kept: as ids where they are few. */
  #keep(bits: Uint32Array): Tokens {
    let count = 0;
    for (const word of bits) count += ones(word);
    if (count < this.#words / 2) {
      const ids = new Int32Array(count);
      let at = 0;
      bits.forEach((word, index) => {
        for (let rest = word; rest !== 0; rest &= rest - 1) {
          ids[at++] = index * 32 + 31 - Math.clz32(rest & -rest);
        }
      });
      return ids;
    }
    this.#bytes += bits.byteLength;
    if (this.#bytes > MOST_BYTES) {
      for (const state of this.#states.kept()) {
        state.tokens = state.short = state.long = undefined;
      }
      this.#bytes = bits.byteLength;
    }
    return bits;
  }

  #begin(): void {
    this.#count = 0;
    this.#left = [];
  }

  /**
   * Finds the tokens below a node of the tree that a state takes, and the nodes where it leaves its rules. Where all
   * bytes below a node may follow, as letters may in a string, or up to some count, what is below it is taken at once.
   */
  #walk(trie: TokenTrie, from: number, state: State): void {
    const { byte, end, token, twin, classes, height } = trie;
    const { kinds } = this.#states;
    const [way, until] = [this.#way, this.#until];
    let depth = 0;
    way[0] = state;
    until[0] = end[from];
    for (let node = from + 1; node < until[0];) {
      while (node >= until[depth]) depth--;
      let next = way[depth].next[kinds[byte[node]]];
      if (next === undefined) next = this.#states.step(way[depth], byte[node]);
      if (next === null) {
        node = end[node];
        continue;
      }
      for (let id = token[node]; id >= 0; id = twin[id]) {
        if (this.#count === this.#found.length) this.#grow();
        this.#found[this.#count++] = id;
      }
      if (next.leaves) this.#left.push(node);
      const behind = end[node];
      if (behind - node > FEW) {
        const reach = this.#reach.of(next, classes[node], height[node]);
        if (reach >= 0) {
          this.#take(trie, node, reach);
          node = behind;
          continue;
        }
      }
      way[++depth] = next;
      until[depth] = behind;
      node++;
    }
  }

  /** Takes the tokens that have up to `reach` bytes below a node. */
  #take(
    { before, order, length, depth, height, end }: TokenTrie,
    node: number,
    reach: number,
  ): void {
    const [first, behind] = [before[node + 1], before[end[node]]];
    while (this.#count + behind - first > this.#found.length) this.#grow();
    if (reach >= height[node]) {
      this.#found.set(order.subarray(first, behind), this.#count);
      this.#count += behind - first;
      return;
    }
    const most = depth[node] + reach;
    for (let i = first; i < behind; i++) {
      if (length[i] <= most) this.#found[this.#count++] = order[i];
    }
  }

  #grow(): void {
    const more = new Int32Array(this.#found.length * 2);
    more.set(this.#found);
    this.#found = more;
  }
}

/** Sets the bits of some tokens. */
function setBits(ids: Int32Array, bits: Uint32Array): void {
  // An iterator of an array takes several times as long as its loop does here.
  for (let i = 0; i < ids.length; i++) bits[ids[i] >>> 5] |= 1 << (ids[i] & 31);
}

/** How many bits of a word are set. */
function ones(word: number): number {
  let bits = word - (word >>> 1 & 0x55555555);
  bits = (bits & 0x33333333) + (bits >>> 2 & 0x33333333);
  return Math.imul(bits + (bits >>> 4) & 0x0f0f0f0f, 0x01010101) >>> 24;
}
