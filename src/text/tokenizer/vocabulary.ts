/**
 * The tokens of a model directory and their ids: what can be known without Hugging Face's library.
 *
 * @module
 */

import { CheckpointError, SpecMQuantError, UnsupportedModelError } from "../../base/errors.ts";
import { type AddedToken, numberedTokens } from "../files/added_token.ts";
import { Bpe } from "./bpe.ts";
import type { JsonObject } from "../files/files.ts";
import { storedTokenizer } from "./stored.ts";
import { Unigram } from "./unigram.ts";
import type { WordModel } from "./word_model.ts";

/** An added token. A token may be added again, with other properties. */
export interface Added {
  /** What it is now. */
  readonly token: AddedToken;
  /** Whether it ever was one that is normalized. */
  readonly wasNormalized: boolean;
  /** Whether it ever was special. */
  readonly wasSpecial: boolean;
}

/** The vocabulary of a tokenizer: the model's, and the tokens that are added to it. */
export class Vocabulary {
  /** The path of `tokenizer.json`, or of a GGUF file. */
  readonly file: string;
  /** What `tokenizer.json` holds, or would, but for the vocabulary. */
  readonly description: JsonObject;
  /** `tokenizer_config.json`, with `special_tokens_map.json` where that counts, or what a GGUF file has instead. */
  readonly config: JsonObject;
  /** The model. */
  readonly model: WordModel;
  /** One more than the largest id. */
  readonly size: number;
  /** The tokens of the model by id. */
  readonly #tokens: readonly (string | undefined)[];
  readonly #added = new Map<number, Added>();
  readonly #ids = new Map<string, number>();

  /**
   * Reads the model directory or GGUF file `path`.
   *
   * @throws {CheckpointError} the tokenizer is missing, or a file is malformed
   * @throws {UnsupportedModelError} the model is neither byte-pair encoding nor Unigram
   */
  constructor(path: string) {
    const stored = storedTokenizer(path);
    const { json } = stored;
    this.file = stored.file;
    this.config = stored.config;
    this.model = this.reading(() => wordModel(json.model));
    this.description = withoutVocabulary(json);
    const tokens: string[] = [];
    for (const [token, id] of this.model.ids) tokens[id] = token;
    this.#tokens = tokens;
    const known = numberedTokens(this.file, json.added_tokens);
    this.#add(known);
    this.#add(stored.added(known));
    this.size = Math.max(tokens.length, this.#end());
  }

  /** The added tokens by id. */
  get added(): ReadonlyMap<number, Added> {
    return this.#added;
  }

  /** The id of a token, given as it is stored. */
  id(token: string): number | undefined {
    return this.#ids.get(token) ?? this.model.ids.get(token);
  }

  /** The token of an id, as it is stored. */
  token(id: number): string | undefined {
    return this.#added.get(id)?.token.content ?? this.#tokens[id];
  }

  /**
   * Runs what may find the tokenizer wrong.
   *
   * @throws {CheckpointError} it was
   */
  reading<T>(use: () => T): T {
    try {
      return use();
    } catch (error) {
      if (error instanceof SpecMQuantError) throw error;
      const reason = (error as Error).message;
      throw new CheckpointError(this.file, `it is no valid tokenizer: ${reason}`, undefined, {
        cause: error,
      });
    }
  }

  /** As in Hugging Face's library the ids of new tokens follow each other, whatever a file says. */
  #add(tokens: readonly AddedToken[]): void {
    let next = Math.max(this.model.size, this.#end());
    for (const token of tokens) {
      if (token.content === "") continue;
      const id = this.id(token.content) ?? next++;
      const before = this.#added.get(id);
      this.#ids.set(token.content, id);
      this.#added.set(id, {
        token,
        wasNormalized: token.normalized || before?.wasNormalized === true,
        wasSpecial: token.special || before?.wasSpecial === true,
      });
    }
  }

  /** One more than the largest id of an added token. */
  #end(): number {
    return this.#added.keys().reduce((end, id) => Math.max(end, id + 1), 0);
  }
}

/**
 * The model that `tokenizer.json` describes.
 *
 * @throws {UnsupportedModelError} it is neither byte-pair encoding nor Unigram, or draws lots
 * @throws {Error} it is described wrongly
 */
function wordModel(value: unknown): WordModel {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new Error("its model is no object");
  }
  const model = value as JsonObject;
  // The first files of this format do not name the kind.
  const type = model.type ?? ("merges" in model ? "BPE" : undefined);
  if (type === "BPE") return new Bpe(model);
  if (type === "Unigram") return new Unigram(model);
  throw new UnsupportedModelError(
    `a tokenizer whose model is ${JSON.stringify(type)}`,
    'expected "BPE" or "Unigram"',
  );
}

/** The description of a tokenizer that knows no token. */
function withoutVocabulary(json: JsonObject): JsonObject {
  const model = json.model as JsonObject;
  const empty = "merges" in model ? { vocab: {}, merges: [] } : { vocab: [], unk_id: null };
  return {
    ...json,
    added_tokens: [],
    truncation: null,
    padding: null,
    model: { ...model, ...empty },
  };
}
