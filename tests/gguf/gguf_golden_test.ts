/**
 * Models in every type of GGUF, and of every architecture, against `transformers` on the numbers that they stand for,
 * in float32; and speculation with them, whose tokens are those of plain decoding. See tests/data/gguf/README.md.
 */
import { assertEquals, assertGreater } from "@std/assert";
import { Engine } from "../../src/engine/engine.ts";
import { Model } from "../../src/model/mod.ts";
import { draftModel } from "../../src/speculation/mod.ts";
import { backendTest } from "../backends.ts";
import { assertRows, modelLogits, TOLERANCE } from "../golden_logits.ts";
import { METHODS } from "../methods.ts";
import { SMALL, writeRandomHead } from "../models.ts";
import { decode, withWritten, writtenOnce } from "../rounds.ts";
import { GGUF_CASES, ggufCase, ggufGolden } from "./gguf_cases.ts";

/** The tolerance is that of logits up to 4; those of the wide models reach 16. */
const USUAL_PEAK = 4;

for (const name of GGUF_CASES) {
  backendTest(`gguf logits: ${name}`, (rig) => {
    using model = Model.load(rig.device, ggufCase(name).path);
    const { tokens, logits } = ggufGolden(name);
    const peak = logits.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    const tolerance = TOLERANCE[model.dtype] * Math.max(1, peak / USUAL_PEAK);
    assertRows(modelLogits(rig, model, tokens), logits, model.config.vocabSize, tolerance);
  });
}

for (const name of ["q4_k_m", "q4_0", "q5_1", "q6_k", "split", "qwen2-yarn"]) {
  backendTest(`gguf methods: ${name} as its own draft model changes no token`, ({ device }) => {
    const { path } = ggufCase(name);
    using target = Model.load(device, path);
    using draft = Model.load(device, path);
    const prompt = ggufGolden(name).tokens;
    const { tokens } = decode(target, prompt, 40);
    const drafted = decode(target, prompt, 40, draftModel(draft, { minDraft: 5 }));
    assertEquals(drafted.tokens, tokens);
    // It agrees with itself.
    assertGreater(drafted.tau, 5);
  });
}

/** Targets, draft models of as wide a stream, for which one head does, and its width. */
const TRIOS = [["q8_0", "q4_1", 64], ["q4_k_m", "q5_k", 256]] as const;

for (const [target, draft, hidden] of TRIOS) {
  for (const method of METHODS) {
    const what = `${method.name} with ${target}, ${draft} and a head in Hugging Face layout`;
    backendTest(`gguf methods: ${what} changes no token`, ({ device }) => {
      const write = (dir: string): void => {
        for (const [role, name] of [["target", target], ["draft", draft]]) {
          Deno.mkdirSync(`${dir}/${role}`);
          Deno.copyFileSync(ggufCase(name).path, `${dir}/${role}/model.gguf`);
        }
        writeRandomHead(`${dir}/head`, { ...SMALL, hidden, vocab: 320, seed: 9 });
      };
      withWritten(device, writtenOnce(`${target}, ${draft}`, write), (models) => {
        const prompt = ggufGolden(target).tokens;
        const { tokens } = decode(models.target, prompt, 40);
        assertEquals(decode(models.target, prompt, 40, method.plan(models)).tokens, tokens);
      });
    });
  }
}

backendTest("gguf methods: a draft model in another type changes no token", ({ device }) => {
  using target = Model.load(device, ggufCase("q8_0").path);
  const prompt = ggufGolden("q8_0").tokens;
  const { tokens } = decode(target, prompt, 40);
  for (const name of ["q4_k", "f32", "qwen3"]) {
    using draft = Model.load(device, ggufCase(name).path);
    const drafted = decode(target, prompt, 40, draftModel(draft, { minDraft: 4 }));
    assertEquals(drafted.tokens, tokens, name);
  }
});

Deno.test("gguf methods: an engine of two GGUF files", async () => {
  const options = { target: ggufCase("q4_k_m").path, context: 128, backend: "cpu" } as const;
  using plain = await Engine.load(options);
  const draft = ggufCase("q5_k").path;
  using drafted = await Engine.load({ ...options, draft, method: "draft" });
  const text = "Tom has 3 apples";
  const one = await plain.generate(text, { maxTokens: 24 }).finish();
  const two = await drafted.generate(text, { maxTokens: 24 }).finish();
  assertEquals([two.tokens, drafted.method], [one.tokens, "draft"]);
  assertGreater(one.tokens.length, 0);
});
