/**
 * A response as it comes: its events, each with its number.
 *
 * @module
 */
import { responseLogprobs } from "../answers/response_logprobs.ts";
import type { TokenTexts } from "../answers/token_texts.ts";
import type { ApiError } from "../wire/api_error.ts";
import type { Chat } from "./chat.ts";
import type { ChatPart } from "./chat_parts.ts";
import { type ResponseEvent, ResponseOutput } from "./response_output.ts";

/** The events of one response. */
export class ResponseEvents {
  readonly #head: object;
  readonly #chat: Chat;
  readonly #texts: TokenTexts;
  readonly #output = new ResponseOutput();
  #count = 0;

  /** Of a response that begins as `head`, from what comes of `chat`; `texts` are those of single tokens. */
  constructor(head: object, chat: Chat, texts: TokenTexts) {
    this.#head = head;
    this.#chat = chat;
    this.#texts = texts;
  }

  /** The events, the last of which has all of the response. */
  async *all(): AsyncGenerator<ResponseEvent, void> {
    yield this.#numbered({ type: "response.created", response: this.#head });
    yield this.#numbered({ type: "response.in_progress", response: this.#head });
    const output = this.#output;
    let end: ChatPart | undefined;
    for await (const part of this.#chat.parts) {
      const logprobs = responseLogprobs(part.tokens, this.#texts);
      for (const event of output.say(part.text, logprobs)) yield this.#numbered(event);
      for (const call of part.calls) {
        for (const event of output.call(call)) yield this.#numbered(event);
      }
      if (part.finish !== undefined) end = part;
    }
    const isWhole = end?.finish !== "length";
    const status = isWhole ? "completed" : "incomplete";
    for (const event of output.end(status)) yield this.#numbered(event);
    yield this.#numbered({
      type: `response.${status}`,
      response: {
        ...this.#head,
        status,
        completed_at: isWhole ? Math.floor(Date.now() / 1000) : null,
        incomplete_details: isWhole ? null : { reason: "max_output_tokens" },
        output: output.items,
        usage: this.#usage,
        ...(end?.seed !== undefined && { seed: end.seed }),
      },
    });
  }

  /** The events of a response that cannot go on. */
  failed({ body: { error } }: ApiError): ResponseEvent[] {
    const { code, message } = error;
    const response = {
      ...this.#head,
      status: "failed",
      output: this.#output.items,
      error: { code, message },
    };
    return [
      this.#numbered({ type: "error", error }),
      this.#numbered({ type: "response.failed", response }),
    ];
  }

  get #usage(): object {
    const { usage } = this.#chat.texts.usage;
    return {
      input_tokens: usage.prompt_tokens,
      input_tokens_details: usage.prompt_tokens_details,
      output_tokens: usage.completion_tokens,
      output_tokens_details: { reasoning_tokens: 0 },
      total_tokens: usage.total_tokens,
      speculation: usage.speculation,
    };
  }

  #numbered({ type, ...more }: ResponseEvent): ResponseEvent {
    return { type, sequence_number: this.#count++, ...more };
  }
}
