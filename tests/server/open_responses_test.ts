/**
 * `/v1/responses` as the acceptance tests of Open Responses ask for it, with the model that recites; what of them there is not
 * is listed in `docs/server.md`.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { eventsOf, RESPONSE, type Response, responseOf } from "./open_responses.ts";
import { CALL, SAID, TOLD, WEATHER, writeReciter } from "./reciter.ts";
import { MODEL, ServerRig } from "./rig.ts";

const dir = writeReciter(Deno.makeTempDirSync());
const rig = await ServerRig.start({}, { target: dir, context: 2048 });
addEventListener("unload", () => {
  void rig[Symbol.asyncDispose]();
  Deno.removeSync(dir, { recursive: true });
});

const user = (content: unknown) => ({ type: "message", role: "user", content });
const assistant = (content: unknown, phase?: string) => ({
  type: "message",
  role: "assistant",
  content,
  phase,
});

const TOOLS = [{ type: "function", ...WEATHER }];

function post(body: object, to = rig): Promise<globalThis.Response> {
  return fetch(`${to.server.url}/v1/responses`, {
    method: "POST",
    headers: { "content-type": "application/json", authorization: "Bearer any" },
    body: JSON.stringify({ model: MODEL, ...body }),
  });
}

/** The response to a request, which is the same in a stream but for its ids and times. */
async function ask(body: object): Promise<Response> {
  const whole = await post(body);
  assertEquals([whole.status, whole.headers.get("content-type")], [200, "application/json"]);
  const response = RESPONSE.parse(await whole.json());
  const stream = await post({ ...body, stream: true });
  assert(stream.headers.get("content-type")!.startsWith("text/event-stream"));
  const events = eventsOf(await stream.text());
  const streamed = responseOf(events);
  assertEquals(said(streamed), said(response));
  return response;
}

/** What does not differ from one time to the next. */
function said({ id: _, created_at: _at, completed_at, output, usage, ...rest }: Response) {
  const bare = output.map((item) => {
    const { id: _, ...more } = item;
    return "call_id" in more ? { ...more, call_id: "" } : more;
  });
  // What lay in a slot by then.
  const { input_tokens, output_tokens } = usage!;
  return { ...rest, isOver: completed_at !== null, output: bare, input_tokens, output_tokens };
}

function textOf({ output }: Response): string {
  return output.map((item) => item.type === "message" ? item.content[0].text : "").join("");
}

/** Requests whose answer is a text that has been completed. */
const TEXTS: Readonly<Record<string, object>> = {
  "a text": { input: "Say hello." },
  "a message": { input: [user("Say hello in exactly three words.")] },
  "messages without types": { input: [{ role: "user", content: "Hello" }] },
  "parts of text": { input: [user([{ type: "input_text", text: "Count to five." }])] },
  "a system prompt": {
    input: [{ type: "message", role: "system", content: "You are a pirate." }, user("Hello.")],
  },
  "instructions": { instructions: "You are a pirate.", input: "Hello." },
  "several turns": {
    input: [user("I am Alice."), assistant("Hello Alice!"), user("What is my name?")],
  },
  "phases of answers": {
    input: [
      assistant("I look it up.", "commentary"),
      assistant([{ type: "output_text", text: "Four.", annotations: [] }], "final_answer"),
      user("Repeat the number."),
    ],
  },
  "tools that may not be called": { input: "Hello.", tools: TOOLS, tool_choice: "none" },
  "what says nothing": {
    input: "Hello.",
    previous_response_id: null,
    include: null,
    tools: null,
    tool_choice: null,
    metadata: null,
    text: null,
    temperature: null,
    top_p: null,
    max_output_tokens: null,
    max_tool_calls: null,
    reasoning: null,
    instructions: null,
    top_logprobs: null,
    background: false,
    store: false,
    truncation: "disabled",
    service_tier: "auto",
    stream_options: null,
  },
};

for (const [name, body] of Object.entries(TEXTS)) {
  Deno.test(`open responses: ${name}`, async () => {
    const response = await ask(body);
    assertEquals([response.status, textOf(response)], ["completed", SAID]);
    assertEquals(response.output.map(({ type, status }) => [type, status]), [
      ["message", "completed"],
    ]);
    assert(response.completed_at! >= response.created_at);
  });
}

Deno.test("open responses: what was asked for is said again", async () => {
  const asked = {
    instructions: "Be brief.",
    temperature: 0.5,
    top_p: 0.9,
    presence_penalty: 0.25,
    frequency_penalty: -0.25,
    max_output_tokens: 50,
    parallel_tool_calls: false,
    tool_choice: { type: "function", name: WEATHER.name },
    metadata: { a: "b" },
    safety_identifier: "me",
    prompt_cache_key: "key",
  };
  const response = await ask({ ...asked, input: "Hello.", tools: TOOLS });
  for (const [key, value] of Object.entries(asked)) {
    assertEquals(response[key as keyof Response], value, key);
  }
  assertEquals(response.tools, [{ type: "function", ...WEATHER, strict: null }]);
  const { temperature, top_p } = await ask({ input: "Hello." });
  assertEquals([temperature, top_p], [1, 1]);
});

Deno.test("open responses: a tool is called, answered, and the answer told", async () => {
  const input = [user("How warm is it in Oslo?")];
  for (
    const tool_choice of [undefined, "auto", "required", { type: "function", name: WEATHER.name }, {
      type: "allowed_tools",
      mode: "auto",
      tools: [{ type: "function", name: WEATHER.name }],
    }]
  ) {
    const { output, status } = await ask({ input, tools: TOOLS, tool_choice });
    const [call, ...more] = output;
    assert(call.type === "function_call");
    assertEquals([call.name, JSON.parse(call.arguments)], [CALL.name, CALL.arguments]);
    assertEquals([call.status, status, more], ["completed", "completed", []]);
    const given = { type: "function_call_output", call_id: call.call_id, output: "20" };
    const told = await ask({ input: [...input, call, given], tools: TOOLS });
    assertEquals(textOf(told), TOLD);
    const parts = { ...given, output: [{ type: "input_text", text: "20" }] };
    assertEquals(textOf(await ask({ input: [...input, call, parts], tools: TOOLS })), TOLD);
  }
});

Deno.test("open responses: a tool that is not allowed is not called", async () => {
  const other = { type: "function", name: "now", parameters: { type: "object" } };
  const response = await ask({
    input: "How warm is it?",
    tools: [...TOOLS, other],
    tool_choice: {
      type: "allowed_tools",
      mode: "auto",
      tools: [{ type: "function", name: other.name }],
    },
  });
  // What the model writes all the same is words.
  assertEquals(response.output.map(({ type }) => type), ["message"]);
  assert(textOf(response).includes(WEATHER.name));
});

Deno.test("open responses: a text that is cut off is incomplete, as its response is", async () => {
  const response = await ask({ input: "Hello.", max_output_tokens: 2 });
  assertEquals(response.incomplete_details, { reason: "max_output_tokens" });
  assertEquals([response.status, response.completed_at], ["incomplete", null]);
  assertEquals(response.output.map(({ status }) => status), ["incomplete"]);
  const { output } = await ask({ input: "Hello.", tools: TOOLS, max_output_tokens: 7 });
  assertEquals(output.map(({ type, status }) => [type, status]), [["function_call", "incomplete"]]);
});

Deno.test("open responses: log-probabilities, where they are asked for", async () => {
  const include = ["message.output_text.logprobs"];
  for (const [more, top] of [[{ include }, 0], [{ include, top_logprobs: 2 }, 2]] as const) {
    const response = await ask({ input: "Hello.", ...more });
    const [item] = response.output;
    assert(item.type === "message");
    const { logprobs } = item.content[0];
    assertEquals(logprobs!.map(({ token }) => token).join(""), SAID);
    assert(logprobs!.every(({ top_logprobs }) => top_logprobs.length === top));
    assertEquals(response.top_logprobs, top);
  }
  const { output: [item] } = await ask({ input: "Hello." });
  assertEquals(item.type === "message" && item.content[0].logprobs, []);
});

Deno.test("open responses: a stream that fails says so, and what there was of it", async () => {
  await using strict = await ServerRig.start({ seconds: 0.3 }, { target: dir, context: 30000 });
  const body = { input: "Hello.", ignore_eos: true };
  const events = eventsOf(await (await post({ ...body, stream: true }, strict)).text());
  const response = responseOf([
    ...events.slice(0, 2),
    // What was under way has no end.
    ...events.slice(-2),
  ]);
  const error = events.at(-2)!;
  assert(error.type === "error");
  assertEquals(error.error.code, "timeout");
  assertEquals(response.status, "failed");
  assertEquals(response.error, { code: "timeout", message: error.error.message });
  assert(events.some(({ type }) => type === "response.output_text.delta"));
  const whole = await post(body, strict);
  assertEquals([whole.status, (await whole.json()).error.code], [504, "timeout"]);
});

Deno.test("open responses: what there is not is refused in the shape of an error", async () => {
  const picture = { type: "input_image", image_url: "data:image/png;base64,iVBORw0KGgo=" };
  const cases: [change: object, param: string][] = [
    [
      { input: [user([{ type: "input_text", text: "What is it?" }, picture])] },
      "input[0].content[1].type",
    ],
    [{ input: [user([{ type: "input_file", file_id: "f" }])] }, "input[0].content[0].type"],
    [{ input: "Hello.", previous_response_id: "resp_1" }, "previous_response_id"],
    [{ input: "Hello.", conversation: "conv_1" }, "conversation"],
    [{ input: "Hello.", store: true }, "store"],
    [{ input: "Hello.", background: true }, "background"],
    [{ input: "Hello.", truncation: "auto" }, "truncation"],
    [{ input: "Hello.", reasoning: { effort: "low" } }, "reasoning"],
    [{ input: "Hello.", include: ["file_search_call.results"] }, "include[0]"],
    [{ input: "Hello.", tools: [{ type: "web_search" }] }, "tools[0].type"],
    [{
      input: "Hello.",
      tools: TOOLS,
      tool_choice: {
        type: "allowed_tools",
        mode: "auto",
        tools: [{ type: "function", name: "x" }],
      },
    }, "tool_choice"],
    [{ input: undefined }, "input"],
    [{ model: undefined, input: "Hello." }, "model"],
  ];
  for (const [change, param] of cases) {
    for (const stream of [false, true]) {
      const answer = await post({ ...change, stream });
      const { error } = await answer.json();
      assertEquals([answer.status, error.param], [400, param], error.message);
      assertEquals(Object.keys(error), ["message", "type", "param", "code"]);
      assertEquals(error.type, "invalid_request_error");
    }
  }
  const other = await post({ model: "other", input: "Hello." });
  assertEquals([other.status, (await other.json()).error.code], [404, "model_not_found"]);
});
