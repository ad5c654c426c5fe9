/**
 * The parts of a tokenizer that are done by Hugging Face's own library: normalizer, pre-tokenizer, decoder and
 * post-processor. Its `encode` is asynchronous, these parts are not. See `docs/adr/0015-the-reference-tokenizer.md`.
 *
 * @module
 */

import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import type { Tokenizer as Reference } from "tokenizers";
import { LibraryError, UnsupportedModelError } from "../base/errors.ts";
import type { JsonObject } from "./files.ts";

type Library = typeof import("tokenizers");

let library: Library | undefined;

/** Hugging Face's library, opened when it is first needed: help and types must not need it. */
function open(): Library {
  if (library === undefined) {
    const file = fileURLToPath(import.meta.resolve("tokenizers"));
    try {
      library = createRequire(file)(file) as Library;
    } catch (error) {
      throw new LibraryError(
        `Cannot open the tokenizer library ${file}: ${lastCause(error).message}; expected ` +
          "a system that the package has a build for, --allow-ffi, --allow-env and --allow-read",
        { cause: error },
      );
    }
  }
  return library;
}

/** The loader's own message speaks of a fault of npm, the first thing that went wrong is behind it. */
function lastCause(error: unknown): Error {
  let last = error as Error;
  while (last.cause instanceof Error) last = last.cause;
  return last;
}

/** Stands for a text's own tokens among those that a post-processor puts around it. */
const TEXT = 2 ** 32 - 1;

/** What comes before a model cuts words, and after it. */
export class Components {
  /** Whether the decoder makes characters of tokens that stand for bytes. */
  readonly joinsBytes: boolean;
  readonly #normalize?: (text: string) => string;
  readonly #first?: (text: string) => string[];
  readonly #later?: (text: string) => string[];
  readonly #decode: (tokens: string[]) => string;
  readonly #reference: Reference;
  readonly #frames = new Map<boolean, readonly number[]>();

  /**
   * Makes the parts that a `tokenizer.json` describes.
   *
   * @throws {LibraryError} the library cannot be opened
   * @throws {Error} a part is described wrongly
   */
  constructor(json: JsonObject) {
    this.#reference = reference(json);
    const normalizer = this.#reference.getNormalizer();
    if (normalizer !== null) this.#normalize = (text) => normalizer.normalizeString(text);
    this.#first = splitter(this.#reference);
    const later = notFirst(json.pre_tokenizer);
    this.#later = later === undefined
      ? this.#first
      : splitter(reference({ ...json, pre_tokenizer: later }));
    const decoders = [...parts(json.decoder)];
    if (decoders.some(({ type, stop }) => type === "Strip" && stop !== 0)) {
      // The library ends the whole process where a token is shorter than what is cut off.
      throw new UnsupportedModelError(
        "a tokenizer whose decoder cuts off the end of tokens",
        'expected decoders of type "Strip" to have a stop of 0',
      );
    }
    this.joinsBytes = decoders.some(({ type }) => type === "ByteFallback");
    const decoder = this.#reference.getDecoder();
    this.#decode = decoder === null
      ? (tokens) => tokens.join(" ")
      : (tokens) => tokens.length === 0 ? "" : decoder.decode(tokens);
  }

  /** The text that models and normalized added tokens see. */
  normalize(text: string): string {
    return this.#normalize === undefined ? text : this.#normalize(text);
  }

  /** Cuts normalized text into what a model takes at once; `first` for the piece that begins a text. */
  split(text: string, first: boolean): string[] {
    const split = first ? this.#first : this.#later;
    return split === undefined ? [text] : split(text);
  }

  /** The text of tokens. */
  decode(tokens: string[]): string {
    return this.#decode(tokens);
  }

  /** Puts around the tokens of a text what the post-processor puts there. */
  frame(ids: number[], addSpecialTokens: boolean): number[] {
    let frame = this.#frames.get(addSpecialTokens);
    if (frame === undefined) {
      const encoding = open().mergeEncodings([]);
      encoding.pad(1, { padId: TEXT });
      frame = this.#reference.postProcess(encoding, null, addSpecialTokens).getIds();
      this.#frames.set(addSpecialTokens, frame);
    }
    return frame.length === 1 ? ids : frame.flatMap((id) => id === TEXT ? ids : id);
  }

  /** Whether a character is part of a word, by the library's own tables. */
  static isWord(character: string): boolean {
    return open().whitespacePreTokenizer().preTokenizeString(`a${character}`).length === 1;
  }
}

/** The library's tokenizer of a description, without vocabulary: the parts do not need it. */
function reference(json: JsonObject): Reference {
  const model = json.model as JsonObject;
  const empty = "merges" in model ? { vocab: {}, merges: [] } : { vocab: [], unk_id: null };
  return open().Tokenizer.fromString(JSON.stringify({
    ...json,
    added_tokens: [],
    truncation: null,
    padding: null,
    model: { ...model, ...empty },
  }));
}

/** A decoder's parts, itself where it has none. */
function* parts(decoder: unknown): Generator<JsonObject> {
  const part = decoder as JsonObject | null | undefined;
  if (Array.isArray(part?.decoders)) for (const inner of part.decoders) yield* parts(inner);
  else if (part) yield part;
}

function splitter(tokenizer: Reference): ((text: string) => string[]) | undefined {
  const pre = tokenizer.getPreTokenizer();
  return pre === null ? undefined : (text) => pre.preTokenizeString(text).map(([piece]) => piece);
}

/**
 * The pre-tokenizer for pieces that do not begin a text, where it is another one: a part that puts a space
 * before the first piece only knows the piece that it is given.
 */
function notFirst(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return undefined;
  const part = value as JsonObject;
  if (part.type === "Metaspace" && part.prepend_scheme === "first") {
    return { ...part, prepend_scheme: "never" };
  }
  if (!Array.isArray(part.pretokenizers)) return undefined;
  const parts = part.pretokenizers.map(notFirst);
  if (parts.every((changed) => changed === undefined)) return undefined;
  return {
    ...part,
    pretokenizers: parts.map((changed, i) => changed ?? (part.pretokenizers as unknown[])[i]),
  };
}
