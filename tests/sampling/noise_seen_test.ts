/**
 * Drafters see the noise that tokens are sampled with, and so guess samples nearly as well as the likeliest tokens;
 * the bundled trio shows it.
 */
import { assertEquals, assertGreater } from "@std/assert";
import { Trio } from "../../scripts/models/trio.ts";
import { Arena } from "../../src/device/mod.ts";
import type { DrafterPlan } from "../../src/speculation/mod.ts";
import { backendTest } from "../backends.ts";
import { problems } from "../problems.ts";
import { Decoder } from "../rounds.ts";
import { blind } from "./blind.ts";

const TOKENS = 40;

backendTest("at temperature 1 drafters that see the noise are right more often", ({ device }) => {
  using trio = new Trio(undefined, device);
  using arena = new Arena(device, "blind drafters");
  const prompts = problems(12, 5).map((text) =>
    trio.tokenizer.encode(`Question: ${text}\nAnswer:`)
  );
  const run = (drafter?: DrafterPlan) => {
    using decoder = new Decoder(trio.target, 256, drafter);
    let forwards = 0;
    const texts = prompts.map((prompt, seed) => {
      const text = decoder.decode(prompt, TOKENS, { temperature: 1, seed });
      forwards += decoder.forwards;
      return text;
    });
    return { texts, tau: prompts.length * TOKENS / forwards };
  };
  const { texts } = run();
  for (const method of ["draft", "eagle2", "hier"] as const) {
    const plan = trio.plan(method)!;
    const seen = run(plan);
    const unseen = run(blind(plan, device, arena));
    assertEquals(seen.texts, texts, method);
    assertEquals(unseen.texts, texts, `${method}, blind`);
    assertGreater(seen.tau, 1.1 * unseen.tau, `tau of ${method} against that of a blind one`);
  }
}, ["cpu", "cuda"]);
