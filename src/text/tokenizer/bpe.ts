/**
 * Byte-pair encoding, step by step as Hugging Face's library does it.
 *
 * @module
 */

import { UnsupportedModelError } from "../../base/errors.ts";
import { ByteTokens } from "./byte_tokens.ts";
import type { JsonObject } from "../files/files.ts";
import { MinHeap } from "./min_heap.ts";
import { PairTable } from "./pair_table.ts";
import type { WordModel } from "./word_model.ts";

/** Ranks and places share one number in the queue; a word has fewer characters than this. */
const PLACES = 2 ** 31;

/** A vocabulary, and the order in which pairs of tokens are joined. */
export class Bpe implements WordModel {
  readonly ids: ReadonlyMap<string, number>;
  readonly size: number;
  readonly #ranks: PairTable;
  /** The token that the merge of a rank makes. */
  readonly #joined: Int32Array;
  readonly #bytes: ByteTokens | undefined;
  readonly #unknown: string | undefined;
  readonly #fuseUnknown: boolean;
  readonly #whole: boolean;
  readonly #prefix: string;
  readonly #suffix: string;

  /**
   * Reads the model of a `tokenizer.json`.
   *
   * @throws {UnsupportedModelError} it leaves out merges by chance
   * @throws {Error} it is described wrongly
   */
  constructor(model: JsonObject) {
    if (model.dropout) {
      throw new UnsupportedModelError(
        `a tokenizer with dropout ${model.dropout}`,
        "expected one that cuts a text the same way each time",
      );
    }
    this.ids = vocabulary(model.vocab);
    this.size = this.ids.size;
    this.#bytes = model.byte_fallback === true ? new ByteTokens(this.ids) : undefined;
    this.#unknown = text(model, "unk_token");
    this.#fuseUnknown = model.fuse_unk === true;
    this.#whole = model.ignore_merges === true;
    this.#prefix = text(model, "continuing_subword_prefix") ?? "";
    this.#suffix = text(model, "end_of_word_suffix") ?? "";
    if (!Array.isArray(model.merges)) throw new Error("its model has no list of merges");
    this.#ranks = new PairTable(model.merges.length);
    this.#joined = new Int32Array(model.merges.length);
    let rank = 0;
    for (const merge of model.merges) {
      if (typeof merge === "string" && merge.startsWith("#version")) continue;
      const [left, right] = sides(merge);
      this.#ranks.set(this.#id(left), this.#id(right), rank);
      this.#joined[rank++] = this.#id(left + right.slice(this.#prefix.length));
    }
  }

  cut(word: string, out: number[]): void {
    const whole = this.#whole ? this.ids.get(word) : undefined;
    if (whole !== undefined) out.push(whole);
    else this.#join(this.#characters(word), out);
  }

  #id(token: string): number {
    const id = this.ids.get(token);
    if (id === undefined) {
      throw new Error(`its vocabulary lacks ${JSON.stringify(token)}, which a merge names`);
    }
    return id;
  }

  /** The tokens of a word's characters. */
  #characters(word: string): number[] {
    const out: number[] = [];
    // An unknown token waits: with `fuse_unk`, more unknown text belongs to it.
    let unknown: number | undefined;
    let at = 0;
    for (const character of word) {
      const first = at === 0;
      at += character.length;
      const token = (first ? "" : this.#prefix) + character +
        (at === word.length ? this.#suffix : "");
      const id = this.ids.get(token);
      const found = id === undefined ? this.#bytes?.of(token) : undefined;
      if (id !== undefined) {
        if (unknown !== undefined) out.push(unknown);
        unknown = undefined;
        out.push(id);
      } else if (found !== undefined) out.push(...found);
      else if (this.#unknown !== undefined) {
        if (unknown !== undefined && !this.#fuseUnknown) out.push(unknown);
        unknown = this.ids.get(this.#unknown);
        if (unknown === undefined) {
          throw new Error(
            `its vocabulary lacks ${JSON.stringify(this.#unknown)}, which stands for unknown text`,
          );
        }
      }
    }
    if (unknown !== undefined) out.push(unknown);
    return out;
  }

  /** Joins neighbours, those of the lowest rank first and of these the leftmost, as long as any can be joined. */
  #join(tokens: number[], out: number[]): void {
    const count = tokens.length;
    const next = Array.from(tokens, (_, i) => i + 1);
    const before = Array.from(tokens, (_, i) => i - 1);
    const queue = new MinHeap();
    const offer = (left: number, right: number) => {
      const rank = this.#ranks.get(tokens[left], tokens[right]);
      if (rank !== -1) queue.push(rank * PLACES + left);
    };
    for (let i = 0; i + 1 < count; i++) offer(i, i + 1);
    for (let top = queue.pop(); top !== undefined; top = queue.pop()) {
      const left = top % PLACES;
      const right = next[left];
      if (tokens[left] === -1 || right === count) continue;
      const joined = this.#joined[(top - left) / PLACES];
      // What was offered may have been joined with another neighbour since.
      const rank = this.#ranks.get(tokens[left], tokens[right]);
      if (rank === -1 || this.#joined[rank] !== joined) continue;
      tokens[left] = joined;
      tokens[right] = -1;
      next[left] = next[right];
      if (next[left] < count) before[next[left]] = left;
      if (before[left] >= 0) offer(before[left], left);
      if (next[left] < count) offer(left, next[left]);
    }
    for (let i = 0; i < count; i = next[i]) out.push(tokens[i]);
  }
}

function vocabulary(value: unknown): Map<string, number> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new Error("its model has no vocab that names an id for each token");
  }
  const ids = new Map<string, number>();
  for (const token in value) {
    const id = (value as Record<string, number>)[token];
    if (!Number.isInteger(id) || id < 0 || id > 0x7fffffff) {
      throw new Error(`its vocabulary gives ${JSON.stringify(token)} the id ${id}`);
    }
    ids.set(token, id);
  }
  return ids;
}

/** A merge is stored as a pair, in older files as text with one space. */
function sides(merge: unknown): [string, string] {
  const pair = typeof merge === "string" ? merge.split(" ") : merge;
  if (
    Array.isArray(pair) && pair.length === 2 && typeof pair[0] === "string" &&
    typeof pair[1] === "string"
  ) return pair as [string, string];
  throw new Error(`its merges have ${JSON.stringify(merge)}, expected two tokens`);
}

function text(model: JsonObject, key: string): string | undefined {
  const value = model[key] ?? undefined;
  if (value !== undefined && typeof value !== "string") {
    throw new Error(`its model's ${key} is of type ${typeof value}, expected text`);
  }
  return value;
}
