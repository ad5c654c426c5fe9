/**
 * Tokenizers in GGUF files against the ones that the files were made from: ids and decoded text. See
 * tests/data/tokenizers/README.md.
 */
import { assert, assertEquals } from "@std/assert";
import { gunzipSync } from "node:zlib";
import { ChatTemplate } from "../src/text/chat_template.ts";
import { Tokenizer } from "../src/text/tokenizer.ts";
import {
  asked,
  type Description,
  hash,
  randomIds,
  reference,
  results,
  stored,
} from "./tokenizers.ts";

const DATA = new URL("./data/tokenizers/gguf/", import.meta.url);
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
