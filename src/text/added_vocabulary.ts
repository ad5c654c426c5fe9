/**
 * Tokens beside a model's vocabulary, which are found in a text before it is cut into words.
 *
 * @module
 */

import type { AddedToken } from "./added_token.ts";
import { Components } from "./components.ts";
import { TokenTrie } from "./token_trie.ts";
import type { WordModel } from "./word_model.ts";

/** A piece of a text: an added token, or normalized text that is still to be cut. */
export type Piece = { readonly id: number } | { readonly text: string; readonly first: boolean };

/** Unicode's White_Space; JavaScript's \s has U+FEFF and lacks U+0085. */
const SPACE = /^[\t-\r\x20\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]$/;

/** The added tokens of a tokenizer, as Hugging Face's library keeps and finds them. */
export class AddedVocabulary {
  readonly #model: WordModel;
  readonly #components: Components;
  readonly #cutSpecial: boolean;
  readonly #ids = new Map<string, number>();
  readonly #tokens = new Map<number, AddedToken>();
  /** What a token that is normalized, and another text then, is looked for as, and decoded from. */
  readonly #normalized = new Map<number, string>();
  readonly #special = new Set<string>();
  /** Tokens to be found in the text as it is, and in normalized text. */
  #tries = [new TokenTrie(), new TokenTrie()];

  /** Makes an empty vocabulary beside the one of `model`; with `cutSpecial`, special tokens in a text are text. */
  constructor(model: WordModel, components: Components, cutSpecial: boolean) {
    this.#model = model;
    this.#components = components;
    this.#cutSpecial = cutSpecial;
  }

  /**
   * Adds tokens, or gives those that are there other properties. As in the library, the ids of new ones follow
   * each other, whatever a file says.
   */
  add(tokens: readonly AddedToken[]): void {
    let next = Math.max(this.#model.size, ...[...this.#tokens.keys()].map((id) => id + 1));
    for (const token of tokens) {
      if (token.content === "") continue;
      const id = this.id(token.content) ?? next++;
      if (token.normalized) {
        const normalized = this.#components.normalize(token.content);
        if (normalized !== token.content) this.#normalized.set(id, normalized);
      }
      this.#ids.set(token.content, id);
      this.#tokens.set(id, token);
      if (token.special) this.#special.add(token.content);
    }
    this.#tries = [new TokenTrie(), new TokenTrie()];
    for (const [id, { content, normalized }] of this.#tokens) {
      if (normalized) this.#tries[1].add(this.#normalized.get(id) ?? content, id);
      else this.#tries[0].add(content, id);
    }
  }

  /** The ids of the added tokens. */
  get ids(): Iterable<number> {
    return this.#tokens.keys();
  }

  /** The token of an id. */
  token(id: number): AddedToken | undefined {
    return this.#tokens.get(id);
  }

  /** The id of a token, of the model's vocabulary too. */
  id(content: string): number | undefined {
    return this.#ids.get(content) ?? this.#model.ids.get(content);
  }

  /** What an added token is decoded from. */
  decoded(id: number): string | undefined {
    return this.#normalized.get(id) ?? this.#tokens.get(id)?.content;
  }

  /** Whether what is decoded is a special token. */
  isSpecial(decoded: string): boolean {
    return this.#special.has(decoded);
  }

  /** Cuts a text at added tokens, and normalizes what is between them. */
  *cut(text: string): Generator<Piece> {
    for (const [start, end, id] of this.#find(text, this.#tries[0])) {
      if (id !== undefined) {
        yield { id };
        continue;
      }
      const normalized = this.#components.normalize(text.slice(start, end));
      for (const [from, to, id] of this.#find(normalized, this.#tries[1])) {
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
      const token = this.#tokens.get(match.id)!;
      if (this.#cutSpecial && this.#special.has(token.content)) continue;
      if (token.single_word && isInWord(text, match.start, match.end)) continue;
      let { start, end } = match;
      if (token.lstrip) {
        while (start > 0 && SPACE.test(text[start - 1])) start--;
        start = Math.max(start, done);
      }
      if (token.rstrip) while (end < text.length && SPACE.test(text[end])) end++;
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
