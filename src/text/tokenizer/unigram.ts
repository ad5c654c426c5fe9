/**
 * The Unigram model, step by step as Hugging Face's library does it.
 *
 * @module
 */

import { ByteTokens } from "./byte_tokens.ts";
import type { JsonObject } from "../files/files.ts";
import type { WordModel } from "./word_model.ts";

/** How much worse than the worst token a character is that no token stands for. */
const UNKNOWN_PENALTY = 10;

/** Pieces with scores: of all ways to cut a word, the one with the highest sum is taken. */
export class Unigram implements WordModel {
  readonly ids: ReadonlyMap<string, number>;
  readonly size: number;
  readonly #scores: Float64Array;
  readonly #longest: number;
  readonly #unknownScore: number;
  readonly #unknown: number | undefined;
  readonly #bytes: ByteTokens | undefined;

  /**
   * Reads the model of a `tokenizer.json`.
   *
   * @throws {Error} it is described wrongly
   */
  constructor(model: JsonObject) {
    const pieces = pairs(model.vocab);
    this.size = pieces.length;
    this.ids = new Map(pieces.map(([piece], id) => [piece, id]));
    this.#scores = Float64Array.from(pieces, ([, score]) => score);
    this.#longest = pieces.reduce((longest, [piece]) => Math.max(longest, piece.length), 0);
    this.#unknownScore = this.#scores.reduce((a, b) => Math.min(a, b), Infinity) - UNKNOWN_PENALTY;
    this.#bytes = model.byte_fallback === true ? new ByteTokens(this.ids) : undefined;
    const unknown = model.unk_id ?? undefined;
    if (unknown !== undefined && !(Number.isInteger(unknown) && pieces[unknown as number])) {
      throw new Error(`its model's unk_id is ${unknown}, expected 0 to ${pieces.length - 1}`);
    }
    this.#unknown = unknown as number | undefined;
  }

  cut(word: string, out: number[]): void {
    // Unknown characters that follow each other are one unknown piece.
    let unknown = "";
    for (const [piece, id] of this.#best(word)) {
      if (id === this.#unknown) {
        unknown += piece;
        continue;
      }
      if (unknown !== "") this.#push(unknown, out);
      unknown = "";
      out.push(id);
    }
    if (unknown !== "") this.#push(unknown, out);
  }

  #push(piece: string, out: number[]): void {
    const id = this.ids.get(piece);
    if (id !== undefined) out.push(id);
    else out.push(...this.#bytes?.of(piece) ?? [this.#unknown!]);
  }

  /** The pieces of the best way to cut a word. */
  #best(word: string): [string, number][] {
    const score = new Float64Array(word.length + 1);
    const start = new Int32Array(word.length + 1).fill(-1);
    const ids = new Int32Array(word.length + 1);
    const offer = (from: number, to: number, id: number, gain: number) => {
      const sum = gain + score[from];
      if (start[to] !== -1 && sum <= score[to]) return;
      score[to] = sum;
      start[to] = from;
      ids[to] = id;
    };
    for (let from = 0; from < word.length;) {
      const character = from + String.fromCodePoint(word.codePointAt(from)!).length;
      for (let to = character; to <= Math.min(word.length, from + this.#longest); to++) {
        const id = this.ids.get(word.slice(from, to));
        if (id !== undefined) offer(from, to, id, this.#scores[id]);
      }
      if (!this.ids.has(word.slice(from, character))) {
        if (this.#unknown === undefined) {
          throw new Error("its model has no unk_id, which stands for unknown text");
        }
        offer(from, character, this.#unknown, this.#unknownScore);
      }
      from = character;
    }
    const pieces: [string, number][] = [];
    for (let to = word.length; to > 0; to = start[to]) {
      pieces.push([word.slice(start[to], to), ids[to]]);
    }
    return pieces.reverse();
  }
}

function pairs(value: unknown): [string, number][] {
  if (!Array.isArray(value)) throw new Error("its model has no vocab that lists tokens");
  for (const [id, pair] of value.entries()) {
    if (!Array.isArray(pair) || typeof pair[0] !== "string" || typeof pair[1] !== "number") {
      throw new Error(`its token ${id} is ${JSON.stringify(pair)}, expected text and a score`);
    }
  }
  return value;
}
