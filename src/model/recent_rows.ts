/**
 * The recent tokens of a head on one sequence: entries of its logits whose tokens change with the text. Their weights are rows of
 * the verifier's output projection, which a product of their own reads.
 *
 * @module
 */
import type { RecentVocabulary } from "../checkpoint/head_vocabulary.ts";
import { type Arena, columns, rows, type Tensor } from "../device/mod.ts";
import { type EntryMap, gemmF16 } from "../ops/mod.ts";
import { entriesOf } from "./entries.ts";
import type { HeadWeights } from "./head.ts";

export type { RecentVocabulary };

/** Where more tokens change at once, as behind a prompt, the whole map is sent and not a word for each. */
const FEW = 8;

/** The last entries of a head's logits, with the tokens that they are told to stand for. */
export class RecentRows {
  /** What all entries stand for, the head's own before these. */
  readonly map: EntryMap;
  /** What the head drafts, and what these begin with. */
  readonly vocabulary: RecentVocabulary;
  readonly #head: HeadWeights;
  /** Activation dtype [entries, hidden]. */
  readonly #weights: Tensor;
  /** The end of `map.tokens`, and both parts of the map as the host knows them. */
  readonly #tokens: Tensor<"i32">;
  readonly #shown: Int32Array<ArrayBuffer>;
  readonly #entries: Int32Array<ArrayBuffer>;

  /** Those of `head`, which has recent tokens as `vocabulary` says. */
  constructor(arena: Arena, head: HeadWeights, vocabulary: RecentVocabulary) {
    const { own, first } = vocabulary;
    const { verifier: { dtype, lmHead, config }, description } = head;
    this.#head = head;
    this.vocabulary = vocabulary;
    this.#weights = arena.allocate(dtype, [first.length, lmHead.k], "weights of recent tokens");
    this.#shown = first.slice();
    const all = new Int32Array(own.length + first.length);
    all.set(own);
    all.set(first, own.length);
    this.#entries = entriesOf(all, description, config);
    this.map = {
      tokens: arena.fromHost("i32", [all.length], all),
      entries: arena.fromHost("i32", [this.#entries.length], this.#entries),
    };
    this.#tokens = rows(this.map.tokens, own.length, all.length);
    this.#queueWeights();
  }

  /** Makes the entries stand for `tokens`, distinct and none of the head's own: what is queued from now on. */
  show(tokens: Int32Array): void {
    const shown = this.#shown;
    const changed: number[] = [];
    for (let i = 0; i < shown.length; i++) if (shown[i] !== tokens[i]) changed.push(i);
    if (changed.length === 0) return;
    const { device } = this.#head.verifier;
    const { vocabulary: { own }, map: { entries } } = this;
    const known = this.#entries;
    const touched = changed.flatMap((i) => [shown[i], tokens[i]]);
    // A token may go from one entry to another.
    for (const i of changed) known[shown[i]] = -1;
    for (const i of changed) known[shown[i] = tokens[i]] = own.length + i;
    device.upload(this.#tokens, shown);
    if (changed.length > FEW) device.upload(entries, known);
    else {
      for (const token of touched) {
        device.upload(rows(entries, token, token + 1), known.subarray(token, token + 1));
      }
    }
    this.#queueWeights();
  }

  /** Queues these entries' columns of `logits`, f32 [rows, all entries], of `x`, activation dtype [rows, hidden]. */
  queue(logits: Tensor<"f32">, x: Tensor): void {
    const { own } = this.vocabulary;
    const y = columns(logits, own.length, logits.shape[1]);
    gemmF16(this.#head.verifier.device, y, x, this.#weights, { epilogue: "logits" });
  }

  #queueWeights(): void {
    this.#head.verifier.lmHead.queueWeights!(this.#weights, this.#tokens);
  }
}
