/**
 * Finds added tokens in a text before it is cut into words.
 *
 * @module
 */

import { Components } from "./components.ts";
import { TokenTrie } from "./token_trie.ts";
import type { Vocabulary } from "./vocabulary.ts";

/** A piece of a text: an added token, or normalized text that is still to be cut. */
export type Piece = { readonly id: number } | { readonly text: string; readonly first: boolean };

/** Unicode's White_Space; JavaScript's \s has U+FEFF and lacks U+0085. */
const SPACE = /^[\t-\r\x20\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]$/;

/** Looks for the added tokens of a vocabulary, as Hugging Face's library does. */
export class AddedTokenFinder {
  readonly #vocabulary: Vocabulary;
  readonly #components: Components;
  readonly #cutSpecial: boolean;
  /** Tokens that are looked for in the text as it is. */
  readonly #plain = new TokenTrie();
  /** Tokens that are looked for in normalized text, normalized themselves. */
  readonly #normalized = new TokenTrie();

  /** Prepares the search. */
  constructor(vocabulary: Vocabulary, components: Components) {
    this.#vocabulary = vocabulary;
    this.#components = components;
    this.#cutSpecial = vocabulary.config.split_special_tokens === true;
    for (const [id, { token: { content, normalized } }] of vocabulary.added) {
      if (normalized) this.#normalized.add(components.normalize(content), id);
      else this.#plain.add(content, id);
    }
  }

  /** Cuts a text at added tokens, and normalizes what is between them. */
  *cut(text: string): Generator<Piece> {
    for (const [start, end, id] of this.#find(text, this.#plain)) {
      if (id !== undefined) {
        yield { id };
        continue;
      }
      const normalized = this.#components.normalize(text.slice(start, end));
      for (const [from, to, id] of this.#find(normalized, this.#normalized)) {
        if (id !== undefined) yield { id };
        else {
          yield {
            text: normalized.slice(from, to),
            first: start === 0 && from === 0 && !this.#leavesOut(text),
          };
        }
      }
    }
  }

  /** Whether the normalizer leaves out a text's first character, so that what is left does not begin the text. */
  #leavesOut(text: string): boolean {
    return this.#components.normalize(String.fromCodePoint(text.codePointAt(0)!)) === "";
  }

  /** Where tokens are in a text and, without an id, what is between them; empty parts are left out. */
  *#find(text: string, trie: TokenTrie): Generator<[number, number, number?]> {
    let done = 0;
    for (const match of trie.matches(text)) {
      const { token, wasSpecial } = this.#vocabulary.added.get(match.id)!;
      if (this.#cutSpecial && wasSpecial) continue;
      if (token.single_word && isInWord(text, match.start, match.end)) continue;
      let { start, end } = match;
      if (token.lstrip) {
        while (start > 0 && SPACE.test(text[start - 1])) start--;
        start = Math.max(start, done);
      }
      if (token.rstrip) { while (end < text.length && SPACE.test(text[end])) end++; }
      if (done < start) yield [done, start];
      if (start < end) yield [start, end, match.id];
      done = end;
    }
    if (done < text.length) yield [done, text.length];
  }
}

function isInWord(text: string, start: number, end: number): boolean {
  const before = [...text.slice(Math.max(0, start - 2), start)].at(-1);
  const after = text.codePointAt(end);
  return (before !== undefined && Components.isWord(before)) ||
    (after !== undefined && Components.isWord(String.fromCodePoint(after)));
}
