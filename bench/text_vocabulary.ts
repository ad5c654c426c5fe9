/**
 * Vocabularies as large as those of today's models, made of pieces of this repository's own text: what benches of
 * grammars need, without a tokenizer that somebody would have to fetch.
 *
 * @module
 */
import type { Vocabulary } from "../src/grammar/mod.ts";

/** Rows of logits of Llama 3. */
export const SIZE = 128_256;

/** Special tokens behind all others, as many as Llama 3 has. */
const SPECIAL = 256;

/** Bytes that are cut off a word at most. */
const LONGEST = 32;

/** Where the pieces are from. */
const FOLDERS = ["docs/", "src/", "cuda/", "tests/", "scripts/"];

/** Characters that are a token each: Latin, Greek, Cyrillic, Hebrew, Arabic, Devanagari, Thai, Chinese. */
const SCRIPTS = [
  [0xa1, 0x17f],
  [0x370, 0x3ff],
  [0x400, 0x45f],
  [0x5d0, 0x5ea],
  [0x620, 0x64a],
  [0x905, 0x939],
  [0xe01, 0xe3a],
  [0x4e00, 0x9fff],
];

/** Of these, Japanese ones, each pair is one. */
const PAIRED = [0x3041, 0x3096];

/** Bytes as a text of as many characters. */
const spelled = (bytes: Uint8Array): string => String.fromCharCode(...bytes);

/**
 * A vocabulary of {@linkcode SIZE} rows: the tokens of `first`, which keep their ids, then what is not among them of all
 * bytes, characters of other scripts (a fifth of all) and words and runs of signs, whole and cut: the same ones as long as
 * the text is the same.
 */
export function textVocabulary(
  first: Pick<Vocabulary, "tokens" | "encode"> & Partial<Pick<Vocabulary, "stopTokens">> = {
    tokens: [],
  },
): Vocabulary {
  const known = new Set(first.tokens.flatMap((bytes) => bytes ? [spelled(bytes)] : []));
  const more = new Set<string>();
  const room = SIZE - SPECIAL - first.tokens.length;
  const add = (text: string) => {
    if (more.size < room && !known.has(text)) more.add(text);
  };
  for (let byte = 0; byte < 256; byte++) add(String.fromCharCode(byte));
  const encoder = new TextEncoder();
  const addCharacters = (...points: number[]) =>
    add(spelled(encoder.encode(String.fromCodePoint(...points))));
  for (const [first, last] of SCRIPTS) {
    for (let point = first; point <= last; point++) addCharacters(point);
  }
  for (let first = PAIRED[0]; first <= PAIRED[1]; first++) {
    for (let second = PAIRED[0]; second <= PAIRED[1]; second++) addCharacters(first, second);
  }
  const words = new Set<string>();
  const read = (folder: URL) => {
    for (const entry of [...Deno.readDirSync(folder)].sort((a, b) => a.name < b.name ? -1 : 1)) {
      if (entry.isDirectory) read(new URL(`${entry.name}/`, folder));
      if (!/\.(md|ts|cu|cpp|h)$/.test(entry.name)) continue;
      const source = Deno.readTextFileSync(new URL(entry.name, folder));
      for (const [word] of source.matchAll(/ ?\p{L}+|\d{1,3}| ?[^\s\p{L}\d]+|\s+/gu)) {
        words.add(spelled(encoder.encode(word)));
      }
    }
  };
  for (const folder of FOLDERS) read(new URL(`../${folder}`, import.meta.url));
  const pieces = (length: (word: string) => number) => {
    for (const word of words) {
      for (let from = 0; from + length(word) <= word.length; from++) {
        add(word.slice(from, from + length(word)));
      }
    }
  };
  // Whole words first, then more and more of their pieces.
  for (let less = 0; less < LONGEST; less++) pieces((word) => Math.max(1, word.length - less));
  if (more.size < room) {
    throw new Error(`Cannot make a vocabulary: the text has ${more.size} pieces, expected ${room}`);
  }
  const tokens: Array<Uint8Array | undefined> = [...first.tokens];
  for (const text of more) tokens.push(Uint8Array.from(text, (unit) => unit.charCodeAt(0)));
  while (tokens.length < SIZE) tokens.push(undefined);
  return { size: SIZE, tokens, stopTokens: first.stopTokens ?? [SIZE - 1], encode: first.encode };
}
