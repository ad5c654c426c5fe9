/**
 * Tokenizers in GGUF files against the ones that the files were made from: ids and decoded text. See
 * tests/data/tokenizers/README.md.
 */
import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { gunzipSync } from "node:zlib";
import { CheckpointError } from "../../src/base/errors.ts";
import { checkSameTokenizer } from "../../src/engine/same_tokenizer.ts";
import { ChatTemplate } from "../../src/text/chat_template.ts";
import { Tokenizer } from "../../src/text/tokenizer.ts";
import { tokenizerFile } from "../../src/text/tokenizer/stored.ts";
import {
  asked,
  type Description,
  hash,
  randomIds,
  reference,
  results,
  stored,
} from "../tokenizers.ts";
import { ggufBytes, type Value, withFiles } from "./gguf_writer.ts";

const DATA = new URL("../data/tokenizers/gguf/", import.meta.url);
const ABOUT = JSON.parse(Deno.readTextFileSync(new URL("about.json", DATA))) as {
  texts: number;
  tokenizers: string[];
};
const TEXTS = stored<string[]>("texts.json.gz");
const ORIGINALS = stored<Record<string, Description>>("gguf/originals.json.gz");
const HASHES = new Uint32Array(Deno.readFileSync(new URL("texts.bin", DATA)).buffer);

/** The path of a stored GGUF file, while `use` has it. */
async function unpacked<T>(name: string, use: (path: string) => T | Promise<T>): Promise<T> {
  const path = Deno.makeTempFileSync({ suffix: ".gguf" });
  try {
    Deno.writeFileSync(path, gunzipSync(Deno.readFileSync(new URL(`${name}.gguf.gz`, DATA))));
    return await use(path);
  } finally {
    Deno.removeSync(path);
  }
}

/** One more than the largest id that the original has a token for. */
function sizeOf({ model, added_tokens }: Description): number {
  const { vocab } = model as { vocab: Record<string, number> };
  const added = (added_tokens as { id: number }[]).map(({ id }) => id);
  return Math.max(...Object.values(vocab), ...added) + 1;
}

assertEquals(HASHES.length, ABOUT.tokenizers.length * ABOUT.texts);
assertEquals(TEXTS.length, ABOUT.texts);

for (const [i, name] of ABOUT.tokenizers.entries()) {
  Deno.test(`GGUF tokenizers: ids and texts of ${name}`, async () => {
    const tokenizer = await unpacked(name, (path) => Tokenizer.load(path));
    const original = ORIGINALS[name];
    // Rows that only pad the embedding are no tokens.
    assertEquals(tokenizer.size, sizeOf(original));
    for (const [index, text] of TEXTS.entries()) {
      const other = randomIds(index, tokenizer.size);
      const found = await results(asked(tokenizer), text, other);
      if (hash(found) === HASHES[i * ABOUT.texts + index]) continue;
      const where = `text ${index}: ${JSON.stringify(text)}`;
      assertEquals(found, await results(reference(original), text, other), where);
      throw new Error(`${where}: the npm package does not do what the Python package did`);
    }
  });
}

Deno.test("GGUF tokenizers: chat templates and their tokens", async () => {
  await unpacked("sentencepiece", (path) => {
    const templates = ChatTemplate.load(path);
    assert(templates);
    assertEquals([...templates.names].sort(), ["default", "tool_use"]);
    const chat = [{ role: "user", content: "Hello" }];
    assertEquals(templates.render(chat), "<s>Hello");
    assertEquals(templates.render(chat, { tools: [] as never[], template: "tool_use" }), "[]");
  });
});

/** Writes stored GGUF files and descriptions into a folder; what `use` is given is its path. */
function inFolder(files: Readonly<Record<string, string>>, use: (dir: string) => void): void {
  const dir = Deno.makeTempDirSync();
  try {
    for (const [file, name] of Object.entries(files)) {
      const path = `${dir}/${file}`;
      Deno.mkdirSync(path.slice(0, path.lastIndexOf("/")), { recursive: true });
      if (file.endsWith(".json")) Deno.writeTextFileSync(path, JSON.stringify(ORIGINALS[name]));
      else {Deno.writeFileSync(
          path,
          gunzipSync(Deno.readFileSync(new URL(`${name}.gguf.gz`, DATA))),
        );}
    }
    use(dir);
  } finally {
    Deno.removeSync(dir, { recursive: true });
  }
}

Deno.test("GGUF tokenizers: a directory with one has its tokenizer, unless it has a tokenizer.json", () => {
  const files = { "one/a.gguf": "qwen2", "two/a.gguf": "qwen2", "two/tokenizer.json": "smollm" };
  inFolder(files, (dir) => {
    const ids = (path: string) => Tokenizer.load(`${dir}/${path}`).encode("1234 Hello");
    assertEquals(ids("one"), ids("one/a.gguf"));
    assertEquals(ids("two/a.gguf"), ids("one"));
    assert(`${ids("two")}` !== `${ids("one")}`);
    assertEquals(tokenizerFile(`${dir}/one`), `${dir}/one/a.gguf`);
    assertEquals(tokenizerFile(`${dir}/two`), `${dir}/two/tokenizer.json`);
    assertEquals(tokenizerFile(dir), undefined);
  });
});

Deno.test("GGUF tokenizers: draft model and target are held against each other", () => {
  const files = {
    "a.gguf": "llama-bpe",
    "b.gguf": "smaug-bpe",
    "c.gguf": "sentencepiece",
    "hf/tokenizer.json": "llama-bpe",
  };
  inFolder(files, (dir) => {
    const model = (path: string) =>
      ({ dir: `${dir}/${path}`, config: { vocabSize: 1000 } }) as never;
    for (const draft of ["a.gguf", "b.gguf", "hf"]) {
      checkSameTokenizer(model("a.gguf"), model(draft));
      checkSameTokenizer(model(draft), model("a.gguf"));
    }
    for (const draft of ["a.gguf", "hf"]) {
      const other = () => checkSameTokenizer(model("c.gguf"), model(draft));
      const { message } = assertThrows(other, CheckpointError, "needs the tokenizer of its target");
      assertStringIncludes(message, `${dir}/${draft}`);
      assertStringIncludes(message, `${dir}/c.gguf`);
    }
  });
});

Deno.test("GGUF tokenizers: the first part of a split model has it", () => {
  const part = (i: number, more: readonly (readonly [string, Value])[]) =>
    ggufBytes({
      metadata: [["split.no", ["u16", i]], ["split.count", ["u16", 2]], [
        "split.tensors.count",
        ["i32", 2],
      ], ...more],
      tensors: [{ name: `t${i}`, sizes: [4], type: 0, bytes: 16 }],
    });
  const strings = (list: readonly string[]): Value => [
    "list",
    list.map((text) => ["string", text] as const),
  ];
  const tokens = ["<unk>", "<s>", "</s>", "▁", "a", "▁a"];
  const first = part(0, [
    ["tokenizer.ggml.model", ["string", "llama"]],
    ["tokenizer.ggml.tokens", strings(tokens)],
    ["tokenizer.ggml.scores", ["list", tokens.map((_, i) => ["f32", -i] as const)]],
    ["tokenizer.chat_template", ["string", "{{ bos_token }}{{ messages[0].content }}"]],
  ]);
  const [a, b] = ["m-00001-of-00002.gguf", "m-00002-of-00002.gguf"];
  withFiles({ [a]: first, [b]: part(1, []) }, (dir) => {
    for (const path of [dir, `${dir}/${a}`]) {
      const templates = ChatTemplate.load(path);
      assert(templates);
      const text = templates.render([{ role: "user", content: "a a" }]);
      const tokenizer = Tokenizer.load(path);
      assertEquals(tokenizer.encode("a a"), [1, 5, 5]);
      assertEquals(tokenizer.encode(text, { addSpecialTokens: false }), [1, 5, 5]);
    }
    // Only the first part has a tokenizer.
    assertThrows(() => Tokenizer.load(`${dir}/${b}`), CheckpointError);
  });
});
