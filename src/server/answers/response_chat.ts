/**
 * A request for a response as one for a chat, which it is in other words.
 *
 * @module
 */
import type { ChatCompletionRequest, ChatRequestMessage } from "../schemas/chat_completions.ts";
import type { ResponseRequest } from "../schemas/responses.ts";

type Item = Exclude<ResponseRequest["input"], string>[number];

/** The chat that `body` asks for. */
export function responseChat(body: ResponseRequest): ChatCompletionRequest {
  const {
    input,
    instructions,
    max_output_tokens,
    text,
    tools,
    tool_choice: choice,
    include,
    top_logprobs,
    truncation: _truncation,
    background: _background,
    previous_response_id: _previous,
    conversation: _conversation,
    prompt: _prompt,
    reasoning: _reasoning,
    max_tool_calls: _calls,
    ...more
  } = body;
  const logprobs = typeof top_logprobs === "number" || (include ?? []).length > 0;
  const items = typeof input === "string" ? [{ role: "user" as const, content: input }] : input;
  return {
    ...more,
    messages: [
      ...(instructions ? [{ role: "system" as const, content: instructions }] : []),
      ...messagesOf(items),
    ],
    max_completion_tokens: max_output_tokens,
    response_format: formatOf(text?.format),
    tools: tools?.map(({ type, ...tool }) => ({ type, function: tool })),
    tool_choice: choiceOf(choice),
    ...(logprobs && { logprobs, top_logprobs }),
  };
}

function choiceOf(choice: ResponseRequest["tool_choice"]): ChatCompletionRequest["tool_choice"] {
  if (typeof choice !== "object" || choice === null) return choice;
  const named = ({ type, name }: { type: "function"; name: string }) => ({
    type,
    function: { name },
  });
  if (choice.type === "function") return named(choice);
  const { type, mode, tools } = choice;
  return { type, allowed_tools: { mode, tools: tools.map(named) } };
}

function formatOf(
  format: NonNullable<ResponseRequest["text"]>["format"],
): ChatCompletionRequest["response_format"] {
  if (format?.type !== "json_schema") return format;
  const { type, ...schema } = format;
  return { type, json_schema: schema };
}

function textOf(content: string | readonly { readonly text: string }[]): string {
  return typeof content === "string" ? content : content.map(({ text }) => text).join("");
}

/** Messages of items; calls in a row, and what is said before them, are one message. */
function messagesOf(items: readonly Item[]): ChatRequestMessage[] {
  const messages: ChatRequestMessage[] = [];
  for (const item of items) {
    if (item.type === "function_call") {
      const { call_id: id, name, arguments: text } = item;
      const call = { id, type: "function" as const, function: { name, arguments: text } };
      const last = messages.at(-1);
      if (last?.role === "assistant") last.tool_calls = [...last.tool_calls ?? [], call];
      else messages.push({ role: "assistant", content: null, tool_calls: [call] });
    } else if (item.type === "function_call_output") {
      const { call_id, output } = item;
      messages.push({ role: "tool", tool_call_id: call_id, content: textOf(output) });
    } else messages.push({ role: item.role, content: textOf(item.content) });
  }
  return messages;
}
