/**
 * The tokens of a vocabulary as a tree of bytes, in the order of a depth-first walk.
 *
 * @module
 */

import { CLASS } from "./byte_classes.ts";

/** Bytes of a token by which all are sorted at once, and ids in one number with them. */
const PREFIX = 4;
const IDS = 2 ** 20;

/** A tree of tokens: node 0 is the root, the nodes below a node follow it directly. */
export class TokenTrie {
  /** u8 [nodes]: the byte that leads to a node. */
  readonly byte: Uint8Array;
  /** i32 [nodes]: the node behind the last one below a node. */
  readonly end: Int32Array;
  /** i32 [nodes]: the token that ends at a node, or -1. */
  readonly token: Int32Array;
  /** i32 [tokens]: another token of the same bytes, or -1. */
  readonly twin: Int32Array;
  /** The bytes of the longest token. */
  readonly longest: number;
  /** i32 [nodes + 1]: how many tokens end before a node. */
  readonly before: Int32Array;
  /** i32: the tokens in the order of their nodes. */
  readonly order: Int32Array;
  /** u16: the bytes of each of them. */
  readonly length: Uint16Array;
  /** u16 [nodes]: the bytes that lead to a node. */
  readonly depth: Uint16Array;
  /** u16 [nodes]: the classes of the bytes below a node, a bit each; see `CLASS`. */
  readonly classes: Uint16Array;
  /** u16 [nodes]: the most bytes that a token has below a node. */
  readonly height: Uint16Array;

  /** Builds the tree of the tokens of `least` to `most` bytes. */
  constructor(tokens: ReadonlyArray<Uint8Array | undefined>, least: number, most: number) {
    this.twin = new Int32Array(tokens.length).fill(-1);
    const entries = sorted(tokens, least, most);
    const [bytes, ends, ids]: [number[], number[], number[]] = [[0], [0], [-1]];
    // The nodes on the way to the token before.
    const way = [0];
    let before: Uint8Array = new Uint8Array();
    let longest = 0;
    const close = (depth: number) => {
      while (way.length > depth + 1) ends[way.pop()!] = bytes.length;
    };
    for (const id of entries) {
      const text = tokens[id]!;
      let same = 0;
      while (same < before.length && same < text.length && before[same] === text[same]) same++;
      close(same);
      for (let at = same; at < text.length; at++) {
        way.push(bytes.push(text[at]) - 1);
        ends.push(0);
        ids.push(-1);
      }
      const node = way[way.length - 1];
      this.twin[id] = ids[node];
      ids[node] = id;
      before = text;
      longest = Math.max(longest, text.length);
    }
    close(0);
    ends[0] = bytes.length;
    this.byte = Uint8Array.from(bytes);
    this.end = Int32Array.from(ends);
    this.token = Int32Array.from(ids);
    this.longest = longest;
    this.order = new Int32Array(entries.length);
    this.length = new Uint16Array(entries.length);
    this.before = new Int32Array(this.byte.length + 1);
    this.depth = new Uint16Array(this.byte.length);
    this.classes = new Uint16Array(this.byte.length);
    this.height = new Uint16Array(this.byte.length);
    this.#sumUp();
  }

  /** Finds what lies before, on the way to and below each node. */
  #sumUp(): void {
    const { token, twin, byte, end, before, order, length, depth, classes, height } = this;
    const parents = new Int32Array(byte.length);
    let count = 0;
    for (let node = 0, parent = -1; node < byte.length; node++) {
      while (parent >= 0 && end[parent] <= node) parent = parents[parent];
      parents[node] = parent;
      if (parent >= 0) depth[node] = depth[parent] + 1;
      before[node] = count;
      for (let id = token[node]; id >= 0; id = twin[id]) {
        length[count] = depth[node];
        order[count++] = id;
      }
      parent = node;
    }
    before[byte.length] = count;
    for (let node = byte.length - 1; node > 0; node--) {
      const parent = parents[node];
      classes[parent] |= classes[node] | 1 << CLASS[byte[node]];
      height[parent] = Math.max(height[parent], height[node] + 1);
    }
  }
}

/** The tokens of `least` to `most` bytes in the order of their bytes. */
function sorted(
  tokens: ReadonlyArray<Uint8Array | undefined>,
  least: number,
  most: number,
): number[] {
  const keys = new Float64Array(tokens.length);
  let count = 0;
  tokens.forEach((token, id) => {
    if (token === undefined || token.length < least || token.length > most) return;
    let key = 0;
    for (let i = 0; i < PREFIX; i++) key = key * 256 + (token[i] ?? 0);
    keys[count++] = key * IDS + id;
  });
  // Numbers are sorted much faster than arrays, and few tokens have their first bytes in common.
  const ids = Array.from(keys.subarray(0, count).sort(), (key) => key % IDS);
  const isAlike = (left: number, right: number) => {
    for (let i = 0; i < PREFIX; i++) {
      if ((tokens[left]![i] ?? 0) !== (tokens[right]![i] ?? 0)) return false;
    }
    return true;
  };
  const out: number[] = [];
  for (let first = 0; first < count;) {
    let last = first + 1;
    while (last < count && isAlike(ids[first], ids[last])) last++;
    const group = ids.slice(first, last);
    if (group.length > 1) group.sort((a, b) => compare(tokens[a]!, tokens[b]!) || a - b);
    for (const id of group) out.push(id);
    first = last;
  }
  return out;
}

/** Below 0 where `left` comes before `right`. */
function compare(left: Uint8Array, right: Uint8Array): number {
  const length = Math.min(left.length, right.length);
  for (let i = 0; i < length; i++) if (left[i] !== right[i]) return left[i] - right[i];
  return left.length - right.length;
}
