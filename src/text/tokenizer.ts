/**
 * Text to token ids and back, from a Hugging Face `tokenizer.json`.
 *
 * @module
 */

import { Tokenizer as HuggingFaceTokenizer } from "@huggingface/tokenizers";
import { ArgumentError, CheckpointError } from "../base/errors.ts";
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
import { inDirectory, type JsonObject, readJsonObject } from "./files.ts";
import { type SpecialTokens, specialTokens, tokenText } from "./special_tokens.ts";

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

/** A tokenizer as stored in `tokenizer.json`, with `tokenizer_config.json` where there is one. */
export class Tokenizer {
  /** One more than the largest token id. */
  readonly size: number;
  /** The ids of the special tokens, which are no text. */
  readonly specialIds: ReadonlySet<number>;
  /** The special tokens by role, as text. */
  readonly special: SpecialTokens;
  readonly #file: string;
  readonly #tokenizer: HuggingFaceTokenizer;

  private constructor(file: string, json: JsonObject, config: JsonObject) {
    this.#file = file;
    try {
      this.#tokenizer = new HuggingFaceTokenizer(json, config);
      this.size = this.#tokenizer.model!.vocab.length;
    } catch (error) {
      const reason = (error as Error).message;
      throw new CheckpointError(file, `it is no valid tokenizer: ${reason}`, undefined, {
        cause: error,
      });
    }
    this.special = specialTokens(config);
    this.specialIds = this.#findSpecialIds(config);
  }

  /**
   * Reads the tokenizer of the model directory `from`, a path or a `file:` URL.
   *
   * @throws {CheckpointError} `tokenizer.json` is missing, or one of the files is malformed
   */
  static load(from: string | URL): Tokenizer {
    const dir = pathOf("load a tokenizer", "from", from);
    const file = inDirectory(dir, "tokenizer.json");
    const json = readJsonObject(file);
    if (json === undefined) {
      throw new CheckpointError(
        file,
        "there is no such file, expected the tokenizer in Hugging Face's tokenizer.json format",
      );
    }
    return new Tokenizer(
      file,
      json,
      readJsonObject(inDirectory(dir, "tokenizer_config.json")) ?? {},
    );
  }

  /**
   * The token ids of a text. As in Hugging Face's own library a piece that no token stands for
   * becomes the unknown-token, and is left out where the model has none.
   *
   * @throws {CheckpointError} the model names an unknown-token that its vocabulary lacks
   */
  encode(text: string, options: EncodeOptions = {}): number[] {
    checkArgument("encode", "text", text, required(TEXT));
    checkOptions("encode", options, ENCODE_KINDS);
    const { ids, tokens } = this.#tokenizer.encode(text, {
      add_special_tokens: options.addSpecialTokens ?? true,
    });
    const missing = ids.findIndex((id) => id === undefined);
    if (missing !== -1) {
      throw new CheckpointError(
        this.#file,
        `its vocabulary lacks ${JSON.stringify(tokens[missing])}, which stands for unknown text`,
      );
    }
    return ids;
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
    const kept = this.textIds(ids, options);
    return kept.length === 0
      ? ""
      : this.#tokenizer.decode(kept, { clean_up_tokenization_spaces: false });
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
      if (skip && this.specialIds.has(id)) return false;
      const token = this.#tokenizer.id_to_token(id);
      return token !== undefined && token !== "";
    });
  }

  /** The id of a token of the vocabulary, given as it is stored there. */
  tokenToId(token: string): number | undefined {
    return this.#tokenizer.token_to_id(token);
  }

  /** The token of an id, as it is stored in the vocabulary. */
  idToToken(id: number): string | undefined {
    return this.#tokenizer.id_to_token(id);
  }

  #findSpecialIds(config: JsonObject): ReadonlySet<number> {
    const ids = new Set<number>();
    for (const [id, token] of this.#tokenizer.get_added_tokens_decoder()) {
      if (token.special) ids.add(id);
    }
    const more = config.additional_special_tokens;
    const named = [...Object.values(this.special), ...(Array.isArray(more) ? more : [])];
    for (const token of named) {
      const id = this.tokenToId(tokenText(token) ?? "");
      if (id !== undefined) ids.add(id);
    }
    return ids;
  }
}
