/**
 * Small tokenizers as GGUF metadata, for the tests of this folder.
 *
 * @module
 */
import { type GgufValue, Metadata } from "../../gguf/mod.ts";
import { byteSigns } from "../fixtures_test.ts";

/** Metadata by key. */
export type Entries = Readonly<Record<string, GgufValue | undefined>>;

/** The metadata of a file called `model.gguf`; keys that are undefined are left out. */
export function metadataOf(entries: Entries): Metadata {
  const values = new Map<string, GgufValue>();
  for (const [key, value] of Object.entries(entries)) {
    if (value !== undefined) values.set(key, value);
  }
  return new Metadata({ file: "model.gguf", metadata: values });
}

/** Keys of the tokenizer, given without what they begin with. */
export function tokenizerKeys(entries: Entries): Entries {
  return Object.fromEntries(
    Object.entries(entries).map(([key, value]) => [`tokenizer.ggml.${key}`, value]),
  );
}

const SIGNS = byteSigns();

/** A byte-level tokenizer: 256 bytes, `he`, `ll`, `hell`, `hello`, then BOS, EOS and `<think>`, which is no special token. */
export const BYTE_LEVEL: Entries = tokenizerKeys({
  model: "gpt2",
  pre: "llama-bpe",
  tokens: [...SIGNS, "he", "ll", "hell", "hello", "<|bos|>", "<|eos|>", "<think>"],
  token_type: Int32Array.from([...SIGNS.map(() => 1), 1, 1, 1, 1, 3, 3, 4]),
  merges: ["h e", "l l", "he ll", "hell o"],
  bos_token_id: 260,
  eos_token_id: 261,
});

const PIECES = ["<unk>", "<s>", "</s>"];
const BYTES = Array.from(
  { length: 256 },
  (_, byte) => `<0x${byte.toString(16).toUpperCase().padStart(2, "0")}>`,
);
const WORDS = ["▁a", "ab", "▁ab", "aba", "▁", "a", "b", "c"];

/** A SentencePiece tokenizer of `▁`, `a`, `b`, `c` and what is made of them, best first: `▁a`, `ab`, `▁ab`, `aba`. */
export const SENTENCEPIECE: Entries = tokenizerKeys({
  model: "llama",
  pre: "default",
  tokens: [...PIECES, ...BYTES, ...WORDS],
  token_type: Int32Array.from([2, 3, 3, ...BYTES.map(() => 6), ...WORDS.map(() => 1)]),
  scores: Float32Array.from([0, 0, 0, ...BYTES.map(() => 0), ...WORDS.map((_, i) => -i)]),
  bos_token_id: 1,
  eos_token_id: 2,
  unknown_token_id: 0,
});
