/**
 * What only OpenAI's own client can ask of `/v1/chat/completions`, against plain decoding of the same prompt. What all clients
 * can is in `clients_test.ts`.
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

Deno.test("chat: how its tokens came is a part of the usage", async () => {
  const answer = await chat.create({
    model: MODEL,
    messages: MESSAGES,
    max_tokens: 32,
    temperature: 0.9,
    seed: 7,
    top_p: 0.9,
  });
  const right = await expected(prompt, { temperature: 0.9, seed: 7, topP: 0.9, maxTokens: 32 });
  const [{ message }] = answer.choices;
  assertEquals([message.content, message.role], [right.text, "assistant"]);
  const { total_tokens, speculation } = answer.usage as OpenAI.CompletionUsage & {
    speculation: { method: string; drafted: number; accepted: number; target_forwards: number };
  };
  assertEquals(total_tokens, right.promptTokens + right.tokens.length);
  assertEquals(speculation.method, "hier");
  const { drafted, accepted, target_forwards } = speculation;
  assert(accepted > 0 && accepted <= drafted, `${accepted} of ${drafted}`);
  // Every other token is the target's own, one a forward.
  assert(right.tokens.length - accepted <= target_forwards, `${accepted}, ${target_forwards}`);
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

Deno.test("chat: several choices have seeds in a row, in streams, too", async () => {
  const options = { model: MODEL, messages: MESSAGES, n: 3, seed: 100, temperature: 1 };
  const answer = await chat.create({ ...options, max_tokens: 8 });
  assertEquals(answer.choices.map(({ index }) => index), [0, 1, 2]);
  for (const [i, { message }] of answer.choices.entries()) {
    const right = await expected(prompt, { temperature: 1, seed: 100 + i, maxTokens: 8 });
    assertEquals(message.content, right.text);
  }
  const stream = await chat.create({
    ...options,
    max_tokens: 8,
    stream: true,
    stream_options: { include_usage: true },
  });
  const texts = ["", "", ""];
  const finished: (string | null)[] = [];
  let usage: OpenAI.CompletionUsage | null | undefined;
  for await (const chunk of stream) {
    assertEquals(chunk.object, "chat.completion.chunk");
    if (chunk.choices.length === 0) usage = chunk.usage;
    for (const { index, delta, finish_reason } of chunk.choices) {
      texts[index] += delta.content ?? "";
      if (finish_reason) finished[index] = finish_reason;
    }
  }
  assertEquals(texts, answer.choices.map(({ message }) => message.content));
  assertEquals(finished, answer.choices.map(({ finish_reason }) => finish_reason));
  assertEquals(usage!.completion_tokens, answer.usage!.completion_tokens);
});

Deno.test("chat: tokens with log-probabilities have their bytes", async () => {
  const options = { model: MODEL, messages: MESSAGES, temperature: 0, max_tokens: 12 };
  const { choices: [{ message, logprobs }] } = await chat.create({
    ...options,
    logprobs: true,
    top_logprobs: 1,
  });
  const { content } = logprobs!;
  for (const { bytes, top_logprobs: [top] } of content!) assertEquals(top.bytes, bytes);
  const bytes = Uint8Array.from(content!.flatMap((token) => token.bytes!));
  assertEquals(new TextDecoder().decode(bytes), message.content);
});

Deno.test("chat: an answer is some JSON object where no schema is given", async () => {
  const some = await chat.create({
    model: MODEL,
    messages: MESSAGES,
    max_tokens: 12,
    temperature: 1,
    seed: 3,
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

Deno.test("chat: nothing of a text is in the log", () => {
  for (const line of rig.lines) {
    // Nor has anything gone wrong.
    assert(["listening", "request"].includes(JSON.parse(line).event), line);
    assert(!/pens|boxes|brief/.test(line), line);
  }
});
