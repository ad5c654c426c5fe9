/**
 * Messages of a request as the model's template takes them.
 *
 * @module
 */
import type { Message } from "../../engine/mod.ts";
import { parseJson, type TemplateValue } from "../../text/chat_template.ts";
import type { ChatRequestMessage } from "../schemas/chat_completions.ts";
import { invalid } from "../wire/api_error.ts";

/** Parts of text as one text: templates of models of text take nothing else. */
function textOf(content: ChatRequestMessage["content"]): string | null {
  if (content === undefined || content === null) return null;
  return typeof content === "string" ? content : content.map(({ text }) => text).join("");
}

/**
 * The messages; what is null or empty counts as absent.
 *
 * @throws {ApiError} the arguments of a call are no JSON object
 */
export function chatPrompt(messages: readonly ChatRequestMessage[]): Message[] {
  return messages.map((message, i): Message => {
    const { role, content, name } = message;
    return {
      // Templates know the older word.
      role: role === "developer" ? "system" : role,
      content: textOf(content),
      ...(name && { name }),
      ...(role === "tool" && { tool_call_id: message.tool_call_id }),
      ...(role === "assistant" && answerOf(message, i)),
    };
  });
}

function answerOf(
  { tool_calls, reasoning_content }: Extract<ChatRequestMessage, { role: "assistant" }>,
  i: number,
): Record<string, TemplateValue> {
  return {
    ...(reasoning_content && { reasoning_content }),
    ...(tool_calls && tool_calls.length > 0 && {
      // Templates want the arguments themselves.
      tool_calls: tool_calls.map(({ id, type, function: { name, arguments: text } }, j) => ({
        id,
        type,
        function: {
          name,
          arguments: argumentsOf(text, `messages[${i}].tool_calls[${j}].function.arguments`),
        },
      })),
    }),
  };
}

function argumentsOf(text: string, param: string): TemplateValue {
  let value: TemplateValue;
  try {
    // Keeps the order of keys, and 1.0 as it is.
    value = parseJson(text);
  } catch {
    throw invalid(param, `Cannot answer: ${param} is no JSON, expected that of an object`);
  }
  if (value instanceof Map) return value;
  throw invalid(param, `Cannot answer: ${param} is no object, expected the JSON of one`);
}
