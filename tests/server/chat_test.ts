/**
 * `/v1/chat/completions` with OpenAI's own client, against plain decoding of the same prompt.
 *
 * @module
 */
import { assert, assertEquals, assertRejects } from "@std/assert";
import OpenAI from "openai";
import { expected, MESSAGES, MODEL, ServerRig } from "./rig.ts";

const rig = await ServerRig.start();
addEventListener("unload", () => void rig[Symbol.asyncDispose]());
const { client } = rig;
const chat = client.chat.completions;

/** As the template puts the question, tokens and all. */
const prompt = MESSAGES;

Deno.test("chat: the model is listed", async () => {
  const list = [];
  for await (const model of client.models.list()) list.push(model);
  assertEquals(list.map(({ id, object }) => [id, object]), [[MODEL, "model"]]);
  assertEquals((await client.models.retrieve(MODEL)).id, MODEL);
  const error = await assertRejects(() => client.models.retrieve("a/b"), OpenAI.NotFoundError);
  assertEquals(error.code, "model_not_found");
});

Deno.test("chat: greedy and seeded answers are those of generate", async () => {
  const choices: { temperature: number; seed?: number; top_p?: number }[] = [
    { temperature: 0 },
    { temperature: 0.9, seed: 7, top_p: 0.9 },
  ];
  for (const choice of choices) {
    const options = { model: MODEL, messages: MESSAGES, max_completion_tokens: 32, ...choice };
    const answer = await chat.create(options);
    const { top_p: topP, ...rest } = choice;
    const right = await expected(prompt, { ...rest, topP, maxTokens: 32 });
    const [{ message, finish_reason }] = answer.choices;
    assertEquals(message.content, right.text);
    assertEquals(message.role, "assistant");
    assertEquals(finish_reason, right.finishReason);
    assertEquals(answer.usage!.prompt_tokens, right.promptTokens);
    assertEquals(answer.usage!.completion_tokens, right.tokens.length);
    assertEquals(answer.usage!.total_tokens, right.promptTokens + right.tokens.length);
    const { speculation } = answer.usage as unknown as {
      speculation: { method: string; drafted: number; accepted: number; target_forwards: number };
    };
    assertEquals(speculation.method, "hier");
    const { drafted, accepted, target_forwards } = speculation;
    assert(accepted > 0 && accepted <= drafted, `${accepted} of ${drafted}`);
    // Every other token is the target's own, one a forward.
    assert(right.tokens.length - accepted <= target_forwards, `${accepted}, ${target_forwards}`);
  }
});

Deno.test("chat: penalties and biases are those of generate, and a drawn seed can be given again", async () => {
  const biases = { "12": 4, "30": -100 };
  const shared = { model: MODEL, messages: MESSAGES, max_tokens: 16 };
  const answer = await chat.create({
    ...shared,
    temperature: 0,
    presence_penalty: 0.5,
    frequency_penalty: 1,
    logit_bias: biases,
  });
  const right = await expected(prompt, {
    maxTokens: 16,
    presencePenalty: 0.5,
    frequencyPenalty: 1,
    logitBias: biases,
  });
  assertEquals(answer.choices[0].message.content, right.text);
  const drawn = await chat.create({ ...shared, temperature: 1 });
  const { seed } = drawn.choices[0] as unknown as { seed: number };
  const again = await chat.create({ ...shared, temperature: 1, seed });
  assertEquals(again.choices[0].message.content, drawn.choices[0].message.content);
});

Deno.test("chat: several choices have seeds in a row", async () => {
  const answer = await chat.create({
    model: MODEL,
    messages: MESSAGES,
    n: 3,
    seed: 100,
    temperature: 1,
    max_tokens: 8,
  });
  assertEquals(answer.choices.map(({ index }) => index), [0, 1, 2]);
  for (const [i, { message }] of answer.choices.entries()) {
    const right = await expected(prompt, { temperature: 1, seed: 100 + i, maxTokens: 8 });
    assertEquals(message.content, right.text);
  }
});

Deno.test("chat: a stream has the same text, in pieces, and its usage at the end", async () => {
  const stream = await chat.create({
    model: MODEL,
    messages: MESSAGES,
    temperature: 0,
    max_tokens: 24,
    n: 2,
    stream: true,
    stream_options: { include_usage: true },
  });
  const right = await expected(prompt, { maxTokens: 24 });
  const texts = ["", ""];
  const finished: (string | null)[] = [];
  let pieces = 0;
  let usage: OpenAI.CompletionUsage | null | undefined;
  for await (const chunk of stream) {
    assertEquals(chunk.object, "chat.completion.chunk");
    if (chunk.choices.length === 0) usage = chunk.usage;
    for (const { index, delta, finish_reason } of chunk.choices) {
      if (delta.content) pieces++;
      texts[index] += delta.content ?? "";
      if (finish_reason) finished[index] = finish_reason;
    }
  }
  assertEquals(texts, [right.text, right.text]);
  assertEquals(finished, ["length", "length"]);
  assert(pieces > 20, `${pieces} pieces`);
  assertEquals(usage!.completion_tokens, 48);
  assertEquals(usage!.prompt_tokens, right.promptTokens);
});

Deno.test("chat: a stop string ends the text before it, in streams, too", async () => {
  const whole = await expected(prompt, { maxTokens: 32 });
  // Within a token and across several.
  for (const stop of [whole.text.slice(9, 10), whole.text.slice(12, 19)]) {
    const right = await expected(prompt, { maxTokens: 32, stop });
    const options = { model: MODEL, messages: MESSAGES, temperature: 0, max_tokens: 32, stop };
    const answer = await chat.create(options);
    assertEquals(answer.choices[0].message.content, right.text);
    assertEquals(answer.choices[0].finish_reason, "stop");
    assert(!right.text.includes(stop) && right.text.length < whole.text.length);
    let text = "";
    for await (const { choices: [{ delta }] } of await chat.create({ ...options, stream: true })) {
      text += delta.content ?? "";
    }
    assertEquals(text, right.text);
  }
});

Deno.test("chat: log-probabilities are those of generate, whole and in streams", async () => {
  const whole = await expected(prompt, { maxTokens: 24 });
  for (const stop of [undefined, whole.text.slice(12, 19)]) {
    const right = await expected(prompt, { maxTokens: 24, logprobs: 2, stop });
    const options = {
      model: MODEL,
      messages: MESSAGES,
      temperature: 0,
      max_tokens: 24,
      logprobs: true,
      top_logprobs: 2,
      stop,
    };
    const answer = await chat.create(options);
    const { content } = answer.choices[0].logprobs!;
    assertEquals(content!.map(({ logprob }) => logprob), right.logprobs);
    assertEquals(
      content!.map(({ top_logprobs }) => top_logprobs.map(({ logprob }) => logprob)),
      right.top!.map((top) => top.map(({ logprob }) => logprob)),
    );
    // Greedy text is of the likeliest tokens.
    for (const { token, bytes, top_logprobs } of content!) {
      assertEquals([token, bytes], [top_logprobs[0].token, top_logprobs[0].bytes]);
    }
    const bytes = Uint8Array.from(content!.flatMap((token) => token.bytes!));
    const text = new TextDecoder().decode(bytes);
    assert(text.startsWith(right.text), text);
    const streamed = [];
    for await (const { choices: [choice] } of await chat.create({ ...options, stream: true })) {
      streamed.push(...choice.logprobs?.content ?? []);
    }
    assertEquals(streamed, content);
  }
});

Deno.test("chat: answers follow a schema, or are some JSON object", async () => {
  const schema = {
    type: "object",
    properties: {
      answer: { type: "integer", minimum: 0, maximum: 99 },
      sure: { type: "boolean" },
    },
    required: ["answer", "sure"],
    additionalProperties: false,
  };
  const shared = { model: MODEL, messages: MESSAGES, max_tokens: 100, temperature: 1, seed: 3 };
  const answer = await chat.create({
    ...shared,
    response_format: { type: "json_schema", json_schema: { name: "answer", strict: true, schema } },
  });
  assertEquals(answer.choices[0].finish_reason, "stop");
  const value = JSON.parse(answer.choices[0].message.content!);
  assertEquals(Object.keys(value), ["answer", "sure"]);
  assert(Number.isInteger(value.answer) && typeof value.sure === "boolean");
  const right = await expected(prompt, {
    temperature: 1,
    seed: 3,
    maxTokens: 100,
    grammar: { jsonSchema: schema },
  });
  assertEquals(answer.choices[0].message.content, right.text);
  const some = await chat.create({
    ...shared,
    max_tokens: 12,
    response_format: { type: "json_object" },
  });
  assertEquals(some.choices[0].message.content!.trimStart()[0], "{");
});

Deno.test("chat: parts of text and developers are taken, and a dialogue goes on", async () => {
  const messages = [
    { role: "developer" as const, content: "Be brief." },
    { role: "user" as const, content: [{ type: "text" as const, text: MESSAGES[0].content }] },
    { role: "assistant" as const, content: "7", refusal: null },
    { role: "user" as const, content: "And 2 + 2?" },
  ];
  const answer = await chat.create({ model: MODEL, messages, temperature: 0, max_tokens: 8 });
  const right = await expected([
    { role: "system", content: "Be brief." },
    { role: "user", content: MESSAGES[0].content },
    { role: "assistant", content: "7" },
    { role: "user", content: "And 2 + 2?" },
  ], { maxTokens: 8 });
  assertEquals(answer.choices[0].message.content, right.text);
});

Deno.test("chat: a client that goes away stops its text at once, waiting or under way", async () => {
  for (const stream of [true, false]) {
    const controller = new AbortController();
    const long = { model: MODEL, messages: MESSAGES, ignore_eos: true, n: 128 };
    const asked = chat.create({ ...long, stream } as typeof long, { signal: controller.signal });
    if (stream) {
      const chunks = (await asked as unknown as AsyncIterable<unknown>)[Symbol.asyncIterator]();
      for (let i = 0; i < 30; i++) await chunks.next();
    } else await new Promise((resolve) => setTimeout(resolve, 300));
    const { waiting, running } = await rig.load();
    assertEquals([running, waiting > 50], [4, true]);
    controller.abort();
    if (!stream) await assertRejects(() => asked, OpenAI.APIUserAbortError);
    assert(await rig.idles(1), JSON.stringify(await rig.load()));
    const line = rig.lines.findLast((line) => line.includes("chat/completions"))!;
    const { status, code } = JSON.parse(line);
    assertEquals([status, code], [499, undefined]);
  }
});

Deno.test("chat: nothing of a text is in the log", () => {
  for (const line of rig.lines) {
    // Nor has anything gone wrong.
    assert(["listening", "request"].includes(JSON.parse(line).event), line);
    assert(!/pens|boxes|brief/.test(line), line);
  }
});
