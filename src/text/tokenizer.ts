/**
 * Text to token ids and back, from a Hugging Face `tokenizer.json`.
 *
 * @module
 */

import { ArgumentError, CheckpointError, SpecMQuantError } from "../base/errors.ts";
import { numberedTokens } from "./added_token.ts";
import { AddedVocabulary } from "./added_vocabulary.ts";
import { Components } from "./components.ts";
import { inDirectory, type JsonObject, readJsonObject } from "./files.ts";
import { type Frame, frameOf } from "./frame.ts";
import { type SpecialTokens, specialTokens } from "./special_tokens.ts";
import { TokenFiles } from "./token_files.ts";
import { type WordModel, wordModel } from "./word_model.ts";

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

/** A token that stands for a byte, as the library reads it. */
const BYTE = /^<0x(?:[0-9A-Fa-f]{2}|\+[0-9A-Fa-f])>$/;

/**
 * A tokenizer as stored in `tokenizer.json`, with the tokens that the files beside it name. Ids and text are those
 * of Hugging Face's library `tokenizers` with the tokens that `transformers` 5 adds.
 */
export class Tokenizer {
  /** One more than the largest token id. */
  readonly size: number;
  /** The ids of the special tokens, which are no text. */
  readonly specialIds: ReadonlySet<number>;
  /** The special tokens by role, as text. */
  readonly special: SpecialTokens;
  readonly #file: string;
  readonly #components: Components;
  readonly #model: WordModel;
  readonly #frame: Frame;
  /** The tokens of the model by id. */
  readonly #tokens: readonly (string | undefined)[];
  readonly #added: AddedVocabulary;

  private constructor(file: string, json: JsonObject, files: TokenFiles) {
    this.#file = file;
    const [model, components, frame] = this.#reading(() =>
      // The library checks what the last one takes as it is.
      [wordModel(json.model), new Components(json), frameOf(json.post_processor)] as const
    );
    this.#model = model;
    this.#components = components;
    this.#frame = frame;
    const tokens: string[] = [];
    for (const [token, id] of model.ids) tokens[id] = token;
    this.#tokens = tokens;
    this.#added = new AddedVocabulary(model, components, files.config.split_special_tokens === true);
    const known = numberedTokens(file, json.added_tokens);
    this.#added.add(known);
    this.#added.add(files.added(known));
    const added = [...this.#added.ids];
    this.size = Math.max(tokens.length, ...added.map((id) => id + 1));
    this.specialIds = new Set(added.filter((id) => this.#added.isSpecial(this.#decoded(id)!)));
    this.special = specialTokens(files.config);
  }

  /**
   * Reads the tokenizer of the model directory `dir`.
   *
   * @throws {CheckpointError} `tokenizer.json` is missing, or one of the files is malformed
   * @throws {UnsupportedModelError} the tokenizer is neither byte-pair encoding nor Unigram
   * @throws {LibraryError} Hugging Face's library cannot be opened
   */
  static load(dir: string): Tokenizer {
    const file = inDirectory(dir, "tokenizer.json");
    const json = readJsonObject(file);
    if (json === undefined) {
      throw new CheckpointError(
        file,
        "there is no such file, expected the tokenizer in Hugging Face's tokenizer.json format",
      );
    }
    return new Tokenizer(file, json, new TokenFiles(dir));
  }

  /**
   * The token ids of a text. A piece that no token stands for becomes the unknown-token, and is left out where
   * the model has none.
   *
   * @throws {CheckpointError} the model names an unknown-token that its vocabulary lacks
   */
  encode(text: string, options: EncodeOptions = {}): number[] {
    const ids: number[] = [];
    this.#reading(() => {
      for (const piece of this.#added.cut(text.toWellFormed())) {
        if ("id" in piece) ids.push(piece.id);
        else {
          for (const word of this.#components.split(piece.text, piece.first)) {
            this.#model.cut(word, ids);
          }
        }
      }
    });
    const { before, after } = this.#frame;
    return options.addSpecialTokens ?? true ? [...before, ...ids, ...after] : ids;
  }

  /**
   * The text of token ids, as it stands: no spaces are removed before punctuation, whatever the
   * configuration says, since that cannot be undone and depends on what follows. Ids that the
   * vocabulary lacks, such as the padding of an embedding, have no text.
   *
   * @throws {ArgumentError} an id is no whole number from 0
   */
  decode(ids: readonly number[], options: DecodeOptions = {}): string {
    return this.#components.decode(this.textIds(ids, options).map((id) => this.#decoded(id)!));
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
      return this.#decoded(id) !== undefined && !(skip && this.specialIds.has(id));
    });
  }

  /** Whether a token stands for a byte, so that its text depends on the bytes before and after it. */
  isByte(id: number): boolean {
    return this.#components.joinsBytes && BYTE.test(this.#decoded(id) ?? "");
  }

  /** The id of a token of the vocabulary, given as it is stored there. */
  tokenToId(token: string): number | undefined {
    return this.#added.id(token);
  }

  /** The token of an id, as it is stored in the vocabulary. */
  idToToken(id: number): string | undefined {
    return this.#added.token(id)?.content ?? this.#tokens[id];
  }

  /** What the decoder is given for an id. */
  #decoded(id: number): string | undefined {
    return this.#added.decoded(id) ?? this.#tokens[id];
  }

  /** Runs what may find the tokenizer's file wrong. */
  #reading<T>(use: () => T): T {
    try {
      return use();
    } catch (error) {
      if (error instanceof SpecMQuantError) throw error;
      throw new CheckpointError(
        this.#file,
        `it is no valid tokenizer: ${(error as Error).message}`,
        undefined,
        { cause: error },
      );
    }
  }
}
