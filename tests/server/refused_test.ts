/**
 * What a server refuses, and in which words: OpenAI's client knows each as the error that it is.
 *
 * @module
 */
import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import OpenAI from "openai";
import { MESSAGES, MODEL, PROMPT, ServerRig } from "./rig.ts";

const rig = await ServerRig.start({ bodyBytes: 20_000 });
addEventListener("unload", () => void rig[Symbol.asyncDispose]());

const CHAT = { model: MODEL, messages: MESSAGES, max_tokens: 1 };
const TEXT = { model: MODEL, prompt: PROMPT, max_tokens: 1 };
const LONG = Array.from({ length: 256 }, () => 5);

/** Path, what is changed of a body that would be taken, and the error's parameter and code. */
const CASES: readonly (readonly [
  path: "chat/completions" | "completions",
  change: object,
  param: string,
  code: string,
])[] = [
  ["chat/completions", { model: undefined }, "model", "missing_required_parameter"],
  ["chat/completions", { messages: undefined }, "messages", "missing_required_parameter"],
  ["chat/completions", { messages: [] }, "messages", "invalid_value"],
  ["chat/completions", { messages: "hello" }, "messages", "invalid_type"],
  [
    "chat/completions",
    { messages: [{ content: "x" }] },
    "messages[0].role",
    "missing_required_parameter",
  ],
  [
    "chat/completions",
    { messages: [{ role: "robot", content: "x" }] },
    "messages[0].role",
    "invalid_value",
  ],
  [
    "chat/completions",
    { messages: [{ role: "user" }] },
    "messages[0].content",
    "missing_required_parameter",
  ],
  [
    "chat/completions",
    { messages: [{ role: "user", content: 5 }] },
    "messages[0].content",
    "invalid_type",
  ],
  [
    "chat/completions",
    {
      messages: [{
        role: "user",
        content: [{ type: "image_url", image_url: { url: "data:," } }],
      }],
    },
    "messages[0].content[0].type",
    "invalid_value",
  ],
  [
    "chat/completions",
    { messages: [{ ...MESSAGES[0], mood: "good" }] },
    "messages[0].mood",
    "unknown_parameter",
  ],
  [
    "chat/completions",
    { messages: [{ role: "user", content: "x ".repeat(600) }] },
    "messages",
    "context_length_exceeded",
  ],
  ["chat/completions", { temperatur: 1 }, "temperatur", "unknown_parameter"],
  ["chat/completions", { temperature: -1 }, "temperature", "invalid_value"],
  ["chat/completions", { temperature: "1" }, "temperature", "invalid_type"],
  ["chat/completions", { top_p: 1.5 }, "top_p", "invalid_value"],
  ["chat/completions", { seed: -1 }, "seed", "invalid_value"],
  ["chat/completions", { seed: 2 ** 53 - 1, n: 2, temperature: 1 }, "seed", "invalid_value"],
  ["chat/completions", { n: 0 }, "n", "invalid_value"],
  ["chat/completions", { n: 1.5 }, "n", "invalid_type"],
  ["chat/completions", { max_tokens: 0 }, "max_tokens", "invalid_value"],
  ["chat/completions", { max_completion_tokens: 5 }, "max_tokens", "invalid_value"],
  ["chat/completions", { top_logprobs: 2 }, "top_logprobs", "invalid_value"],
  ["chat/completions", { logprobs: true, top_logprobs: 21 }, "top_logprobs", "invalid_value"],
  ["chat/completions", { stop: "" }, "stop", "invalid_value"],
  ["chat/completions", { logit_bias: { "99999": 1 } }, "logit_bias", "invalid_value"],
  ["chat/completions", { stream: "yes" }, "stream", "invalid_type"],
  [
    "chat/completions",
    { stream_options: { include_usage: true } },
    "stream_options",
    "invalid_value",
  ],
  [
    "chat/completions",
    { response_format: { type: "xml" } },
    "response_format.type",
    "invalid_value",
  ],
  [
    "chat/completions",
    {
      response_format: {
        type: "json_schema",
        json_schema: { name: "x", schema: { type: "whale" } },
      },
    },
    "response_format",
    "invalid_value",
  ],
  [
    "chat/completions",
    { response_format: { type: "json_object" }, ignore_eos: true },
    "ignore_eos",
    "invalid_value",
  ],
  ["chat/completions", { store: true }, "store", "invalid_value"],
  ["chat/completions", { audio: { voice: "x" } }, "audio", "unknown_parameter"],
  ["chat/completions", { reasoning_effort: "high" }, "reasoning_effort", "unknown_parameter"],
  [
    "chat/completions",
    { chat_template_kwargs: { messages: [] } },
    "chat_template_kwargs",
    "invalid_value",
  ],
  ["completions", { prompt: undefined }, "prompt", "missing_required_parameter"],
  ["completions", { prompt: [] }, "prompt", "invalid_type"],
  ["completions", { prompt: [1.5] }, "prompt", "invalid_type"],
  ["completions", { prompt: [99999] }, "prompt", "invalid_value"],
  ["completions", { prompt: LONG }, "prompt", "context_length_exceeded"],
  ["completions", { prompt: [[5], LONG] }, "prompt", "context_length_exceeded"],
  ["completions", { prompt: Array.from({ length: 9 }, () => "1"), n: 128 }, "n", "invalid_value"],
  ["completions", { max_tokens: -1 }, "max_tokens", "invalid_value"],
  ["completions", { logprobs: true }, "logprobs", "invalid_type"],
  ["completions", { suffix: "x" }, "suffix", "unknown_parameter"],
  ["completions", { best_of: 2 }, "best_of", "invalid_value"],
  ["completions", { messages: MESSAGES }, "messages", "unknown_parameter"],
];

Deno.test("refused: each parameter that cannot be answered, by its name", async () => {
  for (const [path, change, param, code] of CASES) {
    const body = { ...path === "completions" ? TEXT : CHAT, ...change };
    const { status, json } = await rig.post(`/v1/${path}`, JSON.stringify(body));
    const what = JSON.stringify(change).slice(0, 100);
    assertEquals([status, json.error?.type], [400, "invalid_request_error"], what);
    assertEquals([json.error.param, json.error.code], [param, code], what + json.error.message);
    assertMatch(json.error.message, /^Cannot /, what);
  }
  // What was refused has run nothing.
  assertEquals(await rig.load(), { waiting: 0, running: 0 });
  for (const [path, body] of [["chat/completions", CHAT], ["completions", TEXT]] as const) {
    assertEquals((await rig.post(`/v1/${path}`, JSON.stringify(body))).status, 200);
  }
});

Deno.test("refused: null counts as absent", async () => {
  const { json: { paths } } = await rig.get("/openapi.json");
  for (const [path, body] of [["chat/completions", CHAT], ["completions", TEXT]] as const) {
    const { properties } = paths[`/v1/${path}`].post.requestBody.content["application/json"].schema;
    const nothing = Object.fromEntries(Object.keys(properties).map((name) => [name, null]));
    const { status, json } = await rig.post(`/v1/${path}`, JSON.stringify({ ...nothing, ...body }));
    assertEquals(status, 200, JSON.stringify(json));
  }
});

Deno.test("refused: what is no JSON, is too long, too deep, or not said to be JSON", async () => {
  const path = "/v1/chat/completions";
  const deep = `{"model":"demo","messages":${"[".repeat(5000)}${"]".repeat(5000)}}`;
  const json = { "content-type": "application/json" };
  const cases: [BodyInit, Record<string, string>, number, string][] = [
    ["{", json, 400, "invalid_json"],
    ["", json, 400, "invalid_json"],
    [new Uint8Array([0x22, 0xff, 0x22]), json, 400, "invalid_json"],
    [deep, json, 400, "invalid_json"],
    ["[]", json, 400, "invalid_type"],
    ["null", json, 400, "invalid_type"],
    [JSON.stringify({ ...CHAT, user: "x".repeat(20_000) }), json, 413, "request_too_large"],
    [JSON.stringify(CHAT), { "content-type": "text/plain" }, 415, "unsupported_media_type"],
  ];
  for (const [body, headers, status, code] of cases) {
    const answer = await rig.post(path, body, headers);
    assertEquals([answer.status, answer.json.error.code], [status, code]);
    assert(!answer.json.error.message.includes("xxxx"));
  }
  // One without an end.
  const chunk = new TextEncoder().encode(`"${"x".repeat(1000)}"`);
  let chunks = 0;
  const body = new ReadableStream({
    pull(controller) {
      chunks++;
      controller.enqueue(chunk);
    },
  });
  const answer = await rig.post(path, body, json);
  assertEquals(answer.status, 413);
  assert(chunks < 10_000, `${chunks} chunks were read`);
});

Deno.test("refused: other paths and methods", async () => {
  const { client } = rig;
  await assertRejects(
    () => client.embeddings.create({ model: MODEL, input: "x" }),
    OpenAI.NotFoundError,
  );
  const get = await fetch(`${rig.server.url}/v1/completions`);
  assertEquals([get.status, (await get.json()).error.code], [404, "unknown_url"]);
});

Deno.test("refused: pages of other sites, whatever name they give this machine", async () => {
  const preflight = await fetch(`${rig.server.url}/v1/chat/completions`, {
    method: "OPTIONS",
    headers: { origin: "http://example.com", "access-control-request-method": "POST" },
  });
  await preflight.body?.cancel();
  assertEquals(preflight.ok, false);
  const named = [...preflight.headers.keys()].filter((name) => name.startsWith("access-control"));
  assertEquals(named, []);
  // `fetch` sets Host itself.
  const { hostname, port } = new URL(rig.server.url);
  using connection = await Deno.connect({ hostname, port: Number(port) });
  const request = "GET /v1/models HTTP/1.1\r\nHost: example.com\r\nConnection: close\r\n\r\n";
  await connection.write(new TextEncoder().encode(request));
  const answer = await new Response(connection.readable).text();
  assertMatch(answer, /^HTTP\/1\.1 403 /);
});

Deno.test("refused: clients without the right key, but not those that ask how it goes", async () => {
  await using keyed = await ServerRig.start({ keys: ["first-key", "second-key"] });
  for (const key of ["first-key", "second-key"]) {
    const answer = await keyed.clientWith(key).chat.completions.create(CHAT);
    assertEquals(answer.choices.length, 1);
  }
  // Two keys are none.
  const error = await assertRejects(
    () => keyed.clientWith("first-key,second-key").chat.completions.create(CHAT),
    OpenAI.AuthenticationError,
  );
  assertEquals(error.code, "invalid_api_key");
  const paths = ["/healthz", "/readyz", "/openapi.json", "/v1/models", "/metrics", "/x"];
  const statuses = [];
  for (const path of paths) {
    const response = await fetch(keyed.server.url + path);
    await response.body?.cancel();
    statuses.push(response.status);
  }
  assertEquals(statuses, [200, 200, 200, 401, 401, 401]);
  assert(keyed.lines.every((line) => !line.includes("-key")), keyed.lines.join());
});

Deno.test("refused: more than may wait, with when to come again, and what takes too long", async () => {
  await using small = await ServerRig.start({ queue: 2, seconds: 1.5 });
  const long = { ...CHAT, max_tokens: undefined, ignore_eos: true, n: 128 };
  const asked = Array.from(
    { length: 5 },
    () => small.post("/v1/chat/completions", JSON.stringify(long)),
  );
  const streamed = async () => {
    const stream = await small.client.chat.completions.create({ ...long, stream: true });
    for await (const _ of stream);
  };
  const answers = await Promise.all(asked);
  const by = Map.groupBy(answers, ({ status }) => status);
  assertEquals([by.get(429)?.length, by.get(504)?.length], [2, 3]);
  for (const { json, headers } of by.get(429)!) {
    assertEquals([json.error.type, json.error.code], ["rate_limit_error", "queue_full"]);
    assertMatch(headers.get("retry-after")!, /^\d+$/);
  }
  for (const { json, headers } of by.get(504)!) {
    assertEquals([json.error.type, json.error.code], ["server_error", "timeout"]);
    assertEquals(headers.get("x-should-retry"), "false");
  }
  // A stream is told in an event.
  const error = await assertRejects(streamed, OpenAI.APIError);
  assertEquals(error.code, "timeout");
  assert(await small.idles());
});
