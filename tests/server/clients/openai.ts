/**
 * OpenAI's own client.
 *
 * @module
 */
import OpenAI from "openai";
import type { Answer, Asked, Call, Client, ClientKind, Token, Turn } from "./client.ts";

/** The npm package `openai`. */
export const openai: ClientKind = {
  name: "openai",
  kinds: { key: "AuthenticationError", context: "BadRequestError", model: "NotFoundError" },
  connect({ url, key, model, fetch }): Client {
    const client = new OpenAI({ baseURL: url, apiKey: key, maxRetries: 0, fetch });
    const { completions } = client.chat;
    return {
      async ask(asked) {
        const body = { ...bodyOf(asked), model };
        return answerOf(await completions.create(body, { signal: asked.signal }));
      },
      async stream(asked, heard) {
        const { stream: _, ...body } = bodyOf(asked);
        const stream = completions.stream(
          { ...body, model, stream_options: { include_usage: true } },
          { signal: asked.signal },
        );
        for await (const { choices: [choice] } of stream) {
          if (choice?.delta.content) heard(choice.delta.content);
          for (const call of choice?.delta.tool_calls ?? []) heard(call.function?.arguments ?? "");
        }
        return answerOf(await stream.finalChatCompletion());
      },
      async object(asked, schema) {
        const { choices: [{ message }] } = await completions.parse({
          ...bodyOf(asked),
          model,
          response_format: { type: "json_schema", json_schema: { name: "it", schema } },
        });
        return message.parsed ?? JSON.parse(message.content!);
      },
      refusal(error) {
        if (!(error instanceof OpenAI.APIError)) return undefined;
        const { status, message, type, param, code } = error;
        return { kind: error.constructor.name, status, message, type, param, code };
      },
      isAbort: (error) => error instanceof OpenAI.APIUserAbortError,
    };
  },
};

function bodyOf(asked: Asked): Omit<OpenAI.ChatCompletionCreateParamsNonStreaming, "model"> {
  const { turns, tools, choice, top, picture } = asked;
  const messages = turns.map(messageOf);
  if (picture !== undefined) {
    messages.push({
      role: "user",
      content: [{ type: "image_url", image_url: { url: picture } }],
    });
  }
  return {
    messages,
    temperature: asked.temperature,
    seed: asked.seed,
    max_completion_tokens: asked.maxTokens,
    stop: asked.stop,
    ...(top !== undefined && { logprobs: true, top_logprobs: top }),
    tools: tools?.map((tool) => ({ type: "function", function: { ...tool } })),
    tool_choice: typeof choice === "object" ? { type: "function", function: choice } : choice,
    ...asked.more,
  };
}

function messageOf(turn: Turn): OpenAI.ChatCompletionMessageParam {
  switch (turn.role) {
    case "calls":
      return {
        role: "assistant",
        tool_calls: turn.calls.map(({ id, name, arguments: args }) => ({
          id,
          type: "function",
          function: { name, arguments: JSON.stringify(args) },
        })),
      };
    case "result":
      return { role: "tool", tool_call_id: turn.call.id, content: turn.content };
    default:
      return { role: turn.role, content: turn.content };
  }
}

function answerOf({ choices: [choice], usage }: OpenAI.ChatCompletion): Answer {
  const { message, finish_reason, logprobs } = choice;
  const calls = (message.tool_calls ?? []).flatMap((call): Call[] =>
    call.type === "function"
      ? [{
        id: call.id,
        name: call.function.name,
        arguments: JSON.parse(call.function.arguments),
      }]
      : []
  );
  return {
    text: message.content ?? "",
    calls,
    finish: finish_reason,
    promptTokens: usage!.prompt_tokens,
    completionTokens: usage!.completion_tokens,
    tokens: logprobs?.content?.map(({ token, logprob, top_logprobs: top }): Token => ({
      token,
      logprob,
      top,
    })),
  };
}
