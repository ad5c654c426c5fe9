/**
 * Tools with OpenAI's own client, with the templates of three families.
 *
 * @module
 */
import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import OpenAI from "openai";
import { MODEL, ServerRig, withoutSpace } from "./rig.ts";

const TOOLS: OpenAI.ChatCompletionTool[] = [
  {
    type: "function",
    function: {
      name: "get_weather",
      description: "The weather of a place.",
      parameters: {
        type: "object",
        properties: {
          place: { type: "string", description: "Where.", $ref: "#/$defs/place" },
        },
        required: ["place"],
        additionalProperties: false,
        $defs: { place: { type: "string", enum: ["Paris", "Oslo"] } },
      },
    },
  },
  {
    type: "function",
    function: {
      name: "now",
      description: "The time.",
      parameters: { type: "object", properties: {}, additionalProperties: false },
    },
  },
];

const SHARED = {
  model: MODEL,
  messages: [{ role: "user" as const, content: "How warm is it?" }],
  tools: TOOLS,
  max_completion_tokens: 60,
  temperature: 0,
  logit_bias: await withoutSpace(),
};

const WEATHER = { type: "function" as const, function: { name: "get_weather" } };

function assertWeather(call: OpenAI.ChatCompletionMessageToolCall | undefined): void {
  assert(call?.type === "function");
  assertEquals(call.function.name, "get_weather");
  assertMatch(call.id, /^[0-9a-z]{9}$/);
  const { place, ...more } = JSON.parse(call.function.arguments);
  assert(["Paris", "Oslo"].includes(place), place);
  assertEquals(more, {});
}

for (const template of ["hermes-tools", "llama-3.1-tools", "mistral-tools"]) {
  Deno.test(`tools: calls that are forced, whole, streamed and answered: ${template}`, async () => {
    await using rig = await ServerRig.start({}, { template, context: 1024 });
    const chat = rig.client.chat.completions;
    const named = await chat.create({ ...SHARED, tool_choice: WEATHER });
    const [{ message, finish_reason }] = named.choices;
    assertEquals([message.content, finish_reason], [null, "tool_calls"]);
    assertEquals(message.tool_calls!.length, 1);
    assertWeather(message.tool_calls![0]);

    const stream = await chat.create({ ...SHARED, tool_choice: WEATHER, stream: true });
    let [id, name, args, pieces] = ["", "", "", 0];
    let reason: string | null = null;
    for await (const { choices: [{ delta, finish_reason }] } of stream) {
      assertEquals(delta.content ?? "", "");
      for (const call of delta.tool_calls ?? []) {
        assertEquals(call.index, 0);
        id += call.id ?? "";
        name += call.function?.name ?? "";
        args += call.function?.arguments ?? "";
        pieces++;
      }
      reason ??= finish_reason;
    }
    assertEquals([name, args, reason], [
      "get_weather",
      (message.tool_calls![0] as OpenAI.ChatCompletionMessageFunctionToolCall).function.arguments,
      "tool_calls",
    ]);
    assertMatch(id, /^[0-9a-z]{9}$/);
    assert(pieces > 3, `${pieces}`);

    const any = await chat.create({ ...SHARED, tool_choice: "required" });
    for (const { message: { tool_calls: calls } } of any.choices) {
      assertEquals(calls!.length, 1);
      const [call] = calls!;
      assert(call.type === "function");
      if (call.function.name === "now") assertEquals(JSON.parse(call.function.arguments), {});
      else assertWeather(call);
    }

    // The answer of a tool goes back, and the model says something.
    const [call] = message.tool_calls!;
    const messages = [
      ...SHARED.messages,
      message,
      { role: "tool" as const, tool_call_id: call.id, content: "20 degrees" },
    ];
    const said = await chat.create({ ...SHARED, messages, max_completion_tokens: 4 });
    assertEquals(said.choices[0].finish_reason, "length");

    const none = await chat.create({ ...SHARED, tool_choice: "none", max_completion_tokens: 4 });
    const plain = await chat.create({ ...SHARED, tools: undefined, max_completion_tokens: 4 });
    assertEquals(none.choices[0].message.content, plain.choices[0].message.content);
    assertEquals(none.usage!.prompt_tokens, plain.usage!.prompt_tokens);
    assert(named.usage!.prompt_tokens > none.usage!.prompt_tokens + 50);
  });
}

Deno.test("tools: what cannot be asked for is refused by its name", async () => {
  await using rig = await ServerRig.start({}, { template: "hermes-tools", context: 1024 });
  const cases: [change: object, param: string][] = [
    [{ tools: undefined, tool_choice: "required" }, "tool_choice"],
    [{ tool_choice: { type: "function", function: { name: "rm" } } }, "tool_choice"],
    [{ tools: [{ type: "retrieval" }] }, "tools[0].type"],
    [{ tools: [{ type: "function", function: { name: "two words" } }] }, "tools[0].function.name"],
    [{ response_format: { type: "json_object" } }, "response_format"],
    [{ tool_choice: "required", ignore_eos: true }, "ignore_eos"],
    [{ functions: [] }, "functions"],
    [
      {
        messages: [...SHARED.messages, {
          role: "assistant",
          tool_calls: [{ id: "1", type: "function", function: { name: "now", arguments: "{" } }],
        }],
      },
      "messages[1].tool_calls[0].function.arguments",
    ],
    [{ messages: [{ role: "tool", content: "x" }] }, "messages[0].tool_call_id"],
  ];
  for (const [change, param] of cases) {
    const body = JSON.stringify({ ...SHARED, ...change });
    const { status, json } = await rig.post("/v1/chat/completions", body);
    assertEquals([status, json.error?.param], [400, param], JSON.stringify(json));
  }
});

Deno.test("tools: a model whose template knows none says so", async () => {
  await using rig = await ServerRig.start();
  const error = await assertRejects(
    () => rig.client.chat.completions.create(SHARED),
    OpenAI.BadRequestError,
  );
  assertEquals(error.param, "tools");
});
