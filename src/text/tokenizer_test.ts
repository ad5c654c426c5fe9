import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { ArgumentError, CheckpointError, UnsupportedModelError } from "../base/errors.ts";
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
  // A prompt has once what it begins with itself.
  for (
    const [text, ids] of [["hello", [263, 259]], ["<|bos|>hello", [263, 259]], ["", [263]]] as const
  ) {
    assertEquals(tokenizer.encodePrompt(text), [...ids]);
  }
  assertEquals(tokenizer.encodePrompt("<|bos|><|bos|>"), [263, 263]);
  assertEquals(tokenizer.encode("<|bos|>hello"), [263, 263, 259]);
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

Deno.test("Tokenizer: half of a surrogate pair is the sign for what is no character", () => {
  const tokenizer = byteLevel();
  assertEquals(tokenizer.encode("a\ud800b"), tokenizer.encode("a\ufffdb"));
});

Deno.test("Tokenizer: U+FEFF and broken bytes are decoded as they are", () => {
  const tokenizer = metaspace();
  assertEquals(tokenizer.decode(tokenizer.encode("\ufeffa\ufeff")), "\ufeffa\ufeff");
  const bytes = [0x41, 0xe2, 0x82].map((byte) =>
    tokenizer.tokenToId(`<0x${byte.toString(16).toUpperCase()}>`)!
  );
  // All bytes that follow each other are characters, or none of them is.
  assertEquals(tokenizer.decode(bytes), "\ufffd\ufffd\ufffd");
});

const GOOD = JSON.stringify(byteLevelTokenizer());

/** A tokenizer with other parts. */
function changed(parts: Record<string, unknown>): Record<string, unknown> {
  return { "tokenizer.json": { ...byteLevelTokenizer(), ...parts } };
}

/** A tokenizer with another model. */
function model(parts: Record<string, unknown>): Record<string, unknown> {
  const { model } = byteLevelTokenizer();
  return changed({ model: { ...model as Record<string, unknown>, ...parts } });
}

Deno.test("Tokenizer: what Hugging Face's library would end the process over is refused", () => {
  const text = { Sequence: { id: "A", type_id: 0 } };
  const template = (single: unknown[]) => ({
    post_processor: { type: "TemplateProcessing", single, pair: [], special_tokens: {} },
  });
  const cases: ReadonlyArray<[Record<string, unknown>, words: string]> = [
    [{ normalizer: { type: "Prepend", prepend: "" } }, "Prepend"],
    [{ normalizer: { type: "Replace", pattern: { String: "" }, content: "x" } }, "Replace"],
    [{ normalizer: { type: "Replace", pattern: { Regex: "x*" }, content: "y" } }, '"x*"'],
    [{ normalizer: { type: "Precompiled", precompiled_charsmap: "AAAA" } }, "damaged"],
    [
      { normalizer: { type: "Sequence", normalizers: [{ type: "Prepend", prepend: "" }] } },
      "Prepend",
    ],
    [{ decoder: { type: "Strip", content: " ", start: 0, stop: 1 } }, "Strip"],
    [template([{ SpecialToken: { id: "<s>", type_id: 0 } }, text]), '"<s>"'],
    [template([{ Sequence: { id: "B", type_id: 0 } }]), "second text"],
    [template([text, text]), "2 times"],
    [template([]), "0 times"],
  ];
  for (const [parts, words] of cases) {
    assertThrows(() => withDirectory(changed(parts), Tokenizer.load), CheckpointError, words);
  }
});

Deno.test("Tokenizer: what is not done as the library does it is refused by name", () => {
  const cases: ReadonlyArray<[Record<string, unknown>, words: string]> = [
    [changed({ model: { type: "WordPiece", vocab: {} } }), '"WordPiece"'],
    [changed({ model: { vocab: {} } }), "undefined"],
    [model({ dropout: 0.1 }), "dropout 0.1"],
    [changed({ normalizer: { type: "BertNormalizer" } }), '"BertNormalizer"'],
    [changed({ pre_tokenizer: { type: "FixedLength", length: 0 } }), '"FixedLength"'],
    [changed({ decoder: { type: "CTC" } }), '"CTC"'],
    [
      changed({
        normalizer: { type: "NFD" },
        pre_tokenizer: {
          type: "Sequence",
          pretokenizers: [
            { type: "WhitespaceSplit" },
            { type: "Metaspace", replacement: "▁", prepend_scheme: "first", split: true },
          ],
        },
      }),
      "space before the first piece",
    ],
  ];
  for (const [files, words] of cases) {
    assertThrows(() => withDirectory(files, Tokenizer.load), UnsupportedModelError, words);
  }
});

Deno.test("Tokenizer: older files are named, and what makes a tokenizer.json of them", () => {
  for (const name of ["tokenizer.model", "tekken.json", "tiktoken.model", "vocab.json"]) {
    withDirectory({ [name]: "{}" }, (dir) => {
      const error = assertThrows(() => Tokenizer.load(dir), CheckpointError, "save_pretrained");
      assertStringIncludes(error.message, name);
    });
  }
});

Deno.test("Tokenizer: merges as text, and a model without a type", () => {
  const { type: _, ...rest } = byteLevelTokenizer().model as { type: string; merges: string[] };
  const merges = ["#version: 0.2", ...rest.merges];
  const tokenizer = withDirectory(changed({ model: { ...rest, merges } }), Tokenizer.load);
  assertEquals(tokenizer.encode("hello world"), byteLevel().encode("hello world"));
});

Deno.test("Tokenizer: malformed files are errors that name the file", () => {
  const cases: ReadonlyArray<[Record<string, unknown>, file: string, words: string]> = [
    [{}, "tokenizer.json", "there is no such file"],
    [{ "tokenizer.json": GOOD.slice(0, -20) }, "tokenizer.json", "JSON"],
    [{ "tokenizer.json": "[]" }, "tokenizer.json", "it holds an array"],
    [{ "tokenizer.json": "null" }, "tokenizer.json", "it holds null"],
    [{ "tokenizer.json": new Uint8Array([0x7b, 0xff, 0x7d]) }, "tokenizer.json", "not UTF-8"],
    [{ "tokenizer.json": "{}" }, "tokenizer.json", "no valid tokenizer"],
    [{ "tokenizer.json": "{}" }, "tokenizer.json", "its model is no object"],
    [changed({ version: "2.0" }), "tokenizer.json", "Unknown tokenizer version"],
    [changed({ added_tokens: {} }), "tokenizer.json", "no list"],
    [changed({ added_tokens: [{ content: "x" }] }), "tokenizer.json", "expected an id and content"],
    [changed({ added_tokens: [{ id: 1, content: "x", lstrip: 1 }] }), "tokenizer.json", "lstrip"],
    [model({ vocab: { a: -1 } }), "tokenizer.json", 'gives "a" the id -1'],
    [model({ vocab: ["a"] }), "tokenizer.json", "no vocab"],
    [model({ merges: ["a"] }), "tokenizer.json", "expected two tokens"],
    [model({ merges: [["a", "zz"]] }), "tokenizer.json", 'lacks "zz"'],
    [model({ fuse_unk: "yes" }), "tokenizer.json", "no valid tokenizer"],
    [changed({ model: { type: "Unigram", vocab: [["a"]] } }), "tokenizer.json", "a score"],
    [changed({ model: { type: "Unigram", vocab: [], unk_id: 1 } }), "tokenizer.json", "unk_id"],
    [
      { "tokenizer.json": GOOD, "added_tokens.json": { x: "1" } },
      "added_tokens.json",
      'gives "x" the id 1',
    ],
    [
      { "tokenizer.json": GOOD, "tokenizer_config.json": { added_tokens_decoder: { a: {} } } },
      "tokenizer_config.json",
      "added_tokens_decoder",
    ],
    [
      {
        "tokenizer.json": GOOD,
        "tokenizer_config.json": { bos_token: { content: "<s>", lstrip: "no" } },
      },
      "tokenizer_config.json",
      'lstrip of its token "<s>"',
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
