/**
 * Drafters see the noise that tokens are sampled with, and so guess samples nearly as well as the likeliest tokens;
 * the bundled trio shows it.
 */
import { assertEquals, assertGreater } from "@std/assert";
import { Session } from "../mod.ts";
import { Trio } from "../scripts/trio.ts";
import { Arena } from "../src/device/mod.ts";
import type { DrafterPlan } from "../src/speculation/mod.ts";
import { backendTest } from "./backends.ts";
import { blind } from "./blind.ts";
import { problems } from "./problems.ts";

const TOKENS = 40;

backendTest(
  "at temperature 1 drafters that see the noise are right more often",
  async ({ device }) => {
    using trio = new Trio(undefined, device);
    using arena = new Arena(device, "blind drafters");
    const prompts = problems(12, 5).map((text) => `Question: ${text}\nAnswer:`);
    const run = async (drafter?: DrafterPlan, temperature = 1) => {
      using session = new Session(trio.target, trio.tokenizer, { context: 256, drafter });
      const texts: number[][] = [];
      let forwards = 0;
      for (const [seed, prompt] of prompts.entries()) {
        const options = { temperature, seed, maxTokens: TOKENS, ignoreEos: true };
        const { tokens, stats } = await session.generate(prompt, options).finish();
        texts.push([...tokens]);
        forwards += stats.targetForwards;
      }
      return { texts, tau: prompts.length * TOKENS / forwards };
    };
    const { texts } = await run();
    for (const method of ["draft", "eagle2", "hier"] as const) {
      const plan = trio.plan(method)!;
      const seen = await run(plan);
      const unseen = await run(blind(plan, device, arena));
      assertEquals(seen.texts, texts, method);
      assertEquals(unseen.texts, texts, `${method}, blind`);
      assertGreater(seen.tau, 1.1 * unseen.tau, `tau of ${method} against that of a blind one`);
    }
  },
  ["cpu", "cuda"],
);
