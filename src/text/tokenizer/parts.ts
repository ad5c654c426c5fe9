/**
 * The parts that a tokenizer may have. Hugging Face's library ends the whole process over some descriptions, so
 * what it is given is checked first.
 *
 * @module
 */

import { UnsupportedModelError } from "../../base/errors.ts";
import type { JsonObject } from "../files/files.ts";

/** Throws where a part would not do. */
type Check = (part: JsonObject) => void;

const fine: Check = () => {};

/** What takes its place must have been something. */
const pattern: Check = ({ type, pattern }) => {
  const { String: text, Regex: regex } = pattern as JsonObject ?? {};
  if (text === "" || (typeof regex === "string" && matchesNothing(regex))) {
    throw new Error(`its ${type} looks for ${JSON.stringify(text ?? regex)}, expected some text`);
  }
};

const NORMALIZERS: Readonly<Record<string, Check>> = {
  NFC: fine,
  NFD: fine,
  NFKC: fine,
  NFKD: fine,
  Lowercase: fine,
  Nmt: fine,
  Precompiled: precompiled,
  Prepend: ({ prepend }) => {
    if (prepend === "") throw new Error("its Prepend has no text");
  },
  Replace: pattern,
  Strip: fine,
  StripAccents: fine,
};

const PRE_TOKENIZERS: Readonly<Record<string, Check>> = {
  ByteLevel: fine,
  CharDelimiterSplit: fine,
  Digits: fine,
  Metaspace: fine,
  Punctuation: fine,
  Split: fine,
  UnicodeScripts: fine,
  Whitespace: fine,
  WhitespaceSplit: fine,
};

const DECODERS: Readonly<Record<string, Check>> = {
  BPEDecoder: fine,
  ByteFallback: fine,
  ByteLevel: fine,
  Fuse: fine,
  Metaspace: fine,
  Replace: fine,
  Strip: ({ stop }) => {
    // The library cannot cut more off a token's end than is there.
    if (stop !== 0) throw new Error(`its Strip cuts ${stop} off the end, expected 0`);
  },
  WordPiece: fine,
};

/** The keys of `tokenizer.json` whose parts are checked, what a sequence calls its own, and what there may be. */
const KINDS = [
  ["normalizer", "normalizers", NORMALIZERS],
  ["pre_tokenizer", "pretokenizers", PRE_TOKENIZERS],
  ["decoder", "decoders", DECODERS],
] as const;

/**
 * Checks the normalizer, pre-tokenizer and decoder of a `tokenizer.json`.
 *
 * @throws {UnsupportedModelError} there is one of another type
 * @throws {Error} one is described wrongly
 */
export function checkParts(json: JsonObject): void {
  for (const [kind, list, known] of KINDS) {
    for (const part of partsOf(json[kind], list)) {
      const check = typeof part.type === "string" && Object.hasOwn(known, part.type)
        ? known[part.type]
        : undefined;
      if (check === undefined) {
        throw new UnsupportedModelError(
          `a tokenizer whose ${kind} is ${JSON.stringify(part.type)}`,
          `expected ${Object.keys(known).join(", ")}`,
        );
      }
      check(part);
    }
  }
}

/**
 * A part, or the parts of a sequence that calls them `list`.
 *
 * @throws {Error} one of them is no object
 */
export function* partsOf(part: unknown, list: string): Generator<JsonObject> {
  if (part === undefined || part === null) return;
  if (typeof part !== "object") throw new Error(`one of its ${list} is ${JSON.stringify(part)}`);
  const { type, [list]: inner } = part as JsonObject;
  if (type !== "Sequence") yield part as JsonObject;
  else if (!Array.isArray(inner)) throw new Error(`its ${list} are no list`);
  else for (const one of inner) yield* partsOf(one ?? {}, list);
}

/** Whether a regular expression finds places where nothing is; those that JavaScript cannot read do not. */
function matchesNothing(source: string): boolean {
  try {
    const found = [
      ...["", " aB1é.\n\u3000"].flatMap((text) => [...text.matchAll(new RegExp(source, "gu"))]),
    ];
    return found.some(([match]) => match === "");
  } catch {
    return source === "";
  }
}

/** A table of characters: the length of a search tree in bytes, the tree, and text. */
function precompiled({ precompiled_charsmap: text }: JsonObject): void {
  const bytes = typeof text === "string" && text !== "" ? decode(text) : undefined;
  const tree = bytes !== undefined && bytes.length >= 4
    ? new DataView(bytes.buffer).getUint32(0, true)
    : undefined;
  if (
    bytes === undefined || tree === undefined || tree < 4 || tree % 4 !== 0 ||
    4 + tree > bytes.length
  ) {
    throw new Error("its precompiled_charsmap is damaged");
  }
}

function decode(text: string): Uint8Array<ArrayBuffer> | undefined {
  try {
    return Uint8Array.from(atob(text), (unit) => unit.charCodeAt(0));
  } catch {
    return undefined;
  }
}
