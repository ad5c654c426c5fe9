/**
 * Every method on the demo trio, and what else the twin does for a user: loading, reading a prompt,
 * scoring. Times are for 32 tokens of one problem; `bench/tau.ts` has tokens a target forward.
 *
 *     deno bench -A bench/methods_bench.ts
 */
import { scoreTokens, Session } from "../mod.ts";
import { Trio } from "../scripts/models/trio.ts";
import { problems } from "../tests/problems.ts";

const TOKENS = 32;

const trio = new Trio();
const [problem] = problems(1, 5);
const prompt = `Question: ${problem}\nAnswer:`;

for (const method of trio.methods) {
  const session = new Session(trio.target, trio.tokenizer, {
    context: 512,
    drafter: trio.plan(method),
    method,
  });
  Deno.bench(`${TOKENS} tokens, ${method}`, {
    group: "methods",
    baseline: method === "ar",
  }, async () => {
    await session.generate(prompt, { maxTokens: TOKENS, ignoreEos: true }).finish();
  });
}

Deno.bench("load the trio", { group: "loading" }, () => {
  new Trio()[Symbol.dispose]();
});

const text = problems(20, 6).map((one) => trio.tokenizer.encode(one)).flat().slice(0, 512);
Deno.bench(`score ${text.length} tokens`, { group: "scoring" }, () => {
  scoreTokens(trio.target, text);
});
