/**
 * Tokenizers of parts drawn by lot against the reference, and damaged descriptions: an error, and never the end
 * of the process.
 */
import { assert, assertEquals } from "@std/assert";
import { SpecMQuantError } from "../../src/base/errors.ts";
import {
  ALL,
  asked,
  type Description,
  load,
  numbers,
  reference,
  results,
  stored,
} from "../tokenizers.ts";

const RUNS = ALL ? 2000 : 60;
// The reference itself ends the process over added tokens of which the normalizer leaves nothing, such as spaces.
const { "gpt-neox": _, ...USED } = stored<Record<string, Description>>("tokenizers.json.gz");
const DESCRIPTIONS = Object.values(USED);
const TEXTS = [
  " a",
  "hello wordy <s> é²³ 12\n\n  x <mask> </s>",
  "\ufeff▁ x e\u0301",
  "\u3000ﷺ 你好 ǆ ",
  "It's 3.14 (pi), x_1!  ",
];

const regex = (source: string) => ({ Regex: source });
const NORMALIZERS = [
  { type: "NFC" },
  { type: "NFD" },
  { type: "NFKC" },
  { type: "NFKD" },
  { type: "Nmt" },
  { type: "Lowercase" },
  { type: "StripAccents" },
  { type: "Prepend", prepend: "é" },
  { type: "Strip", strip_left: true, strip_right: true },
  { type: "Replace", pattern: regex("[aeiou]+"), content: "▁▁" },
  { type: "Replace", pattern: { String: "l" }, content: "ll" },
];
const PRE_TOKENIZERS = [
  { type: "UnicodeScripts" },
  { type: "CharDelimiterSplit", delimiter: " " },
  { type: "Whitespace" },
  { type: "WhitespaceSplit" },
  { type: "Digits", individual_digits: false },
  ...["Removed", "Isolated", "MergedWithPrevious", "MergedWithNext", "Contiguous"].flatMap(
    (behavior) => [
      { type: "Punctuation", behavior },
      { type: "Split", pattern: regex("\\p{L}+"), behavior, invert: false },
      { type: "Split", pattern: regex("x*"), behavior, invert: true },
      { type: "Split", pattern: regex("(?=\\d)"), behavior, invert: false },
    ],
  ),
  { type: "ByteLevel", add_prefix_space: true, trim_offsets: true, use_regex: true },
  { type: "Metaspace", replacement: "▁", prepend_scheme: "first", split: true },
];
const DECODERS = [
  { type: "WordPiece", prefix: "##", cleanup: true },
  { type: "BPEDecoder", suffix: "</w>" },
  { type: "Strip", content: " ", start: 3, stop: 0 },
  { type: "Replace", pattern: { String: "" }, content: "x" },
  { type: "Replace", pattern: regex("a+"), content: "" },
  { type: "ByteFallback" },
  { type: "Fuse" },
  { type: "ByteLevel", add_prefix_space: true, trim_offsets: true, use_regex: true },
  { type: "Metaspace", replacement: "▁", prepend_scheme: "first", split: true },
];

/** A description with some of its parts drawn by lot. */
function drawn(below: (limit: number) => number): Description {
  const some = <T>(from: readonly T[]): T[] =>
    Array.from({ length: 1 + below(3) }, () => from[below(from.length)]);
  const description = structuredClone(DESCRIPTIONS[below(DESCRIPTIONS.length)]);
  if (below(3) === 0) {
    description.normalizer = { type: "Sequence", normalizers: some(NORMALIZERS) };
  }
  if (below(2) === 0) {
    description.pre_tokenizer = { type: "Sequence", pretokenizers: some(PRE_TOKENIZERS) };
  }
  if (below(2) === 0) description.decoder = { type: "Sequence", decoders: some(DECODERS) };
  return description;
}

Deno.test("tokenizers: parts drawn by lot do what the reference does", async () => {
  const below = numbers(1);
  let compared = 0;
  for (let run = 0; run < RUNS; run++) {
    const description = drawn(below);
    let tokenizer;
    try {
      tokenizer = load(description);
    } catch (error) {
      // A space before the first piece, where the first piece is not known.
      assert(error instanceof SpecMQuantError && error.code === "unsupported_model", `${error}`);
      continue;
    }
    compared++;
    for (const text of TEXTS) {
      const other = Array.from({ length: 12 }, () => below(tokenizer.size));
      const expected = await results(reference(description), text, other);
      assertEquals(await results(asked(tokenizer), text, other), expected, `run ${run}: ${text}`);
    }
  }
  assert(compared > RUNS * 0.6, `${compared}`);
});

const WRONG = [null, true, 0, -1, 2 ** 40, 1.5, "", "x", "(", "First", [], {}, [[]], "Isolated"];

/** Every value of an object, with what holds it. */
function* places(value: unknown): Generator<[Record<string, unknown>, string]> {
  if (typeof value !== "object" || value === null) return;
  for (const key of Object.keys(value)) {
    yield [value as Record<string, unknown>, key];
    yield* places((value as Record<string, unknown>)[key]);
  }
}

Deno.test("tokenizers: a damaged description is an error, or works", () => {
  const below = numbers(2);
  let refused = 0;
  for (let run = 0; run < RUNS; run++) {
    const { model, ...parts } = drawn(below);
    const { vocab, merges, ...options } = model as Record<string, unknown>;
    const damaged = { ...parts, options };
    for (let i = 0; i <= below(2); i++) {
      const all = [...places(damaged)];
      const [holder, key] = all[below(all.length)];
      if (below(3) === 0) delete holder[key];
      else holder[key] = WRONG[below(WRONG.length)];
    }
    const { options: kept, ...rest } = damaged;
    const whole = { vocab, ...merges === undefined ? {} : { merges } };
    try {
      const tokenizer = load({
        ...rest,
        model: typeof kept === "object" ? { ...kept, ...whole } : kept,
      });
      for (const text of TEXTS) tokenizer.decode(tokenizer.encode(text));
    } catch (error) {
      assert(error instanceof SpecMQuantError, `run ${run}: ${error}`);
      refused++;
    }
  }
  assert(refused > RUNS / 2 && refused < RUNS, `${refused}`);
});
