import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { ArgumentError, CheckpointError } from "../base/errors.ts";
import {
  BYTE_LEVEL_CONFIG,
  byteLevelTokenizer,
  metaspaceTokenizer,
  withDirectory,
} from "./fixtures_test.ts";
import { Tokenizer } from "./tokenizer.ts";

function byteLevel(): Tokenizer {
  return withDirectory(
    { "tokenizer.json": byteLevelTokenizer(), "tokenizer_config.json": BYTE_LEVEL_CONFIG },
    Tokenizer.load,
  );
}

function metaspace(): Tokenizer {
  return withDirectory({ "tokenizer.json": metaspaceTokenizer() }, Tokenizer.load);
}

Deno.test("Tokenizer: byte-level BPE", () => {
  const tokenizer = byteLevel();
  assertEquals(tokenizer.size, 266);
  assertEquals([...tokenizer.specialIds].sort(), [263, 264, 265]);
  assertEquals(tokenizer.special, { bos_token: "<|bos|>", eos_token: "<|eos|>" });
  assertEquals(tokenizer.tokenToId("hello"), 259);
  assertEquals(tokenizer.tokenToId("nothing"), undefined);
  assertEquals(tokenizer.idToToken(261), "Ġwo");
  assertEquals(tokenizer.encode("hello world"), [263, 259, 261, 114, 108, 100]);
  assertEquals(tokenizer.encode("hello", { addSpecialTokens: false }), [259]);
  assertEquals(tokenizer.encode(""), [263]);
  // Special tokens in the text are special tokens.
  assertEquals(tokenizer.encode("hello<|eos|>", { addSpecialTokens: false }), [259, 264]);
});

Deno.test("Tokenizer: any text comes back", () => {
  for (const tokenizer of [byteLevel(), metaspace()]) {
    for (
      const text of [
        "hello world",
        "  two  spaces ",
        "naïve 你好 👩‍👩‍👧 .,!",
        "a\n\tb",
        "the . end ,",
        "",
      ]
    ) {
      assertEquals(tokenizer.decode(tokenizer.encode(text)), text);
    }
  }
});

Deno.test("Tokenizer: bytes stand for what the vocabulary lacks", () => {
  const tokenizer = metaspace();
  assertEquals(
    tokenizer.encode("hi Z").map((id) => tokenizer.idToToken(id)),
    ["▁hi", "▁", "<0x5A>"],
  );
});

Deno.test("Tokenizer: decode leaves out special tokens and ids without a token", () => {
  const tokenizer = byteLevel();
  assertEquals(tokenizer.decode([263, 259, 264]), "hello");
  assertEquals(tokenizer.decode([263, 259], { skipSpecialTokens: false }), "<|bos|>hello");
  assertEquals(tokenizer.decode([259, 5000]), "hello");
  assertEquals(tokenizer.decode([263]), "");
  assertEquals(tokenizer.decode([]), "");
  for (const id of [-1, 1.5, NaN]) assertThrows(() => tokenizer.decode([id]), ArgumentError, "id");
});

Deno.test("Tokenizer: spaces before punctuation stay, whatever the configuration says", () => {
  const config = { ...BYTE_LEVEL_CONFIG, clean_up_tokenization_spaces: true };
  const tokenizer = withDirectory(
    { "tokenizer.json": byteLevelTokenizer(), "tokenizer_config.json": config },
    Tokenizer.load,
  );
  assertEquals(tokenizer.decode(tokenizer.encode("do n't .")), "do n't .");
});

Deno.test("Tokenizer: tokens named only by the configuration are special too", () => {
  const config = { eos_token: "hello", additional_special_tokens: ["Ġwo"] };
  const tokenizer = withDirectory(
    { "tokenizer.json": byteLevelTokenizer(), "tokenizer_config.json": config },
    Tokenizer.load,
  );
  assert(tokenizer.specialIds.has(259));
  assert(tokenizer.specialIds.has(261));
});

Deno.test("Tokenizer: text that no token stands for", () => {
  const json = byteLevelTokenizer() as {
    model: { vocab: Record<string, number>; unk_token?: string };
  };
  delete json.model.vocab["z"];
  const load = () => withDirectory({ "tokenizer.json": json }, Tokenizer.load);
  assertEquals(load().decode(load().encode("fez")), "fe");
  json.model.unk_token = "hello";
  assertEquals(load().decode(load().encode("fez")), "fehello");
  json.model.unk_token = "<unk>";
  assertThrows(() => load().encode("fez"), CheckpointError, `lacks "<unk>"`);
});

const GOOD = JSON.stringify(byteLevelTokenizer());

Deno.test("Tokenizer: malformed files are errors that name the file", () => {
  const cases: ReadonlyArray<[Record<string, unknown>, file: string, words: string]> = [
    [{}, "tokenizer.json", "there is no such file"],
    [{ "tokenizer.json": GOOD.slice(0, -20) }, "tokenizer.json", "JSON"],
    [{ "tokenizer.json": "[]" }, "tokenizer.json", "it holds an array"],
    [{ "tokenizer.json": "null" }, "tokenizer.json", "it holds null"],
    [{ "tokenizer.json": new Uint8Array([0x7b, 0xff, 0x7d]) }, "tokenizer.json", "not UTF-8"],
    [{ "tokenizer.json": "{}" }, "tokenizer.json", "no valid tokenizer"],
    [
      { "tokenizer.json": { ...byteLevelTokenizer(), model: { type: "Magic" } } },
      "tokenizer.json",
      "no valid tokenizer",
    ],
    [
      { "tokenizer.json": GOOD, "tokenizer_config.json": "{" },
      "tokenizer_config.json",
      "JSON",
    ],
  ];
  for (const [files, file, words] of cases) {
    withDirectory(files, (dir) => {
      const error = assertThrows(() => Tokenizer.load(dir), CheckpointError, words);
      assertEquals(error.file, `${dir}/${file}`);
      assertStringIncludes(error.message, error.file);
    });
  }
});

Deno.test("Tokenizer: 2,000 characters are encoded in milliseconds", () => {
  const tokenizer = byteLevel();
  const text = "hello world, this is 1 problem of 12. ".repeat(53).slice(0, 2000);
  tokenizer.encode(text);
  const start = performance.now();
  const rounds = 5;
  for (let i = 0; i < rounds; i++) tokenizer.encode(text);
  const each = (performance.now() - start) / rounds;
  // About 1 ms; the bound is for machines that do other things as well.
  assert(each < 50, `${each} ms`);
});
