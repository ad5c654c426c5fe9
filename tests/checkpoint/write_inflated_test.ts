/**
 * A trio in larger shapes, written and read again: it says what the small one says.
 */
import { assertEquals } from "@std/assert";
import { DEMO_DIR } from "../../scripts/models/trio.ts";
import { writeInflated } from "../../scripts/models/write_inflated.ts";
import { Engine } from "../../src/engine/mod.ts";

const TOKENS = 16;
const PROMPT = [{ role: "user", content: "Mia has 4 pens and buys 3. How many pens has she?" }];

/** Sizes with room for the trio. */
const SIZES = {
  target: {
    vocabSize: 3400,
    hiddenSize: 1024,
    intermediateSize: 1024,
    layers: 9,
    heads: 8,
    kvHeads: 2,
  },
  draft: {
    vocabSize: 3400,
    hiddenSize: 1024,
    intermediateSize: 768,
    layers: 5,
    heads: 3,
    kvHeads: 3,
  },
};

const root = Deno.makeTempDirSync();
addEventListener("unload", () => Deno.removeSync(root, { recursive: true }));

async function text(trio: string, hier: boolean) {
  const drafters = {
    method: "hier",
    draft: `${trio}/draft`,
    head: `${trio}/draft-eagle2`,
  } as const;
  const models = hier ? drafters : {};
  using engine = await Engine.load({ target: `${trio}/target`, ...models, backend: "cpu" });
  const { tokens, stats } = await engine.generate(PROMPT, { maxTokens: TOKENS }).finish();
  return { tokens, tau: stats.tau };
}

for (const f16 of [false, true]) {
  // 6 s.
  Deno.test(`a trio is written in larger shapes, ${f16 ? "as f16" : "as it is stored"}`, async () => {
    const out = `${root}/${f16}`;
    writeInflated({ trio: DEMO_DIR, sizes: SIZES, f16, out });
    assertEquals([...Deno.readDirSync(out)].map(({ name }) => name).sort(), [
      "draft",
      "draft-eagle2",
      "target",
      "target-eagle2",
    ]);
    const config = JSON.parse(Deno.readTextFileSync(`${out}/target/config.json`));
    assertEquals([config.hidden_size, "quantization_config" in config], [1024, !f16]);
    const small = await text(DEMO_DIR, false);
    assertEquals((await text(out, false)).tokens, small.tokens);
    const { tokens, tau } = await text(out, true);
    assertEquals([tokens, tau > 3], [small.tokens, true]);
  });
}
