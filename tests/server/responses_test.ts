/**
 * `/v1/responses` with OpenAI's own client, against plain decoding of the same chat. What the specification of Open Responses
 * wants is in `open_responses_test.ts`.
 *
 * @module
 */
import { assert, assertEquals, assertRejects } from "@std/assert";
import OpenAI from "openai";
import { expected, MESSAGES, MODEL, QUESTION, ServerRig, withoutSpace } from "./rig.ts";

const rig = await ServerRig.start({}, { context: 512 });
addEventListener("unload", () => void rig[Symbol.asyncDispose]());
const { responses } = rig.client;

Deno.test("responses: a text is that of generate, from text, items and instructions", async () => {
  const shared = { model: MODEL, temperature: 0, max_output_tokens: 16 };
  const right = await expected(MESSAGES, { maxTokens: 16 });
  for (
    const input of [QUESTION, [{
      role: "user" as const,
      content: [{ type: "input_text" as const, text: QUESTION }],
    }]]
  ) {
    const response = await responses.create({ ...shared, input });
    assertEquals(response.output_text, right.text);
    assertEquals([response.status, response.incomplete_details?.reason], [
      "incomplete",
      "max_output_tokens",
    ]);
    assertEquals(response.usage!.output_tokens, 16);
    assertEquals(response.usage!.input_tokens, right.promptTokens);
  }
  const first = await responses.create({ ...shared, input: QUESTION });
  const next = await responses.create({
    ...shared,
    instructions: "Be brief.",
    input: [
      { role: "user", content: QUESTION },
      ...first.output as OpenAI.Responses.ResponseOutputMessage[],
      { role: "user", content: "Why?" },
    ],
  });
  const dialogue = await expected([
    { role: "system", content: "Be brief." },
    ...MESSAGES,
    { role: "assistant", content: first.output_text },
    { role: "user", content: "Why?" },
  ], { maxTokens: 16 });
  assertEquals(next.output_text, dialogue.text);
});

Deno.test("responses: a stream has events in order, and the same response at its end", async () => {
  const options = { model: MODEL, input: QUESTION, temperature: 0, max_output_tokens: 12 };
  const whole = await responses.create(options);
  let text = "";
  const types: string[] = [];
  let last: OpenAI.Responses.ResponseStreamEvent | undefined;
  for await (const event of await responses.create({ ...options, stream: true })) {
    assertEquals(event.sequence_number, types.length);
    types.push(event.type);
    if (event.type === "response.output_text.delta") text += event.delta;
    last = event;
  }
  assertEquals(text, whole.output_text);
  assert(last?.type === "response.incomplete");
  const said = (response: OpenAI.Responses.Response) =>
    response.output.map((item) => item.type === "message" ? item.content : item.type);
  assertEquals(said(last.response), said(whole));
  assertEquals([...new Set(types)], [
    "response.created",
    "response.in_progress",
    "response.output_item.added",
    "response.content_part.added",
    "response.output_text.delta",
    "response.output_text.done",
    "response.content_part.done",
    "response.output_item.done",
    "response.incomplete",
  ]);
});

Deno.test("responses: a schema holds", async () => {
  const schema = {
    type: "object",
    properties: { answer: { type: "integer", minimum: 0, maximum: 9 } },
    required: ["answer"],
    additionalProperties: false,
  };
  const response = await responses.create({
    model: MODEL,
    input: QUESTION,
    temperature: 0,
    text: { format: { type: "json_schema", name: "answer", schema } },
  });
  assertEquals(response.status, "completed");
  assertEquals(Object.keys(JSON.parse(response.output_text)), ["answer"]);
});

Deno.test("responses: tools are called, streamed, and answered", async () => {
  await using rig = await ServerRig.start({}, { template: "llama-3.1-tools", context: 1024 });
  const { responses } = rig.client;
  const options = {
    model: MODEL,
    input: QUESTION,
    temperature: 0,
    max_output_tokens: 60,
    logit_bias: await withoutSpace(),
    tools: [{
      type: "function" as const,
      name: "count",
      description: "Counts.",
      strict: true,
      parameters: {
        type: "object",
        properties: { what: { type: "string", description: "What.", enum: ["pens", "boxes"] } },
        required: ["what"],
        additionalProperties: false,
      },
    }],
    tool_choice: { type: "function" as const, name: "count" },
  };
  const { output, output_text } = await responses.create(options);
  const [call, ...more] = output;
  assert(call.type === "function_call");
  assertEquals([more.length, output_text, call.name], [0, "", "count"]);
  assert(["pens", "boxes"].includes(JSON.parse(call.arguments).what));
  let args = "";
  for await (const event of await responses.create({ ...options, stream: true })) {
    if (event.type === "response.function_call_arguments.delta") args += event.delta;
    if (event.type === "response.completed") {
      const [item] = event.response.output;
      assert(item.type === "function_call");
      assertEquals(item.arguments, args);
    }
  }
  assertEquals(args, call.arguments);
  const answered = await responses.create({
    ...options,
    tool_choice: "none",
    max_output_tokens: 4,
    input: [
      { role: "user", content: QUESTION },
      call,
      { type: "function_call_output", call_id: call.call_id, output: "7" },
    ],
  });
  assertEquals(answered.usage!.output_tokens, 4);
});

Deno.test("responses: what is too long or too little is refused by its name", async () => {
  const cases: [change: object, param: string][] = [
    [{ input: "x ".repeat(600) }, "input"],
    [{ input: [] }, "input"],
    [{ max_output_tokens: 0 }, "max_output_tokens"],
  ];
  for (const [change, param] of cases) {
    const body = { model: MODEL, input: QUESTION, max_output_tokens: 1, ...change };
    const error = await assertRejects(
      () => responses.create(body as OpenAI.Responses.ResponseCreateParamsNonStreaming),
      OpenAI.BadRequestError,
    );
    assertEquals(error.param, param, error.message);
  }
});
