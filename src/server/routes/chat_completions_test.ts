/**
 * Calls that a model makes by itself: the demo models make none, so what the scheduler gives is made up here.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import type { Engine, GenerationResult } from "../../engine/mod.ts";
import type { ChatTemplate } from "../../text/chat_template.ts";
import { TokenTexts } from "../answers/token_texts.ts";
import type { TextEvent } from "../queue/scheduler.ts";
import { checked } from "../schemas/check.ts";
import { Metrics } from "../service/metrics.ts";
import type { Call } from "../service/route.ts";
import type { Service } from "../service/service.ts";
import { eventStream } from "../wire/event_stream.ts";
import { chatCompletions } from "./chat_completions.ts";

/** The special token of `[TOOL_CALLS]`. */
const MARK = 7;

const TEMPLATE = {
  // As Mistral's writes a call.
  render: (messages: readonly { role: string }[], { tools }: { tools?: unknown }) =>
    messages.some(({ role }) => role === "assistant")
      ? '[INST]probe_name[/INST][TOOL_CALLS] [{"name": "probe_name", "arguments": {"probe_key": "probe_value"}}]</s>'
      : `[INST]${tools ? "probe_name" : ""}[/INST]`,
} as unknown as ChatTemplate;

/** A service whose model writes `pieces`, of which null is the special token. */
function serviceOf(pieces: readonly (string | null)[]): Service {
  const engine = {
    context: 100,
    method: "ar",
    chatTemplate: TEMPLATE,
    encode: () => [1, 2, 3],
    target: { config: { vocabSize: 10, eosTokenIds: [0] } },
    tokenizer: {
      encode: (text: string) => text === "[TOOL_CALLS]" ? [MARK] : [1, 1],
      specialIds: new Set([0, MARK]),
    },
  } as unknown as Engine;
  const scheduler = {
    waiting: 0,
    running: 0,
    idle: () => Promise.resolve(),
    async *submit(): AsyncGenerator<TextEvent, void> {
      for (const text of pieces) {
        const token = text === null ? MARK : 1;
        yield { index: 0, piece: { text: text ?? "", token, by: "target", endsRound: true } };
      }
      const level = { rounds: 1, tokens: 1, drafted: 0 };
      const end = {
        finishReason: "stop",
        tokens: [],
        promptTokens: 3,
        cachedTokens: 0,
        stats: {
          generatedTokens: pieces.length,
          acceptLengths: [0, 1],
          levels: [level],
          timings: { decodeMs: 1 },
        },
      } as unknown as GenerationResult;
      yield { index: 0, end };
    },
  };
  return {
    engine,
    scheduler,
    model: "m",
    created: 0,
    sampling: {},
    texts: new TokenTexts(engine.tokenizer),
    metrics: new Metrics(scheduler, engine),
    isDraining: false,
  };
}

async function answer(pieces: readonly (string | null)[], stream: boolean): Promise<string> {
  const body = {
    model: "m",
    messages: [{ role: "user", content: "hi" }],
    tools: [{ type: "function", function: { name: "add" } }],
    stream,
  };
  const { signal } = new AbortController();
  const call: Call = {
    id: "1",
    client: "a",
    parameters: {},
    signal,
    started: 0,
    body: (schema) => Promise.resolve(checked(schema, body)),
    note() {},
    stream: (events) =>
      eventStream(events, ({ body }) => [body], { signal, gone() {}, ended() {} }),
  };
  return await (await chatCompletions.answer(call, serviceOf(pieces))).text();
}

const CALLING = [
  "Let me",
  " see.",
  null,
  ' [{"na',
  'me": "add", "argu',
  'ments": {"a"',
  ": 1}}",
  "]",
];

Deno.test("chat: a call that the model makes by itself is one, announced by a special token", async () => {
  const { choices: [{ message, finish_reason }] } = JSON.parse(await answer(CALLING, false));
  const { id, ...call } = message.tool_calls[0];
  assertEquals(call, { type: "function", function: { name: "add", arguments: '{"a": 1}' } });
  assertEquals([message.content, id.length, finish_reason], ["Let me see.", 9, "tool_calls"]);
});

Deno.test("chat: it is streamed as it comes", async () => {
  const events = (await answer(CALLING, true)).split("\n\n").filter((line) => line !== "");
  assertEquals(events.pop(), "data: [DONE]");
  const choices = events.map((event) => JSON.parse(event.slice(6)).choices[0]);
  const { id } = choices[3].delta.tool_calls[0];
  assertEquals(choices.map(({ delta }) => delta), [
    { role: "assistant", content: "", refusal: null },
    { content: "Let me" },
    { content: " see." },
    { tool_calls: [{ index: 0, id, type: "function", function: { name: "add", arguments: "" } }] },
    { tool_calls: [{ index: 0, function: { arguments: '{"a"' } }] },
    { tool_calls: [{ index: 0, function: { arguments: ": 1}" } }] },
    {},
  ]);
  assertEquals(choices.at(-1).finish_reason, "tool_calls");
});

Deno.test("chat: words are words, also with tools", async () => {
  const { choices: [{ message, finish_reason }] } = JSON.parse(
    await answer(["a [", "TOOL"], false),
  );
  assertEquals([message.content, message.tool_calls, finish_reason], [
    "a [TOOL",
    undefined,
    "stop",
  ]);
});
