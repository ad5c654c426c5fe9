/**
 * `POST /v1/responses`: answers to chats, as items. Nothing is stored.
 *
 * @module
 */
import { responseChat } from "../answers/response_chat.ts";
import { RESPONSE_REQUEST, type ResponseRequest } from "../schemas/responses.ts";
import { type Chat, startChat } from "../service/chat.ts";
import type { ChatPart } from "../service/chat_parts.ts";
import { type ResponseEvent, ResponseOutput } from "../service/response_output.ts";
import type { Route } from "../service/route.ts";

/** The route. */
export const responses: Route = {
  method: "POST",
  path: "/v1/responses",
  summary: "Answer a chat, as items",
  answers: ["application/json", "text/event-stream"],
  makesTexts: true,
  body: RESPONSE_REQUEST,
  async answer(call, service) {
    const body = await call.body(RESPONSE_REQUEST);
    const chat = startChat(responseChat(body), "input", call, service);
    const events = numbered(eventsOf(headOf(call.id, service.model, body), chat));
    if (body.stream) return call.stream(events, true);
    let last: ResponseEvent | undefined;
    for await (const event of events) last = event;
    return Response.json(last!.response);
  },
};

/** What all states of a response say. */
function headOf(id: string, model: string, body: ResponseRequest): object {
  return {
    id: `resp_${id}`,
    object: "response",
    created_at: Math.floor(Date.now() / 1000),
    model,
    error: null,
    instructions: body.instructions ?? null,
    max_output_tokens: body.max_output_tokens ?? null,
    metadata: body.metadata ?? {},
    parallel_tool_calls: body.parallel_tool_calls ?? true,
    previous_response_id: null,
    reasoning: { effort: null, summary: null },
    store: false,
    temperature: body.temperature ?? null,
    text: { format: body.text?.format ?? { type: "text" } },
    tool_choice: body.tool_choice ?? "auto",
    tools: body.tools ?? [],
    top_p: body.top_p ?? null,
    truncation: "disabled",
  };
}

/** The events of a response, the last of which has all of it. */
async function* eventsOf(
  head: object,
  { parts, texts }: Chat,
): AsyncGenerator<ResponseEvent, void> {
  const begun = {
    ...head,
    status: "in_progress",
    incomplete_details: null,
    output: [],
    usage: null,
  };
  yield { type: "response.created", response: begun };
  yield { type: "response.in_progress", response: begun };
  const output = new ResponseOutput();
  let end: ChatPart | undefined;
  for await (const part of parts) {
    if (part.text !== "") yield* output.say(part.text);
    for (const call of part.calls) yield* output.call(call);
    if (part.finish !== undefined) end = part;
  }
  const isWhole = end?.finish !== "length";
  const status = isWhole ? "completed" : "incomplete";
  yield* output.end(status);
  const { usage } = texts.usage;
  yield {
    type: `response.${status}`,
    response: {
      ...head,
      status,
      incomplete_details: isWhole ? null : { reason: "max_output_tokens" },
      output: output.items,
      usage: {
        input_tokens: usage.prompt_tokens,
        input_tokens_details: usage.prompt_tokens_details,
        output_tokens: usage.completion_tokens,
        output_tokens_details: { reasoning_tokens: 0 },
        total_tokens: usage.total_tokens,
        speculation: usage.speculation,
      },
      ...(end?.seed !== undefined && { seed: end.seed }),
    },
  };
}

/** The same, each with its number. */
async function* numbered(
  events: AsyncIterable<ResponseEvent>,
): AsyncGenerator<ResponseEvent, void> {
  let sequence_number = 0;
  for await (const event of events) yield { ...event, sequence_number: sequence_number++ };
}
