/**
 * `POST /v1/responses`: answers to chats, as items. Nothing is stored.
 *
 * @module
 */
import { responseChat } from "../answers/response_chat.ts";
import { responseHead } from "../answers/response_head.ts";
import { RESPONSE_REQUEST } from "../schemas/responses.ts";
import { startChat } from "../service/chat.ts";
import { ResponseEvents } from "../service/response_events.ts";
import type { ResponseEvent } from "../service/response_output.ts";
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
    const { model, sampling, texts } = service;
    const chat = startChat(responseChat(body), "input", call, service);
    const events = new ResponseEvents(responseHead(call.id, model, body, sampling), chat, texts);
    if (body.stream) return call.stream(events.all(), (error) => events.failed(error));
    let last: ResponseEvent | undefined;
    for await (const event of events.all()) last = event;
    return Response.json(last!.response);
  },
};
