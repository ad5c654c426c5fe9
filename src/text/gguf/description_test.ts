import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { CheckpointError, SpecMQuantError, UnsupportedModelError } from "../../base/errors.ts";
import type { GgufValue } from "../../gguf/mod.ts";
import { ggufText, hasGgufTokenizer } from "./description.ts";
import {
  BYTE_LEVEL,
  type Entries,
  metadataOf,
  SENTENCEPIECE,
  tokenizerKeys,
} from "./metadata_fixtures_test.ts";
import { ggufRoles } from "./roles.ts";

type Json = Record<string, unknown>;

function description(entries: Entries): Json {
  return ggufText(metadataOf(entries)).description;
}

function model(entries: Entries): Json {
  return description(entries).model as Json;
}

function frame(entries: Entries): unknown[] {
  const { single } = description(entries).post_processor as { single: Json[] };
  return single.map((piece) => (Object.values(piece)[0] as { id: string }).id);
}

Deno.test("a byte-level tokenizer of a GGUF file has its family's parts", () => {
  const { normalizer, pre_tokenizer, added_tokens, decoder } = description(BYTE_LEVEL);
  assertEquals(normalizer, null);
  assertEquals((pre_tokenizer as { pretokenizers: Json[] }).pretokenizers.map(({ type }) => type), [
    "Split",
    "ByteLevel",
  ]);
  assertEquals((decoder as Json).type, "ByteLevel");
  assertEquals(model(BYTE_LEVEL).ignore_merges, true);
  assertEquals(model(BYTE_LEVEL).merges, [["h", "e"], ["l", "l"], ["he", "ll"], ["hell", "o"]]);
  assertEquals(
    (added_tokens as Json[]).map(({ id, content, special }) => [id, content, special]),
    [[260, "<|bos|>", true], [261, "<|eos|>", true], [262, "<think>", false]],
  );
  const qwen = { ...BYTE_LEVEL, ...tokenizerKeys({ pre: "qwen2" }) };
  assertEquals(description(qwen).normalizer, { type: "NFC" });
  assertEquals(model(qwen).ignore_merges, false);
});

Deno.test("what goes around a text is as the metadata says, or as the family has it", () => {
  const keys = (more: Entries, of = BYTE_LEVEL) => ({ ...of, ...tokenizerKeys(more) });
  assertEquals(frame(BYTE_LEVEL), ["<|bos|>", "A"]);
  assertEquals(frame(keys({ pre: "qwen2" })), ["A"]);
  assertEquals(frame(keys({ add_bos_token: false })), ["A"]);
  assertEquals(frame(keys({ pre: "gpt-2", add_bos_token: true })), ["<|bos|>", "A"]);
  assertEquals(frame(keys({ add_eos_token: true })), ["<|bos|>", "A", "<|eos|>"]);
  assertEquals(frame(SENTENCEPIECE), ["<s>", "A"]);
  // SentencePiece's own ids hold where the file has none.
  const none = { bos_token_id: undefined, eos_token_id: undefined, unknown_token_id: undefined };
  assertEquals(frame(keys({ ...none, add_eos_token: true }, SENTENCEPIECE)), ["<s>", "A", "</s>"]);
  assertEquals(model(keys(none, SENTENCEPIECE)).unk_token, "<unk>");
  // -1 in 32 bits stands for no token.
  assertEquals(frame(keys({ bos_token_id: 2 ** 32 - 1, add_bos_token: false })), ["A"]);
});

Deno.test("roles are what tokenizer_config.json would have", () => {
  const more = tokenizerKeys({ padding_token_id: 261, unknown_token_id: 262 });
  assertEquals(ggufText(metadataOf({ ...BYTE_LEVEL, ...more })).config, {
    bos_token: "<|bos|>",
    eos_token: "<|eos|>",
    unk_token: "<think>",
    pad_token: "<|eos|>",
  });
  assertEquals(ggufRoles(metadataOf({})), {});
});

Deno.test("merges of SentencePiece come from scores", () => {
  const merges = (entries: Entries) =>
    (model(entries).merges as string[][]).map((m) => m.join(" "));
  // Of two ways to make a token the one with the longer left side comes first.
  assertEquals(merges(SENTENCEPIECE), ["▁ a", "a b", "▁a b", "▁ ab", "ab a"]);
  const same = SENTENCEPIECE["tokenizer.ggml.scores"] as Float32Array<ArrayBuffer>;
  const flat = tokenizerKeys({ scores: same.map(() => -1000) });
  assertEquals(merges({ ...SENTENCEPIECE, ...flat }), merges(SENTENCEPIECE), "in order of ids");
  const turned = tokenizerKeys({ scores: same.map((score) => -score) });
  assertEquals(merges({ ...SENTENCEPIECE, ...turned }), ["ab a", "▁a b", "▁ ab", "a b", "▁ a"]);
  const listed = tokenizerKeys({ scores: undefined, merges: ["a b", "ab a"] });
  assertEquals(merges({ ...SENTENCEPIECE, ...listed }), ["a b", "ab a"]);
});

Deno.test("SentencePiece puts spaces where its family does", () => {
  const parts = (entries: Entries) => {
    const { normalizer, pre_tokenizer, decoder } = description(entries);
    const types = (part: unknown, list: string) =>
      (part as Record<string, Json[]>)?.[list]?.map(({ type }) => type);
    return [
      types(normalizer, "normalizers"),
      (pre_tokenizer as Json | null)?.prepend_scheme,
      types(decoder, "decoders")?.includes("Strip"),
    ];
  };
  assertEquals(parts(SENTENCEPIECE), [["Prepend", "Replace"], undefined, true]);
  const no = tokenizerKeys({ add_space_prefix: false });
  assertEquals(parts({ ...SENTENCEPIECE, ...no }), [["Replace"], undefined, false]);
  const tokens = [...SENTENCEPIECE["tokenizer.ggml.tokens"] as string[], "[INST]"];
  const types = Int32Array.from([
    ...SENTENCEPIECE["tokenizer.ggml.token_type"] as Int32Array<ArrayBuffer>,
    3,
  ]);
  const scores = Float32Array.from(tokens, (_, i) => -i);
  const mistral = tokenizerKeys({ tokens, token_type: types, scores });
  assertEquals(parts({ ...SENTENCEPIECE, ...mistral }), [undefined, "first", true]);
});

Deno.test("rows that only pad an embedding are no tokens", () => {
  const tokens = [...BYTE_LEVEL["tokenizer.ggml.tokens"] as string[], "[PAD263]", "[PAD9]", "", ""];
  const types = [...BYTE_LEVEL["tokenizer.ggml.token_type"] as Int32Array<ArrayBuffer>, 5, 5, 5, 1];
  const padded = tokenizerKeys({ tokens, token_type: Int32Array.from(types) });
  const vocab = model({ ...BYTE_LEVEL, ...padded }).vocab as Record<string, number>;
  assertEquals(vocab["[PAD9]"], 264);
  assertEquals("[PAD263]" in vocab || "" in vocab, false);
});

Deno.test("a token may be called like what every object has", () => {
  const tokens = [...BYTE_LEVEL["tokenizer.ggml.tokens"] as string[], "__proto__", "toString"];
  const vocab = model({ ...BYTE_LEVEL, ...tokenizerKeys({ tokens, token_type: undefined }) }).vocab;
  assertEquals(Object.entries(vocab as Json).slice(-2), [["__proto__", 263], ["toString", 264]]);
});

const TOKENS = BYTE_LEVEL["tokenizer.ggml.tokens"] as string[];

/** What is wrong, with a part of the message, which names the key. */
const MALFORMED: readonly (readonly [of: Entries, keys: Entries, message: string])[] = [
  [BYTE_LEVEL, { tokens: undefined }, '"tokenizer.ggml.tokens" is missing'],
  [BYTE_LEVEL, { tokens: [] }, '"tokenizer.ggml.tokens" is a list of 0'],
  [BYTE_LEVEL, { tokens: Int32Array.of(1, 2) }, '"tokenizer.ggml.tokens" is a list of 2'],
  [BYTE_LEVEL, { tokens: "abc" }, '"tokenizer.ggml.tokens" is "abc"'],
  [
    BYTE_LEVEL,
    { tokens: [...TOKENS.slice(1), "he"] },
    '"tokenizer.ggml.tokens" has "he" in place 262',
  ],
  [
    BYTE_LEVEL,
    { token_type: Int32Array.of(1) },
    '"tokenizer.ggml.token_type" has 1 entries, expected 263',
  ],
  [BYTE_LEVEL, { token_type: TOKENS }, '"tokenizer.ggml.token_type" is a list of 263'],
  [BYTE_LEVEL, { token_type: new Int32Array(263) }, '"tokenizer.ggml.token_type" has 0 in place 0'],
  [BYTE_LEVEL, { token_type: new Int32Array(263).fill(6) }, '"tokenizer.ggml.tokens" has'],
  [BYTE_LEVEL, { merges: undefined }, '"tokenizer.ggml.merges" is missing'],
  [BYTE_LEVEL, { merges: ["h e", "x yz"] }, 'there is no "yz"'],
  [BYTE_LEVEL, { merges: ["h l"] }, '"tokenizer.ggml.merges" has "h l" in place 0'],
  [BYTE_LEVEL, { merges: ["hello"] }, '"tokenizer.ggml.merges" has "hello" in place 0'],
  [BYTE_LEVEL, { merges: ["h e l"] }, '"tokenizer.ggml.merges" has "h e l" in place 0'],
  [BYTE_LEVEL, { bos_token_id: 263 }, '"tokenizer.ggml.bos_token_id" is 263'],
  [BYTE_LEVEL, { eos_token_id: "2" }, '"tokenizer.ggml.eos_token_id" is "2"'],
  [BYTE_LEVEL, { bos_token_id: undefined }, '"tokenizer.ggml.bos_token_id" is missing'],
  [BYTE_LEVEL, { add_bos_token: 1 }, '"tokenizer.ggml.add_bos_token" is 1'],
  [BYTE_LEVEL, { add_space_prefix: "no" }, '"tokenizer.ggml.add_space_prefix" is "no"'],
  [BYTE_LEVEL, { pre: 3 }, '"tokenizer.ggml.pre" is 3'],
  [BYTE_LEVEL, { model: undefined }, '"tokenizer.ggml.model" is missing'],
  [BYTE_LEVEL, { model: "none" }, '"tokenizer.ggml.model" is none'],
  [SENTENCEPIECE, { scores: undefined }, '"tokenizer.ggml.scores" is missing'],
  [SENTENCEPIECE, { scores: Float32Array.of(1) }, '"tokenizer.ggml.scores" has 1 entries'],
  [SENTENCEPIECE, { scores: new Float32Array(267).fill(NaN) }, '"tokenizer.ggml.scores" has NaN'],
  [SENTENCEPIECE, { unknown_token_id: 1e6 }, '"tokenizer.ggml.unknown_token_id" is 1000000'],
];

Deno.test("malformed metadata is an error that names the key", () => {
  for (const [of, keys, message] of MALFORMED) {
    const error = assertThrows(
      () => description({ ...of, ...tokenizerKeys(keys) }),
      CheckpointError,
      message,
    );
    assertStringIncludes(error.message, "model.gguf");
  }
});

Deno.test("what is not read is refused by its name", () => {
  const refused = (more: Entries) =>
    assertThrows(
      () => description({ ...BYTE_LEVEL, ...tokenizerKeys(more) }),
      UnsupportedModelError,
    )
      .message;
  assertStringIncludes(refused({ pre: "gpt-9" }), 'tokenizer.ggml.pre "gpt-9"');
  assertStringIncludes(refused({ pre: "gpt-9" }), "expected one of llama-bpe, llama3");
  assertStringIncludes(refused({ pre: "default" }), "convert the model again");
  assertStringIncludes(refused({ pre: undefined }), "no tokenizer.ggml.pre");
  for (const kind of ["bert", "t5", "rwkv", "gemma4", "constructor"]) {
    assertStringIncludes(refused({ model: kind }), `"${kind}"`);
  }
  assertEquals(hasGgufTokenizer(metadataOf(tokenizerKeys({ model: "no_vocab" }))), false);
});

/** Values of other types and sizes, for any key. */
function others(value: GgufValue | undefined): (GgufValue | undefined)[] {
  const list = Array.isArray(value) ? value as string[] : ArrayBuffer.isView(value) ? value : [];
  return [
    undefined,
    "",
    "▁",
    -1,
    0.5,
    NaN,
    2n ** 63n,
    true,
    [],
    ["a", "a"],
    [true],
    new Float32Array(list.length).fill(NaN),
    new Int32Array(list.length).fill(-1),
    new BigUint64Array(list.length).fill(2n ** 63n),
    list.slice(1),
    [...list].reverse().map(String),
    [...list].map((one, i) => i % 7 === 0 ? "\u{10ffff} \0" : `${one}`),
  ];
}

Deno.test("no metadata makes anything but the project's errors", () => {
  let refused = 0;
  for (const  of of[BYTE_LEVEL, SENTENCEPIECE]) {
    const keys = [...Object.keys(of), ...Object.keys(tokenizerKeys({ add_eos_token: true }))];
    for (const first of keys) {
      for (const value of others(of[first])) {
        for (const second of keys) {
          const entries = { ...of, [first]: value, [second]: others(of[second])[refused % 17] };
          try {
            ggufText(metadataOf(entries));
          } catch (error) {
            assert(error instanceof SpecMQuantError, `${first}, ${second}: ${error}`);
            refused++;
          }
        }
      }
    }
  }
  assert(refused > 1000, `${refused} were refused`);
});
