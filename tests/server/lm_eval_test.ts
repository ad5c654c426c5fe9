/**
 * Requests as lm-evaluation-harness sent them, which `scripts/lm_eval/compare.ts` recorded, for token ids and for texts, one at
 * a time and in batches: what it makes of the answers are the scores of the tokens that it counted with.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { expectedScore, MODEL, ServerRig } from "./rig.ts";

interface Request {
  readonly prompt: string | string[] | number[][];
}

const RECORDED: Record<string, Request[]> = JSON.parse(
  Deno.readTextFileSync(new URL("../data/lm_eval/requests.json", import.meta.url)),
);

/** The log-likelihoods of an answer as lm-eval takes them: of the tokens from 1 on, what was generated left out. */
// deno-lint-ignore no-explicit-any -- whatever came
function likelihoodsOf(choice: any): [sum: number, isGreedy: boolean][] {
  const logprobs: number[] = choice.logprobs.token_logprobs.slice(1, -1);
  const top: Record<string, number>[] = choice.logprobs.top_logprobs.slice(1, -1);
  return logprobs.map((value, i) => [value, value === Math.max(...Object.values(top[i]))]);
}

Deno.test("lm-eval: its requests, as they came, get the scores of the tokens that it counts with", async () => {
  await using rig = await ServerRig.start();
  const known = new Map<string, Awaited<ReturnType<typeof expectedScore>>>();
  let ended = 0;
  for (const [way, requests] of Object.entries(RECORDED)) {
    // The same questions, in the same order: those as token ids say what lm-eval's tokenizer made of the texts.
    const ids = RECORDED[way.replace("texts", "ids")];
    for (const [i, request] of requests.entries()) {
      const body = JSON.stringify({ ...request, model: MODEL });
      const { status, json } = await rig.post("/v1/completions", body);
      assertEquals(status, 200, JSON.stringify(json));
      const tokens = ids[i].prompt as number[][];
      assertEquals(json.choices.length, tokens.length);
      for (const [at, choice] of json.choices.entries()) {
        const key = tokens[at].join();
        const score = known.get(key) ?? await expectedScore(tokens[at], 1);
        known.set(key, score);
        const { logprobs, top } = score;
        const right = logprobs.map((value, j) => [value!, value === top[j][0]?.logprob]).slice(1);
        assertEquals(likelihoodsOf(choice), right, `${way}: prompt ${at} of request ${i}`);
        if (choice.finish_reason === "stop") ended++;
      }
    }
  }
  // A text that ends at once has its stop token in the lists, as any other token.
  assertEquals(ended > 0, true);
});
