/**
 * 1,000 requests that something is wrong with, most of them in a way that nobody thought of: each is answered, or refused
 * as the client's mistake, in the API's shape; never by 500. Then the server answers as before.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { Random } from "../random.ts";
import { MESSAGES, MODEL, PROMPT, ServerRig } from "./rig.ts";

const REQUESTS = 1000;
const SEED = 16;

const SCHEMA = { type: "object", properties: { a: { type: "integer" } }, required: ["a"] };

/** Bodies that are taken, with everything in them that there is; they cost little. */
const BODIES: readonly (readonly [path: string, body: Record<string, unknown>])[] = [
  ["/v1/chat/completions", {
    model: MODEL,
    messages: [{ role: "system", content: "Be brief." }, ...MESSAGES, {
      role: "assistant",
      content: [{ type: "text", text: "7" }],
    }, { role: "user", content: "Why?", name: "a" }],
    max_tokens: 1,
    temperature: 0.7,
    top_p: 0.9,
    seed: 5,
    n: 1,
    stop: ["x", "yy"],
    logit_bias: { "7": 1.5 },
    logprobs: true,
    top_logprobs: 1,
    presence_penalty: 0.1,
  }],
  ["/v1/chat/completions", {
    model: MODEL,
    messages: MESSAGES,
    max_completion_tokens: 1,
    response_format: { type: "json_schema", json_schema: { name: "x", schema: SCHEMA } },
    stream: true,
    stream_options: { include_usage: true },
  }],
  ["/v1/completions", {
    model: MODEL,
    prompt: [PROMPT, "2 + 2"],
    max_tokens: 1,
    echo: true,
    logprobs: 1,
    frequency_penalty: 0.3,
    repetition_penalty: 1.1,
    min_p: 0.01,
    top_k: 9,
  }],
  ["/v1/responses", {
    model: MODEL,
    instructions: "Be brief.",
    input: [
      { role: "user", content: [{ type: "input_text", text: "2 + 2?" }] },
      { type: "message", role: "assistant", content: "4" },
    ],
    max_output_tokens: 1,
    include: ["message.output_text.logprobs"],
    top_logprobs: 1,
    text: { format: { type: "json_object" } },
    stream: true,
  }],
  ["/v1/completions", { model: MODEL, prompt: [[5, 6, 7]], max_tokens: 1, ignore_eos: true }],
];

/** Values that code forgets about. */
const VALUES: readonly unknown[] = [
  null,
  true,
  "",
  "x",
  "\ud800",
  "\u0000",
  "__proto__",
  0,
  -1,
  0.5,
  1e308,
  -0,
  2 ** 53,
  -(2 ** 31),
  [],
  {},
  [[]],
  [null],
  [[[[]]]],
  { type: "object" },
  { toString: 1 },
  Array.from({ length: 300 }, (_, i) => i),
  "long ".repeat(2000),
];

/** Keys that may be there, and that may not. */
const KEYS = ["tools", "user", "__proto__", "constructor", "then", "0", "", "n", "stop"];

/** Sets a key, whatever it is called. */
function set(object: object, key: string, value: unknown): void {
  const flags = { enumerable: true, configurable: true, writable: true };
  Object.defineProperty(object, key, { value, ...flags });
}

function mutated(body: unknown, random: Random): unknown {
  if (typeof body !== "object" || body === null || random.integer(4) === 0) {
    return random.pick(VALUES);
  }
  const copy = structuredClone(body) as Record<string, unknown>;
  const key = random.pick(Object.keys(copy).length === 0 ? KEYS : Object.keys(copy));
  switch (random.integer(5)) {
    case 0:
      if (Array.isArray(copy)) copy.splice(Number(key), 1);
      else delete copy[key];
      break;
    case 1:
      set(copy, random.pick(KEYS), random.pick(VALUES));
      break;
    default:
      set(copy, key, mutated(copy[key], random));
  }
  return copy;
}

/** The body of a request: JSON, most often. */
function bytesOf(body: unknown, random: Random): Uint8Array<ArrayBuffer> {
  const bytes = new TextEncoder().encode(JSON.stringify(body) ?? "");
  switch (random.integer(6)) {
    case 0:
      return bytes.slice(0, random.integer(bytes.length + 1));
    case 1:
      if (bytes.length > 0) bytes[random.integer(bytes.length)] = random.integer(256);
      return bytes;
    default:
      return bytes;
  }
}

Deno.test("fuzz: 1,000 requests are answered or refused, and the server lives", async () => {
  await using rig = await ServerRig.start({ seconds: 20 });
  const random = new Random(SEED);
  const ask = async () => {
    const { json } = await rig.post(
      "/v1/completions",
      JSON.stringify({ model: MODEL, prompt: PROMPT, temperature: 0, max_tokens: 8 }),
    );
    return json.choices[0].text;
  };
  const before = await ask();
  const counts = new Map<number, number>();
  for (let i = 0; i < REQUESTS; i++) {
    const [path, body] = random.pick(BODIES);
    let changed: unknown = body;
    for (let n = random.integer(5); n >= 0; n--) changed = mutated(changed, random);
    const sent = bytesOf(changed, random);
    const response = await fetch(rig.server.url + path, {
      method: "POST",
      body: sent,
      headers: { "content-type": "application/json" },
    });
    const { status } = response;
    const text = await response.text();
    const what = `${status} for ${new TextDecoder().decode(sent).slice(0, 400)}: ${text}`;
    counts.set(status, (counts.get(status) ?? 0) + 1);
    if (status === 200) {
      // Nothing went wrong behind a stream's first event, either.
      assert(!text.includes('"error":{'), what);
      continue;
    }
    assert(status >= 400 && status < 500, what);
    const { error, ...more } = JSON.parse(text);
    assertEquals(more, {}, what);
    assertEquals(Object.keys(error).sort(), ["code", "message", "param", "type"], what);
    assertEquals(error.type, "invalid_request_error", what);
    assert(error.message.startsWith("Cannot ") && error.message.length < 1000, what);
  }
  const refused = (counts.get(400) ?? 0) + (counts.get(404) ?? 0);
  assert(refused > REQUESTS / 2, JSON.stringify([...counts]));
  assertEquals(await ask(), before);
  assertEquals(await rig.load(), { waiting: 0, running: 0 });
  assert(rig.lines.every((line) => !line.includes('"event":"error"')));
});
