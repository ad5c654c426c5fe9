/**
 * `POST /v1/chat/completions`: answers to chats.
 *
 * @module
 */
import { chatLogprobs } from "../answers/chat_logprobs.ts";
import {
  CHAT_COMPLETION_REQUEST,
  type ChatCompletionRequest,
} from "../schemas/chat_completions.ts";
import { startChat } from "../service/chat.ts";
import type { ChatPart } from "../service/chat_parts.ts";
import type { Route } from "../service/route.ts";
import type { Service } from "../service/service.ts";
import type { Texts } from "../service/texts.ts";

/** The route. */
export const chatCompletions: Route = {
  method: "POST",
  path: "/v1/chat/completions",
  summary: "Answer a chat",
  answers: ["application/json", "text/event-stream"],
  makesTexts: true,
  body: CHAT_COMPLETION_REQUEST,
  async answer(call, service) {
    const body = await call.body(CHAT_COMPLETION_REQUEST);
    const { texts, parts } = startChat(body, "messages", call, service);
    const head = {
      id: `chatcmpl-${call.id}`,
      created: Math.floor(Date.now() / 1000),
      model: service.model,
    };
    return body.stream
      ? call.stream(chunksOf(head, parts, texts, body, service))
      : Response.json(await whole(head, parts, texts, body, service));
  },
};

/** A call of a whole answer. */
interface ToolCall {
  readonly id: string;
  readonly type: "function";
  readonly function: { readonly name: string; readonly arguments: string };
}

/** What has come of one choice. */
interface Choice {
  text: string;
  calls: ToolCall[];
  tokens: ChatPart["tokens"];
  finish?: ChatPart["finish"];
  seed?: number;
}

async function whole(
  head: object,
  parts: AsyncIterable<ChatPart>,
  { count, usage }: Texts,
  { logprobs }: ChatCompletionRequest,
  { texts }: Service,
): Promise<unknown> {
  const choices = Array.from(
    { length: count },
    (): Choice => ({ text: "", calls: [], tokens: [] }),
  );
  for await (const { index, text, calls, tokens, finish, seed } of parts) {
    const choice = choices[index];
    choice.text += text;
    choice.tokens = [...choice.tokens, ...tokens];
    for (const { index: at, id, name = "", arguments: more } of calls) {
      const before = choice.calls[at] ??
        { id, type: "function", function: { name, arguments: "" } };
      const called = { ...before.function, arguments: before.function.arguments + more };
      choice.calls[at] = { ...before, function: called };
    }
    if (finish !== undefined) Object.assign(choice, { finish, seed });
  }
  return {
    ...head,
    object: "chat.completion",
    choices: choices.map(({ text, calls, tokens, finish, seed }, index) => ({
      index,
      message: {
        role: "assistant",
        content: text === "" && calls.length > 0 ? null : text,
        refusal: null,
        ...(calls.length > 0 && { tool_calls: calls }),
      },
      logprobs: logprobs ? chatLogprobs(tokens, texts) : null,
      finish_reason: finish,
      ...(seed !== undefined && { seed }),
    })),
    usage: usage.usage,
  };
}

async function* chunksOf(
  given: object,
  parts: AsyncIterable<ChatPart>,
  { count, usage }: Texts,
  { logprobs, stream_options }: ChatCompletionRequest,
  { texts }: Service,
): AsyncGenerator<unknown, void> {
  const withUsage = stream_options?.include_usage ?? false;
  const head = { ...given, object: "chat.completion.chunk" };
  const chunk = (index: number, delta: object, more: object = {}) => ({
    ...head,
    choices: [{ index, delta, logprobs: null, finish_reason: null, ...more }],
    ...(withUsage && { usage: null }),
  });
  for (let index = 0; index < count; index++) {
    yield chunk(index, { role: "assistant", content: "", refusal: null });
  }
  for await (const { index, text, calls, tokens, seen, finish, seed } of parts) {
    const said = {
      ...(logprobs && tokens.length > 0 && { logprobs: chatLogprobs(tokens, texts) }),
      ...(seen && finish === undefined && { specmquant: seen }),
    };
    if (text !== "" || (calls.length === 0 && Object.keys(said).length > 0)) {
      yield chunk(index, { content: text }, said);
    }
    for (const [i, { index: at, id, name, arguments: more }] of calls.entries()) {
      const called = name === undefined
        ? { index: at, function: { arguments: more } }
        : { index: at, id, type: "function", function: { name, arguments: more } };
      yield chunk(index, { tool_calls: [called] }, text === "" && i === 0 ? said : {});
    }
    if (finish === undefined) continue;
    yield chunk(index, {}, {
      ...(seen && { specmquant: seen }),
      finish_reason: finish,
      ...(seed !== undefined && { seed }),
    });
  }
  if (withUsage) yield { ...head, choices: [], usage: usage.usage };
}
