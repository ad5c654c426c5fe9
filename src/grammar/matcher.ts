/**
 * One text's place in a grammar.
 *
 * @module
 */
import { ArgumentError } from "../base/errors.ts";
import { show } from "../base/options.ts";
import type { TokenAutomaton } from "./engine/automaton.ts";
import type { State } from "./engine/states.ts";
import type { Vocabulary } from "./vocabulary.ts";

/** Bytes of forced text for each token asked for: more than tokens usually have. */
const BYTES_A_TOKEN = 16;

/** Follows one text token by token. It holds nothing that must be given back. */
export class Matcher {
  readonly #automaton: TokenAutomaton;
  readonly #vocabulary: Vocabulary;
  #state: State;
  /** The state before each token accepted. */
  readonly #before: State[] = [];

  /** Begins at the empty text; made by {@linkcode Grammar.matcher}. */
  constructor(automaton: TokenAutomaton, vocabulary: Vocabulary) {
    this.#automaton = automaton;
    this.#vocabulary = vocabulary;
    this.#state = automaton.first;
  }

  /** How many tokens were accepted, and not rolled back. */
  get length(): number {
    return this.#before.length;
  }

  /** Whether the text may end here: a stop token may come. */
  get canEnd(): boolean {
    return this.#state.ends;
  }

  /** Whether nothing may come: behind a stop token, or where the text can only end and there is no stop token. */
  get isOver(): boolean {
    return this.#automaton.isOver(this.#state);
  }

  /** The state after the tokens accepted; for {@linkcode TreeMasks}. */
  get state(): State {
    return this.#state;
  }

  /** Takes the next token. Returns false, and stays where it is, where the token may not come. */
  accept(token: number): boolean {
    const next = this.#automaton.after(this.#state, token);
    if (next === undefined) return false;
    this.#before.push(this.#state);
    this.#state = next;
    return true;
  }

  /**
   * Takes the last tokens back.
   *
   * @throws {ArgumentError} fewer were accepted
   */
  rollback(count: number): void {
    if (!Number.isSafeInteger(count) || count < 0 || count > this.length) {
      throw new ArgumentError(
        "count",
        `Cannot roll back: count is ${
          show(count)
        }, expected a whole number from 0 to ${this.length}`,
      );
    }
    if (count === 0) return;
    this.#state = this.#before[this.length - count];
    this.#before.length -= count;
  }

  /**
   * Fills u32 [words of the grammar]: bit `v % 32` of word `v / 32` says whether token `v` may come. One may at
   * least, unless the text {@linkcode isOver}.
   */
  mask(into: Uint32Array): void {
    if (into.length !== this.#automaton.words) {
      throw new ArgumentError(
        "into",
        `Cannot fill a mask: into has ${into.length} words, expected ${this.#automaton.words}`,
      );
    }
    this.#automaton.mask(this.#state, into);
  }

  /**
   * Up to `most` tokens of the text that must come next, as the tokenizer cuts it: none where the text may end, may go
   * on in two ways, or the vocabulary has no `encode`. The last token of that text is left out, as it may
   * be longer with what follows. They are a proposal: other tokens of the same text are allowed as well.
   */
  forced(most: number): readonly number[] {
    const state = this.#state;
    if (state.forced?.most !== most) state.forced = { most, ids: this.#cutForced(most) };
    return state.forced.ids;
  }

  #cutForced(most: number): number[] {
    const { encode, tokens } = this.#vocabulary;
    if (encode === undefined || most < 1) return [];
    const bytes = this.#automaton.forced(this.#state, (most + 1) * BYTES_A_TOKEN);
    const text = wellFormed(bytes);
    if (text === "") return [];
    const ids = encode(text).slice(0, -1).slice(0, most);
    // Some tokenizers put a space before a text, or know other texts as one: what is not this text is not proposed.
    let at = 0;
    for (const [index, id] of ids.entries()) {
      const token = tokens[id];
      if (token === undefined || !token.every((byte, i) => bytes[at + i] === byte)) {
        return ids.slice(0, index);
      }
      at += token.length;
    }
    return ids;
  }

  /** Another matcher at the same place, which goes its own way. Tokens before are not rolled back there. */
  fork(): Matcher {
    const other = new Matcher(this.#automaton, this.#vocabulary);
    other.#state = this.#state;
    return other;
  }
}

/** The text of bytes, without a character that is cut at their end. */
function wellFormed(bytes: Uint8Array): string {
  return new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes, { stream: true });
}
