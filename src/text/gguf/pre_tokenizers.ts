/**
 * How byte-level tokenizers cut a text into words: GGUF files name it, and have nothing else of it.
 *
 * @module
 */
import { UnsupportedModelError } from "../../base/errors.ts";
import type { JsonObject } from "../files/files.ts";

/** What a name in `tokenizer.ggml.pre` stands for. */
export interface Cutting {
  /** The normalizer of the family's `tokenizer.json`. */
  readonly normalizer: JsonObject | null;
  /** Its pre-tokenizer. */
  readonly preTokenizer: JsonObject;
  /** Whether a word that is a token is taken whole, whatever the merges say. */
  readonly ignoreMerges: boolean;
  /** Whether BOS comes before a text where the file does not say it. */
  readonly addBos: boolean;
}

const CONTRACTIONS = "(?i:'s|'t|'re|'ve|'m|'ll|'d)";

/** Words of Llama 3 and Qwen 2, which differ in how many digits go together. */
const words = (digits: string) =>
  `${CONTRACTIONS}|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|${digits}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+`;

const UPPER = "[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]";
const LOWER = "[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]";
const TEKKEN = `[^\\r\\n\\p{L}\\p{N}]?${UPPER}*${LOWER}+|[^\\r\\n\\p{L}\\p{N}]?${UPPER}+${LOWER}*` +
  "|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";

const DEEPSEEK_3 = "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+" +
  "|[^\\r\\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+| ?[\\p{P}\\p{S}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";

const DIGITS = { type: "Digits", individual_digits: true };

function split(pattern: string): JsonObject {
  return { type: "Split", pattern: { Regex: pattern }, behavior: "Isolated", invert: false };
}

/** The signs of bytes; with GPT-2's own regular expression, which the library has built in, or after others. */
function byteLevel(regex: boolean): JsonObject {
  return { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: regex };
}

function cutting(parts: readonly JsonObject[], more: Partial<Cutting> = {}): Cutting {
  const preTokenizer = parts.length === 1 ? parts[0] : { type: "Sequence", pretokenizers: parts };
  return { normalizer: null, ignoreMerges: false, addBos: false, ...more, preTokenizer };
}

const LLAMA_3 = [split(words("\\p{N}{1,3}")), byteLevel(false)];
const WHOLE = { ignoreMerges: true, addBos: true };

const llama3 = cutting(LLAMA_3, WHOLE);
const llama3Merged = cutting(LLAMA_3);
const qwen2 = cutting([split(words("\\p{N}")), byteLevel(false)], { normalizer: { type: "NFC" } });
const starcoder = cutting([DIGITS, byteLevel(true)]);
const gpt2 = cutting([byteLevel(true)]);

/**
 * The names, and what the `tokenizer.json` of their models has, which is not always what llama.cpp does: its regular
 * expressions know neither Unicode's classes of case nor NFC.
 */
const KNOWN: ReadonlyMap<string, Cutting> = new Map([
  ["llama-bpe", llama3],
  ["llama3", llama3],
  ["llama-v3", llama3],
  // Models with the words of Llama 3 whose files do not take whole tokens first.
  ["smaug-bpe", llama3Merged],
  ["dbrx", llama3Merged],
  ["qwen2", qwen2],
  ["deepseek-r1-qwen", qwen2],
  ["tekken", cutting([split(TEKKEN), byteLevel(false)], WHOLE)],
  ["smollm", starcoder],
  ["starcoder", starcoder],
  ["refact", starcoder],
  ["gpt-2", gpt2],
  ["phi-2", gpt2],
  [
    "deepseek-coder",
    cutting([
      split("[\\r\\n]"),
      split("\\s?\\p{L}+"),
      split("\\s?\\p{P}+"),
      split("[\u4e00-\u9fa5\u0800-\u4e00\uac00-\ud7ff]+"),
      DIGITS,
      byteLevel(false),
    ]),
  ],
  [
    "deepseek-v3",
    cutting([
      split("\\p{N}{1,3}"),
      split("[\u4e00-\u9fa5\u3040-\u309f\u30a0-\u30ff]+"),
      split(DEEPSEEK_3),
      byteLevel(false),
    ]),
  ],
]);

/**
 * What `tokenizer.ggml.pre` stands for. Files from before that key, and those whose converter did not know the model
 * (`default`), do not say how they cut: llama.cpp guesses, and warns that the text suffers.
 *
 * @throws {UnsupportedModelError} the name is not known here, or there is none
 */
export function cuttingNamed(file: string, name: string | undefined): Cutting {
  const known = name === undefined ? undefined : KNOWN.get(name);
  if (known !== undefined) return known;
  const says = name === undefined
    ? "no tokenizer.ggml.pre"
    : `tokenizer.ggml.pre ${JSON.stringify(name)}`;
  const guess = name === undefined || name === "default"
    ? "; how it cuts a text into words is not in the file, convert the model again"
    : "";
  throw new UnsupportedModelError(
    `a byte-level tokenizer with ${says} (${file})`,
    `expected one of ${[...KNOWN.keys()].join(", ")}${guess}`,
  );
}
