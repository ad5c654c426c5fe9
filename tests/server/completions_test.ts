/**
 * `/v1/completions` with OpenAI's own client, and as lm-evaluation-harness calls it, against plain decoding and scores.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { encode, expected, expectedScore, MODEL, PROMPT, ServerRig } from "./rig.ts";

const rig = await ServerRig.start();
addEventListener("unload", () => void rig[Symbol.asyncDispose]());
const completions = rig.client.completions;

/** What the client's types do not know. */
interface Extended {
  readonly seed?: number;
}

Deno.test("completions: texts, token ids, and lists of either, each with its choices", async () => {
  const other = "Question: 2 + 2?\nAnswer:";
  const ids = await Promise.all([PROMPT, other].map(encode));
  const [first, second] = [
    (await expected(PROMPT, { maxTokens: 12 })).text,
    (await expected(other, { maxTokens: 12 })).text,
  ];
  for (const prompt of [PROMPT, ids[0], [PROMPT, other], ids]) {
    const isList = typeof prompt !== "string" && typeof prompt[0] !== "number";
    const answer = await completions.create({
      model: MODEL,
      prompt,
      temperature: 0,
      max_tokens: 12,
      n: 2,
    });
    assertEquals(
      answer.choices.map(({ text }) => text),
      isList ? [first, first, second, second] : [first, first],
    );
    assertEquals(answer.choices.map(({ index }) => index), answer.choices.map((_, i) => i));
    const tokens = isList ? ids[0].length + ids[1].length : ids[0].length;
    assertEquals(answer.usage!.prompt_tokens, tokens);
  }
});

Deno.test("completions: 16 tokens and temperature 1 where a request says nothing, as the API has it", async () => {
  const answer = await completions.create({ model: MODEL, prompt: PROMPT });
  const [{ text, finish_reason, ...more }] = answer.choices;
  const { seed } = more as Extended;
  const right = await expected(PROMPT, { temperature: 1, seed, maxTokens: 16 });
  assertEquals([text, finish_reason], [right.text, right.finishReason]);
});

Deno.test("completions: a stream has the text of the answer, its echo and its log-probabilities", async () => {
  for (const more of [{}, { echo: true }, { echo: true, logprobs: 1 }, { logprobs: 0, n: 2 }]) {
    const options = { model: MODEL, prompt: PROMPT, temperature: 0, max_tokens: 10, ...more };
    const answer = await completions.create(options);
    const texts = answer.choices.map(() => "");
    const logprobs = answer.choices.map(() => [] as unknown[]);
    const offsets = answer.choices.map(() => [] as number[]);
    for await (const { choices } of await completions.create({ ...options, stream: true })) {
      for (const { index, text, logprobs: some } of choices) {
        texts[index] += text;
        logprobs[index].push(...some?.token_logprobs ?? []);
        offsets[index].push(...some?.text_offset ?? []);
      }
    }
    assertEquals(texts, answer.choices.map(({ text }) => text));
    assertEquals(logprobs, answer.choices.map(({ logprobs }) => logprobs?.token_logprobs ?? []));
    assertEquals(offsets, answer.choices.map(({ logprobs }) => logprobs?.text_offset ?? []));
  }
});

Deno.test("completions: log-likelihoods as lm-evaluation-harness asks for them are those of score", async () => {
  // Token ids in a batch, one more token that is thrown away, and greedy where the token is the likeliest.
  const texts = [`${PROMPT} 12`, "2 + 2 = 4", `${PROMPT} Tom has 12 pens`];
  const ids = await Promise.all(texts.map(encode));
  const { status, json } = await rig.post(
    "/v1/completions",
    JSON.stringify({
      model: MODEL,
      prompt: ids,
      temperature: 0,
      max_tokens: 1,
      logprobs: 1,
      seed: 1234,
      echo: true,
    }),
  );
  assertEquals(status, 200);
  for (const [i, tokens] of ids.entries()) {
    const right = await expectedScore(tokens, 1);
    const { tokens: words, token_logprobs, top_logprobs, text_offset } = json.choices[i].logprobs;
    assertEquals(token_logprobs.slice(0, -1), right.logprobs);
    assertEquals(words.length, tokens.length + 1);
    for (const [at, top] of top_logprobs.slice(1, -1).entries()) {
      const likeliest = right.top[at + 1][0];
      assertEquals(Math.max(...Object.values<number>(top)), likeliest.logprob);
      assertEquals(
        token_logprobs[at + 1] === likeliest.logprob,
        tokens[at + 1] === likeliest.id,
        `token ${at + 1} of ${i}`,
      );
    }
    assertEquals([token_logprobs[0], top_logprobs[0]], [null, null]);
    for (const [at, offset] of text_offset.entries()) {
      // The text begins with the prompt, without the special token before it.
      const word = words[at];
      const special = word.startsWith("<|");
      if (!special) assertEquals(json.choices[i].text.slice(offset, offset + word.length), word);
    }
  }
});

Deno.test("completions: of an echo without tokens behind it there is the prompt alone", async () => {
  const answer = await completions.create({
    model: MODEL,
    prompt: PROMPT,
    max_tokens: 0,
    echo: true,
    logprobs: 2,
  });
  const [{ text, logprobs, finish_reason }] = answer.choices;
  const right = await expectedScore(PROMPT, 2);
  assertEquals([text, finish_reason], [PROMPT, "length"]);
  assertEquals(logprobs!.token_logprobs as unknown, right.logprobs);
  assertEquals(answer.usage!.completion_tokens, 0);
  // Two likeliest, and the token itself where it is neither.
  for (const [i, top] of logprobs!.top_logprobs!.slice(1).entries()) {
    const among = right.top[i + 1].some(({ id }) => id === right.tokens[i + 1]);
    assertEquals(Object.keys(top).length, among ? 2 : 3);
  }
});

Deno.test("completions: tokens that are cut characters have keys of their own", async () => {
  const text = "7 × 8 = 56 🎉";
  const answer = await completions.create({
    model: MODEL,
    prompt: text,
    max_tokens: 0,
    echo: true,
    logprobs: 0,
  });
  const { tokens } = answer.choices[0].logprobs!;
  const bytes = tokens!.filter((token) => !token.startsWith("<|")).flatMap((token) =>
    token.startsWith("bytes:")
      ? [...token.matchAll(/\\x([0-9a-f]{2})/g)].map(([, hex]) => parseInt(hex, 16))
      : [...new TextEncoder().encode(token)]
  );
  assert(tokens!.some((token) => token.startsWith("bytes:")), tokens!.join("|"));
  assertEquals(new TextDecoder().decode(Uint8Array.from(bytes)), text);
});

Deno.test("completions: the end of a text can be passed, and the context ends it", async () => {
  const ids = await encode(PROMPT);
  const prompt = [...ids, ...ids, ...ids, ...ids, ...ids, ...ids].slice(0, 200);
  const { maxTokens, ...options } = { maxTokens: 10000, ignoreEos: true };
  const right = await expected(prompt, options);
  const { json } = await rig.post(
    "/v1/completions",
    JSON.stringify({
      model: MODEL,
      prompt,
      temperature: 0,
      max_tokens: maxTokens,
      ignore_eos: true,
    }),
  );
  assertEquals(json.choices[0].text, right.text);
  assertEquals(json.choices[0].finish_reason, "length");
  assertEquals(json.usage.total_tokens, 256);
});
