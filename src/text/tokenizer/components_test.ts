import { assertEquals, assertThrows } from "@std/assert";
import { LibraryError } from "../../base/errors.ts";
import { Components } from "./components.ts";
import { byteLevelTokenizer, metaspaceTokenizer, withDirectory } from "../fixtures_test.ts";
import { Vocabulary } from "./vocabulary.ts";

// First: once it is open, the library stays open.
Deno.test({
  name: "Components: without leave to open the library it is named, and what was not allowed",
  permissions: { read: true, ffi: false },
  fn() {
    const error = assertThrows(() => new Components(byteLevelTokenizer()), LibraryError, "ffi");
    assertEquals(error.message.includes(".node"), true);
  },
});

Deno.test({
  name: "Components: reading permission for models and the one for libraries are enough",
  permissions: { ffi: true },
  fn() {
    assertEquals(new Components(metaspaceTokenizer()).normalize("a b"), "▁a▁b");
  },
});

Deno.test({
  name: "Vocabulary: needs no library",
  permissions: { read: true, write: true },
  fn() {
    const vocabulary = withDirectory(
      { "tokenizer.json": byteLevelTokenizer() },
      (dir) => new Vocabulary(dir),
    );
    assertEquals([vocabulary.id("hello"), vocabulary.token(264)], [259, "<|eos|>"]);
  },
});

Deno.test("Components: the library serves several Workers at once", async () => {
  const module = new URL("./components.ts", import.meta.url);
  const source = `import { Components } from ${JSON.stringify(module.href)};
    const components = new Components(${JSON.stringify(byteLevelTokenizer())});
    let pieces = 0;
    for (let i = 0; i < 100; i++) pieces += components.split("hello wide world", true).length;
    postMessage(pieces);`;
  const url = `data:application/typescript,${encodeURIComponent(source)}`;
  const workers = [1, 2, 3].map(() => new Worker(url, { type: "module" }));
  const counts = await Promise.all(
    workers.map((worker) =>
      new Promise((done, fail) => {
        worker.onmessage = ({ data }) => done(data);
        worker.onerror = (event) => fail(new Error(event.message));
      })
    ),
  );
  for (const worker of workers) worker.terminate();
  assertEquals(counts, [300, 300, 300]);
});

Deno.test("Components.isWord: what Hugging Face's library counts as part of a word", () => {
  for (const sign of ["a", "Z", "0", "_", "é", "你", "\u0301", "٣", "𐐀", "\u200d"]) {
    assertEquals(Components.isWord(sign), true, sign);
  }
  for (const sign of [" ", "\n", ".", "²", "½", "€", "👍", "\u00a0", "\ufeff"]) {
    assertEquals(Components.isWord(sign), false, sign);
  }
});
