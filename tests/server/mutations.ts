/**
 * Requests that something is wrong with, most of them in a way that nobody thought of: valid ones whose values, text, bytes,
 * headers, method or path have been changed.
 *
 * @module
 */
import type { Random } from "../random.ts";
import { MESSAGES, MODEL, PROMPT } from "./rig.ts";

/** A request as it is sent. */
export interface Mutation {
  readonly method: string;
  readonly path: string;
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body?: Uint8Array<ArrayBuffer>;
  /** Bytes of the body that are sent before the client goes away. */
  readonly sent?: number;
}

const SCHEMA = { type: "object", properties: { a: { type: "integer" } }, required: ["a"] };

const TOOL = { type: "function", function: { name: "add", parameters: SCHEMA } };

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
  ["/v1/completions", {
    model: MODEL,
    prompt: PROMPT,
    max_tokens: 2,
    stream: true,
    specmquant: { method: "hier", rounds: true },
  }],
  ["/v1/chat/completions", {
    model: MODEL,
    messages: MESSAGES,
    max_tokens: 1,
    tools: [TOOL],
    tool_choice: "auto",
    parallel_tool_calls: true,
    chat_template_kwargs: { extra: [1] },
    metadata: { a: "b" },
  }],
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
  Object.fromEntries(Array.from({ length: 2000 }, (_, i) => [`k${i}`, i])),
  { type: "string", pattern: "^(a+)+$" },
  { type: "string", pattern: "(x{1000}){1000}" },
  { type: "string", minLength: 1e9 },
  { type: "array", items: { type: "array", items: { $ref: "#" } }, minItems: 1e6 },
  { allOf: [{ $ref: "#" }] },
  { enum: Array.from({ length: 3000 }, (_, i) => `e${i}`) },
  { $ref: "https://example.com/x" },
];

/** Keys that may be there, and that may not. */
const KEYS = [
  ...["tools", "user", "__proto__", "constructor", "then", "0", "", "n", "stop", "model"],
  ...["tool_choice", "response_format", "specmquant", "echo", "logprobs", "stream", "seed"],
];

/** What may be right, alone or together. */
const PLAUSIBLE: readonly (readonly [key: string, values: readonly unknown[]])[] = [
  ["temperature", [0, 0.01, 0.7, 2, null]],
  ["top_p", [0, 0.5, 1]],
  ["top_k", [0, 1, 40]],
  ["min_p", [0, 0.2, 1]],
  ["seed", [0, 7, 2 ** 53 - 1]],
  ["n", [1, 2, 3]],
  ["max_tokens", [0, 1, 6]],
  ["stop", [" ", ["e", "\n"], [], null]],
  ["presence_penalty", [-2, 2]],
  ["repetition_penalty", [0.5, 1.5]],
  ["logit_bias", [{}, { "5": -100, "17": 30 }]],
  ["logprobs", [0, 3, true, null]],
  ["echo", [true, false]],
  ["stream", [true, false]],
  ["ignore_eos", [true, false]],
  ["prompt", ["1", "", "1 + 1 = 2 \ud83c\udf89", [0], ["a", "b"], [[9], [0, 0]]]],
  ["messages", [[{ role: "user", content: "1 + 1?" }], [{ role: "system", content: "" }]]],
];

/** What stands for text that no value has. */
const RAW = "raw text goes here";

/** Text in place of a value that is no JSON, or JSON that readers do not agree on. */
const RAWS: readonly ((random: Random) => string)[] = [
  () => "NaN",
  () => "-Infinity",
  () => "1e400",
  () => "-0.0e-0",
  () => "01",
  () => "1".repeat(400),
  () => `0.${"3".repeat(20_000)}`,
  () => "9007199254740993",
  () => '"\\ud800"',
  () => '"\\udc00\\ud83d"',
  () => '"\u0000\n"',
  () => '"\\x41"',
  () => "'x'",
  () => "undefined",
  () => "[1,]",
  () => "/* */ 1",
  () => '{"a":1,"a":2}',
  () => '{"__proto__":{"temperature":0},"__proto__":1}',
  (random) => "[".repeat(2 ** random.integer(17)),
  (random) => {
    const depth = 2 ** random.integer(15);
    return "[".repeat(depth) + "]".repeat(depth);
  },
  (random) => {
    const depth = 2 ** random.integer(12);
    return '{"a":'.repeat(depth) + "0" + "}".repeat(depth);
  },
  (random) => JSON.stringify("z ".repeat(2 ** random.integer(17))),
  (random) => `[${"0,".repeat(2 ** random.integer(16))}0]`,
];

/** Sets a key, whatever it is called. */
function set(object: object, key: string, value: unknown): void {
  const flags = { enumerable: true, configurable: true, writable: true };
  Object.defineProperty(object, key, { value, ...flags });
}

function mutated(body: unknown, random: Random): unknown {
  if (typeof body !== "object" || body === null || random.integer(4) === 0) {
    return random.integer(5) === 0 ? RAW : random.pick(VALUES);
  }
  const copy = structuredClone(body) as Record<string, unknown>;
  if (Array.isArray(copy) && copy.length === 0) return [random.pick(VALUES)];
  const key = random.pick(Object.keys(copy).length === 0 ? KEYS : Object.keys(copy));
  switch (random.integer(5)) {
    case 0:
      if (Array.isArray(copy)) copy.splice(Number(key), 1);
      else delete copy[key];
      break;
    case 1: {
      const value = random.integer(5) === 0 ? RAW : random.pick(VALUES);
      if (Array.isArray(copy)) copy.push(value);
      else set(copy, random.pick(KEYS), value);
      break;
    }
    default:
      set(copy, key, mutated(copy[key], random));
  }
  return copy;
}

/** A body with up to three parameters that may go together. */
function plausible(body: Record<string, unknown>, random: Random): Record<string, unknown> {
  const copy = { ...body };
  for (let n = random.integer(3); n >= 0; n--) {
    const [key, values] = random.pick(PLAUSIBLE);
    copy[key] = random.pick(values);
  }
  return copy;
}

/** A body as text: with a key twice or with text that is no value, now and then. */
function textOf(body: unknown, random: Random): string {
  const text = (JSON.stringify(body) ?? "").replaceAll(
    JSON.stringify(RAW),
    () => random.pick(RAWS)(random),
  );
  switch (random.integer(24)) {
    case 0: {
      const [key, value] = [random.pick(KEYS), JSON.stringify(random.pick(VALUES))];
      return text.replace(/^\{/, `{${JSON.stringify(key)}:${value},`);
    }
    case 1:
      return `${text}${random.pick([",", "}", " ", "\0", "\n{}", "\ufeff"])}`;
    case 2:
      return `\ufeff${text}`;
    default:
      return text;
  }
}

/** The bytes of a body: its text, most often. */
function bytesOf(text: string, random: Random): Uint8Array<ArrayBuffer> {
  const bytes = new TextEncoder().encode(text);
  const at = random.integer(bytes.length + 1);
  switch (random.integer(12)) {
    case 0:
      return bytes.slice(0, at);
    case 1:
      if (at < bytes.length) bytes[at] = random.integer(256);
      return bytes;
    case 2: {
      // No UTF-8: a byte alone, half a character, a surrogate, one beyond Unicode, one too long.
      const wrong = random.pick([
        [0xff],
        [0xe2, 0x82],
        [0xed, 0xa0, 0x80],
        [0xf4, 0x90, 0x80, 0x80],
        [
          0xc0,
          0xaf,
        ],
      ]);
      return Uint8Array.from([...bytes.slice(0, at), ...wrong, ...bytes.slice(at)]);
    }
    case 3: {
      const units = Uint16Array.from(text.slice(0, 5000), (letter) => letter.charCodeAt(0));
      return new Uint8Array(units.buffer);
    }
    default:
      return bytes;
  }
}

const PATHS = [
  ...["/v1/models", "/v1/models/demo", "/v1/models/%00%ff", "/v1/models/..%2f..%2fetc%2fpasswd"],
  ...["/healthz", "/readyz", "/metrics", "/openapi.json", "/", "/main.js", "/nothing", "//", "/%"],
  ...["/v1/chat/completions/", "/v1//completions", "/V1/COMPLETIONS", "/v1/completions?x=%zz&x"],
  ...["/../../etc/passwd", "/v1/embeddings", `/${"a/".repeat(2000)}`, "/v1/responses/resp_1"],
];
const METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "get", "X"];
const TYPES = [
  ...[
    "text/plain",
    "",
    "application/json; charset=utf-16",
    "application/jsonx",
    "APPLICATION/JSON",
  ],
  ...[
    "multipart/form-data; boundary=x",
    "application/json, text/plain",
    "application/json;".repeat(500),
  ],
];
const HEADERS: readonly (readonly [string, string])[] = [
  ...TYPES.map((type) => ["content-type", type] as const),
  ["authorization", "Bearer "],
  ["authorization", `Basic ${"x".repeat(5000)}`],
  ["accept", "application/xml"],
  ["accept-encoding", "br;q=nan, gzip;q=2"],
  ["content-encoding", "gzip"],
  ["content-length", "99999999999"],
  ["content-length", "3"],
  ["content-length", "-1"],
  ["transfer-encoding", "chunked"],
  ["expect", "100-continue"],
  ["range", "bytes=5-1"],
  ["if-none-match", "*"],
  ["cookie", "\u00ff".repeat(300)],
  ["x-request-id", "../../x"],
  ["origin", "null"],
  ["upgrade", "websocket"],
  ["connection", "upgrade"],
  ["host", "example.com"],
  ["x-forwarded-for", "1.2.3.4, ::1"],
];
const JSON_TYPE = ["content-type", "application/json"] as const;

/** The next request. */
export function mutation(random: Random): Mutation {
  const next = drawn(random);
  const short = next.headers.some(([name, value]) =>
    name === "content-length" && Number(value) > (next.body?.length ?? 0)
  );
  // What a client announces and does not send is waited for.
  return short ? { ...next, sent: next.body?.length ?? 0 } : next;
}

function drawn(random: Random): Mutation {
  const [path, body] = random.pick(BODIES);
  if (random.integer(8) === 0) {
    const text = JSON.stringify(plausible(body, random));
    return { method: "POST", path, headers: [JSON_TYPE], body: new TextEncoder().encode(text) };
  }
  let changed: unknown = body;
  for (let n = random.integer(5); n >= 0; n--) changed = mutated(changed, random);
  const bytes = bytesOf(textOf(changed, random), random);
  const plain = { method: "POST", path, headers: [JSON_TYPE], body: bytes };
  switch (random.integer(20)) {
    case 0:
      return { ...plain, path: random.pick(PATHS) };
    case 1:
      return { ...plain, method: random.pick(METHODS) };
    case 2:
      return {
        method: random.pick(METHODS),
        path: random.pick(PATHS),
        headers: [random.pick(HEADERS)],
      };
    case 3:
      return { ...plain, headers: [random.pick(HEADERS)] };
    case 4:
      return { ...plain, headers: [JSON_TYPE, random.pick(HEADERS), random.pick(HEADERS)] };
    case 5:
      return { ...plain, sent: random.integer(bytes.length + 1) };
    default:
      return plain;
  }
}
