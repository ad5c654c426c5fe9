import { assert, assertEquals } from "@std/assert";
import { Trio } from "../../scripts/models/trio.ts";
import { Tokenizer } from "../text/tokenizer.ts";
import { Session } from "./session.ts";

/** A tokenizer in the manner of Llama 2: every token is a word behind a space, which the first one loses. */
function words(count: number): Tokenizer {
  const dir = Deno.makeTempDirSync();
  try {
    const vocab = Object.fromEntries(Array.from({ length: count }, (_, id) => [`▁w${id}`, id]));
    const metaspace = {
      type: "Metaspace",
      replacement: "▁",
      prepend_scheme: "always",
      split: true,
    };
    Deno.writeTextFileSync(
      `${dir}/tokenizer.json`,
      JSON.stringify({
        version: "1.0",
        added_tokens: [],
        normalizer: null,
        pre_tokenizer: metaspace,
        post_processor: null,
        decoder: metaspace,
        model: { type: "BPE", vocab, merges: [], ignore_merges: true },
      }),
    );
    return Tokenizer.load(dir);
  } finally {
    Deno.removeSync(dir, { recursive: true });
  }
}

Deno.test("a generation's text is what follows the prompt's text, its space included", async () => {
  using trio = new Trio();
  const tokenizer = words(trio.target.config.vocabSize);
  using session = new Session(trio.target, tokenizer, { context: 64 });
  const prompt = tokenizer.encode("w20 w30 w40");
  assertEquals(prompt, [20, 30, 40]);
  const { tokens, text } = await session.generate("w20 w30 w40", { maxTokens: 5, ignoreEos: true })
    .finish();
  assert(text.startsWith(" w"), text);
  assertEquals("w20 w30 w40" + text, tokenizer.decode([...prompt, ...tokens]));
});
