/**
 * From a chat to the parts of its answers, the same for all routes that answer chats.
 *
 * @module
 */
import type { TemplateValue } from "../../text/chat_template.ts";
import { chatPrompt } from "../answers/chat_prompt.ts";
import type { ChatCompletionRequest } from "../schemas/chat_completions.ts";
import { invalid } from "../wire/api_error.ts";
import { type ChatPart, chatParts } from "./chat_parts.ts";
import type { Call } from "./route.ts";
import { checkModel, type Service } from "./service.ts";
import { startTexts, type Texts, type Wanted } from "./texts.ts";
import { type ToolUse, toolUse } from "./tool_use.ts";

/** The answers to a chat under way. */
export interface Chat {
  /** The texts that they are. */
  readonly texts: Texts;
  /** What comes of them. */
  readonly parts: AsyncIterable<ChatPart>;
}

/**
 * Queues the answers that `body` asks for; `param` is what its messages came in.
 *
 * @throws {ApiError} the body asks for what there is not, or the queue is full
 */
export function startChat(
  body: ChatCompletionRequest,
  param: Wanted["param"],
  call: Call,
  service: Service,
): Chat {
  checkModel(body.model, service);
  const tools = toolUse(body, service);
  const texts = startTexts({ ...wantedOf(body, tools, service), param }, body, call, service);
  return { texts, parts: chatParts(texts, tools) };
}

function wantedOf(
  body: ChatCompletionRequest,
  tools: ToolUse | undefined,
  { engine }: Service,
): Omit<Wanted, "param"> {
  const { messages, max_tokens, max_completion_tokens, logprobs, top_logprobs } = body;
  if (typeof top_logprobs === "number" && !logprobs) {
    throw invalid("top_logprobs", "Cannot answer: top_logprobs needs logprobs to be true");
  }
  if (typeof max_tokens === "number" && typeof max_completion_tokens === "number") {
    throw invalid(
      "max_tokens",
      "Cannot answer: max_tokens is given beside max_completion_tokens, expected one of them",
    );
  }
  const variables = body.chat_template_kwargs as Readonly<Record<string, TemplateValue>> | null;
  const prompt = engine.encode(chatPrompt(messages), {
    variables: variables ?? undefined,
    tools: tools?.shown,
  });
  return {
    prompts: [tools ? [...prompt, ...tools.announced] : prompt],
    maxTokens: max_completion_tokens ?? max_tokens ?? undefined,
    logprobs: logprobs ? top_logprobs ?? 0 : undefined,
    grammar: tools?.forced === undefined
      ? grammarOf(body.response_format)
      : { jsonSchema: tools.forced },
    marks: tools?.marks,
  };
}

function grammarOf(format: ChatCompletionRequest["response_format"]): Wanted["grammar"] {
  switch (format?.type) {
    case "json_object":
      return { jsonSchema: { type: "object" } };
    case "json_schema":
      return { jsonSchema: format.json_schema.schema ?? true };
    default:
      return undefined;
  }
}
