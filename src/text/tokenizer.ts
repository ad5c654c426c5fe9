/**
 * Text to token ids and back, from a Hugging Face `tokenizer.json` or the metadata of a GGUF file.
 *
 * @module
 */

import { ArgumentError } from "../base/errors.ts";
import {
  BOOLEAN,
  checkArgument,
  checkOptions,
  type Kind,
  type Kinds,
  pathOf,
  required,
  TEXT,
} from "../base/options.ts";
import { AddedTokenFinder } from "./tokenizer/added_token_finder.ts";
import { Components } from "./tokenizer/components.ts";
import { type Frame, frameOf } from "./tokenizer/frame.ts";
import { type SpecialTokens, specialTokens } from "./files/special_tokens.ts";
import { TokenBytes } from "./tokenizer/token_bytes.ts";
import { Vocabulary } from "./tokenizer/vocabulary.ts";

/** How {@linkcode Tokenizer.encode} encodes. */
export interface EncodeOptions {
  /** Whether to add what the model expects around a text, such as a BOS token; `true` by default. */
  readonly addSpecialTokens?: boolean;
}

/** How {@linkcode Tokenizer.decode} decodes. */
export interface DecodeOptions {
  /** Whether to leave special tokens out; `true` by default. */
  readonly skipSpecialTokens?: boolean;
}

const ENCODE_KINDS: Kinds<EncodeOptions> = { addSpecialTokens: BOOLEAN };
const DECODE_KINDS: Kinds<DecodeOptions> = { skipSpecialTokens: BOOLEAN };

const IDS: Kind = required({ expected: "a list of token ids", fits: Array.isArray });

/** A token that stands for a byte, as the library reads it. */
const BYTE = /^<0x(?:[0-9A-Fa-f]{2}|\+[0-9A-Fa-f])>$/;

/**
 * A tokenizer as stored in `tokenizer.json`, with the tokens that the files beside it name, or in a GGUF file. Ids and text are those
 * of Hugging Face's library `tokenizers` with the tokens that `transformers` 5 adds.
 */
export class Tokenizer {
  /** One more than the largest token id. */
  readonly size: number;
  /** The ids of the special tokens, which are no text. */
  readonly specialIds: ReadonlySet<number>;
  /** The special tokens by role, as text. */
  readonly special: SpecialTokens;
  readonly #vocabulary: Vocabulary;
  readonly #components: Components;
  readonly #finder: AddedTokenFinder;
  readonly #frame: Frame;
  /** What the decoder is given for an added token, where that is not the token itself. */
  readonly #decoded = new Map<number, string>();

  private constructor(vocabulary: Vocabulary) {
    this.#vocabulary = vocabulary;
    const { description, added } = vocabulary;
    this.#components = vocabulary.reading(() => new Components(description));
    this.#finder = vocabulary.reading(() => new AddedTokenFinder(vocabulary, this.#components));
    this.#frame = vocabulary.reading(() => frameOf(description.post_processor));
    this.size = vocabulary.size;
    this.special = specialTokens(vocabulary.config);
    for (const [id, { token, wasNormalized }] of added) {
      if (wasNormalized) this.#decoded.set(id, this.#components.normalize(token.content));
    }
    // The library asks whether what it decodes is a special token, and not whether the id is that of one.
    const special = new Set(
      [...added.values()].filter(({ wasSpecial }) => wasSpecial).map(({ token }) => token.content),
    );
    this.specialIds = new Set([...added.keys()].filter((id) => special.has(this.#decodes(id)!)));
  }

  /**
   * Reads the tokenizer of the model directory or GGUF file `from`, a path or a `file:` URL.
   *
   * @throws {CheckpointError} the tokenizer is missing, or one of the files is malformed
   * @throws {UnsupportedModelError} the tokenizer has a part or a model that is not read here
   * @throws {LibraryError} Hugging Face's library cannot be opened
   */
  static load(from: string | URL): Tokenizer {
    return new Tokenizer(new Vocabulary(pathOf("load a tokenizer", "from", from)));
  }

  /**
   * The token ids of a text. A piece that no token stands for becomes the unknown-token, and is left out where
   * the model has none.
   *
   * @throws {CheckpointError} the model names an unknown-token that its vocabulary lacks
   */
  encode(text: string, options: EncodeOptions = {}): number[] {
    checkArgument("encode", "text", text, required(TEXT));
    checkOptions("encode", options, ENCODE_KINDS);
    const ids: number[] = [];
    this.#vocabulary.reading(() => {
      for (const piece of this.#finder.cut(text.toWellFormed())) {
        if ("id" in piece) ids.push(piece.id);
        else this.#cut(piece.text, piece.first, ids);
      }
    });
    const { before, after } = this.#frame;
    return options.addSpecialTokens ?? true ? [...before, ...ids, ...after] : ids;
  }

  /**
   * The token ids of a prompt that is a text: those of {@linkcode encode}, but that a text which begins with what the model
   * expects before one, as with `<|begin_of_text|>`, has that once.
   *
   * @throws {CheckpointError} as `encode`
   */
  encodePrompt(text: string): number[] {
    const ids = this.encode(text);
    const { before } = this.#frame;
    const isTwice = before.length > 0 && before.every((id, i) => ids[before.length + i] === id);
    return isTwice ? ids.slice(before.length) : ids;
  }

  /**
   * The text of token ids, as it stands: no spaces are removed before punctuation, whatever the
   * configuration says, since that cannot be undone and depends on what follows. Ids that the
   * vocabulary lacks, such as the padding of an embedding, have no text.
   *
   * @throws {ArgumentError} an id is no whole number from 0
   */
  decode(ids: readonly number[], options: DecodeOptions = {}): string {
    checkArgument("decode", "ids", ids, IDS);
    checkOptions("decode", options, DECODE_KINDS);
    const tokens = this.textIds(ids, options).map((id) => this.#decodes(id)!);
    return this.#vocabulary.reading(() => this.#components.decode(tokens));
  }

  /**
   * The ids of `ids` that {@linkcode decode} makes text of.
   *
   * @throws {ArgumentError} an id is no whole number from 0
   */
  textIds(ids: readonly number[], options: DecodeOptions = {}): number[] {
    const skip = options.skipSpecialTokens ?? true;
    return ids.filter((id) => {
      if (!Number.isInteger(id) || id < 0) {
        throw new ArgumentError("ids", `Cannot decode: a token id is ${id}, expected 0 or more`);
      }
      return this.#decodes(id) !== undefined && !(skip && this.specialIds.has(id));
    });
  }

  /** Whether a token stands for a byte, so that its text depends on the bytes before and after it. */
  isByte(id: number): boolean {
    return this.#components.joinsBytes && BYTE.test(this.#decodes(id) ?? "");
  }

  /**
   * The bytes that each id stands for, by id up to {@linkcode size}: those of a character that is cut, of a space at
   * the begin of a word. `undefined` for special tokens and for ids without a token. All bytes of a text's ids together are its
   * text in UTF-8, but for a space that some tokenizers drop at its begin.
   *
   * @throws {UnsupportedModelError} the text of a token depends on the tokens beside it
   */
  tokenBytes(): Array<Uint8Array | undefined> {
    const decoder = this.#vocabulary.reading(
      () => new TokenBytes(this.#vocabulary.description.decoder),
    );
    return Array.from({ length: this.size }, (_, id) => {
      const token = this.#decodes(id);
      return token === undefined || this.specialIds.has(id) ? undefined : decoder.of(token);
    });
  }

  /** The id of a token of the vocabulary, given as it is stored there. */
  tokenToId(token: string): number | undefined {
    return this.#vocabulary.id(token);
  }

  /** The token of an id, as it is stored in the vocabulary. */
  idToToken(id: number): string | undefined {
    return this.#vocabulary.token(id);
  }

  /** Appends the tokens of a text without added tokens. */
  #cut(text: string, first: boolean, out: number[]): void {
    const { model } = this.#vocabulary;
    for (const word of this.#components.split(text, first)) model.cut(word, out);
  }

  /** What the decoder is given for an id. */
  #decodes(id: number): string | undefined {
    return this.#decoded.get(id) ?? this.#vocabulary.token(id);
  }
}
