/**
 * The output of a response: what is said and what is called, as items with their events.
 *
 * @module
 */
import type { ResponseLogprobs } from "../answers/response_logprobs.ts";
import type { IdentifiedCall } from "./chat_parts.ts";

/** An event of a stream. */
export interface ResponseEvent {
  /** Its name. */
  readonly type: string;
  /** What else it says. */
  readonly [key: string]: unknown;
}

/** The items of one response, one after the other. */
export class ResponseOutput {
  /** The items that are finished. */
  readonly items: object[] = [];
  #open?: OpenItem;

  /** More is said; tokens without a text are of what is being said, or of no text at all. */
  *say(text: string, logprobs: ResponseLogprobs): Generator<ResponseEvent> {
    if (text === "" && logprobs.length === 0) return;
    if (!(this.#open instanceof MessageItem)) {
      if (text === "") return;
      yield* this.#begin(new MessageItem(this.#next));
    }
    yield this.#open!.add(text, logprobs);
  }

  /** More is called. */
  *call(call: IdentifiedCall): Generator<ResponseEvent> {
    if (call.name !== undefined) yield* this.#begin(new CallItem(this.#next, call));
    if (call.arguments !== "") yield this.#open!.add(call.arguments);
  }

  /** Nothing more comes; there is at least a message, which may be empty. */
  *end(status: "completed" | "incomplete"): Generator<ResponseEvent> {
    if (this.#open === undefined) yield* this.#begin(new MessageItem(0));
    yield* this.#close(status);
  }

  /** The index of the next item. */
  get #next(): number {
    return this.items.length + (this.#open === undefined ? 0 : 1);
  }

  *#begin(item: OpenItem): Generator<ResponseEvent> {
    yield* this.#close("completed");
    this.#open = item;
    yield* item.begin();
  }

  *#close(status: "completed" | "incomplete"): Generator<ResponseEvent> {
    if (this.#open === undefined) return;
    this.items.push(this.#open.item(status));
    yield* this.#open.close(status);
    this.#open = undefined;
  }
}

/** An item of the output that is not finished. */
interface OpenItem {
  /** Its first events. */
  begin(): Iterable<ResponseEvent>;
  /** The event of more text, with its tokens where it has any. */
  add(text: string, logprobs?: ResponseLogprobs): ResponseEvent;
  /** Its last events. */
  close(status: string): Iterable<ResponseEvent>;
  /** The item itself. */
  item(status: string): object;
}

/** What is said. */
class MessageItem implements OpenItem {
  readonly #index: number;
  readonly #id = `msg_${crypto.randomUUID().replaceAll("-", "")}`;
  #text = "";
  #logprobs: ResponseLogprobs = [];

  constructor(index: number) {
    this.#index = index;
  }

  get #part(): object {
    return { type: "output_text", text: this.#text, annotations: [], logprobs: this.#logprobs };
  }

  get #place() {
    return { item_id: this.#id, output_index: this.#index, content_index: 0 };
  }

  *begin(): Generator<ResponseEvent> {
    const item = { ...this.item("in_progress"), content: [] };
    yield { type: "response.output_item.added", output_index: this.#index, item };
    yield { type: "response.content_part.added", ...this.#place, part: this.#part };
  }

  add(text: string, logprobs: ResponseLogprobs = []): ResponseEvent {
    this.#text += text;
    this.#logprobs = [...this.#logprobs, ...logprobs];
    return { type: "response.output_text.delta", ...this.#place, delta: text, logprobs };
  }

  *close(status: string): Generator<ResponseEvent> {
    const all = { text: this.#text, logprobs: this.#logprobs };
    yield { type: "response.output_text.done", ...this.#place, ...all };
    yield { type: "response.content_part.done", ...this.#place, part: this.#part };
    const item = this.item(status);
    yield { type: "response.output_item.done", output_index: this.#index, item };
  }

  item(status: string): object {
    return { id: this.#id, type: "message", role: "assistant", status, content: [this.#part] };
  }
}

/** What is called. */
class CallItem implements OpenItem {
  readonly #index: number;
  readonly #id = `fc_${crypto.randomUUID().replaceAll("-", "")}`;
  readonly #call: Pick<IdentifiedCall, "id" | "name">;
  #arguments = "";

  constructor(index: number, call: IdentifiedCall) {
    this.#index = index;
    this.#call = call;
  }

  get #place() {
    return { item_id: this.#id, output_index: this.#index };
  }

  *begin(): Generator<ResponseEvent> {
    const item = this.item("in_progress");
    yield { type: "response.output_item.added", output_index: this.#index, item };
  }

  add(text: string): ResponseEvent {
    this.#arguments += text;
    return { type: "response.function_call_arguments.delta", ...this.#place, delta: text };
  }

  *close(status: string): Generator<ResponseEvent> {
    const { name } = this.#call;
    const all = { name, arguments: this.#arguments };
    yield { type: "response.function_call_arguments.done", ...this.#place, ...all };
    const item = this.item(status);
    yield { type: "response.output_item.done", output_index: this.#index, item };
  }

  item(status: string): object {
    const { id: call_id, name } = this.#call;
    const all = { call_id, name, arguments: this.#arguments };
    return { id: this.#id, type: "function_call", status, ...all };
  }
}
