/**
 * The parts of a tokenizer that are done by Hugging Face's own library: normalizer, pre-tokenizer and
 * decoder. Its `encode` is asynchronous, these parts are not. See `docs/adr/0015-the-reference-tokenizer.md`.
 *
 * @module
 */

import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import type { Tokenizer as Reference } from "tokenizers";
// Types alone would not bring the package here.
import details from "tokenizers/package.json" with { type: "json" };
import { LibraryError, UnsupportedModelError } from "../../base/errors.ts";
import type { JsonObject } from "../files/files.ts";
import { checkParts, partsOf } from "./parts.ts";

type Library = typeof import("tokenizers");

/** The package's builds, by what Deno was built for. */
const BUILDS: Readonly<Record<string, string>> = {
  "x86_64-unknown-linux-gnu": "linux-x64-gnu",
  "aarch64-unknown-linux-gnu": "linux-arm64-gnu",
  "x86_64-apple-darwin": "darwin-x64",
  "aarch64-apple-darwin": "darwin-arm64",
  "x86_64-pc-windows-msvc": "win32-x64-msvc",
};

let library: Library | undefined;

/** Whether the program ends. What still runs then finds the library gone, and would end with a segmentation fault. */
let isEnding = false;

/** Throws where the library may not be called any more. */
function checkLive(): void {
  if (!isEnding) return;
  throw new LibraryError("Cannot use the tokenizer library: the program ends, expected it to run");
}

/**
 * Hugging Face's library, opened when it is first needed: help and types must not need it. The package's own
 * loader is passed by, since it asks for much of the environment.
 */
function open(): Library {
  checkLive();
  if (library === undefined) {
    const build = BUILDS[Deno.build.target];
    if (build === undefined) {
      throw new LibraryError(
        `Cannot open version ${details.version} of the tokenizer library: the system is ${Deno.build.target}, ` +
          `expected one of ${Object.keys(BUILDS).join(", ")}`,
      );
    }
    const folder = import.meta.resolve("tokenizers/package.json");
    const file = fileURLToPath(new URL(`tokenizers.${build}.node`, folder));
    try {
      library = createRequire(folder)(file) as Library;
      addEventListener("unload", () => isEnding = true);
    } catch (error) {
      throw new LibraryError(
        `Cannot open version ${details.version} of the tokenizer library, ${file}: ` +
          (error as Error).message,
        { cause: error },
      );
    }
  }
  return library;
}

/** What comes before a model cuts words, and after it. */
export class Components {
  /** Whether the decoder makes characters of tokens that stand for bytes. */
  readonly joinsBytes: boolean;
  readonly #normalize?: (text: string) => string;
  readonly #first?: (text: string) => string[];
  readonly #later?: (text: string) => string[];
  readonly #decode: (tokens: string[]) => string;

  /**
   * Makes the parts of a description, which needs no vocabulary.
   *
   * @throws {LibraryError} the library cannot be opened
   * @throws {UnsupportedModelError} there is a part of another kind
   * @throws {Error} a part is described wrongly
   */
  constructor(description: JsonObject) {
    checkParts(description);
    const whole = reference(description);
    const normalizer = whole.getNormalizer();
    if (normalizer !== null) this.#normalize = (text) => normalizer.normalizeString(text);
    this.#first = splitter(whole);
    const later = notFirst(description);
    this.#later = later === undefined
      ? this.#first
      : splitter(reference({ ...description, pre_tokenizer: later }));
    this.joinsBytes = [...partsOf(description.decoder, "decoders")].some(({ type }) =>
      type === "ByteFallback"
    );
    const decoder = whole.getDecoder();
    this.#decode = decoder === null
      ? (tokens) => tokens.join(" ")
      : (tokens) => tokens.length === 0 ? "" : decoder.decode(tokens);
  }

  /** The text that models and normalized added tokens see. */
  normalize(text: string): string {
    checkLive();
    return this.#normalize === undefined ? text : this.#normalize(text);
  }

  /** Cuts normalized text into what a model takes at once; `first` for the piece that begins a text. */
  split(text: string, first: boolean): string[] {
    checkLive();
    const split = first ? this.#first : this.#later;
    return split === undefined ? [text] : split(text);
  }

  /** The text of tokens. */
  decode(tokens: string[]): string {
    checkLive();
    return this.#decode(tokens);
  }

  /** Whether a character is part of a word, by the library's own tables. */
  static isWord(character: string): boolean {
    const both = `a${character}`;
    return open().whitespacePreTokenizer().preTokenizeString(both)[0][0] === both;
  }
}

/** The library's tokenizer of a description. */
function reference(description: JsonObject): Reference {
  return open().Tokenizer.fromString(JSON.stringify(description));
}

function splitter(tokenizer: Reference): ((text: string) => string[]) | undefined {
  const pre = tokenizer.getPreTokenizer();
  return pre === null ? undefined : (text) => pre.preTokenizeString(text).map(([piece]) => piece);
}

/**
 * The pre-tokenizer for pieces that do not begin a text, where it is another one: a part that puts a space
 * before the first piece only knows the piece that it is given.
 */
function notFirst({ normalizer, pre_tokenizer }: JsonObject): JsonObject | undefined {
  const parts = [...partsOf(pre_tokenizer, "pretokenizers")];
  const changed = parts.map((part) =>
    part.type === "Metaspace" && part.prepend_scheme === "first"
      ? { ...part, prepend_scheme: "never" }
      : part
  );
  const at = changed.findIndex((part, i) => part !== parts[i]);
  if (at === -1) return undefined;
  if (at > 0 && normalizer) {
    // Whether a piece is the first of the text as it was before the normalizer is not known there.
    throw new UnsupportedModelError(
      "a tokenizer that normalizes, cuts, and then puts a space before the first piece",
      'expected "Metaspace" to be the first pre_tokenizer, or no normalizer',
    );
  }
  return { type: "Sequence", pretokenizers: changed };
}
