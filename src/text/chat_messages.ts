/**
 * Conversations, as chat templates see them.
 *
 * @module
 */

import { ArgumentError } from "../base/errors.ts";
import { Dict } from "./template/values/dict.ts";
import { importValue, type TemplateValue } from "./template/values/import_value.ts";
import type { Value } from "./template/values/value.ts";

/**
 * One message of a conversation. Beside its role and content, all that it has reaches the template: `tool_calls`,
 * `tool_call_id`, `name`, `reasoning_content`, ...
 */
export interface ChatMessage {
  /** Who speaks, e.g. `"system"`, `"user"`, `"assistant"` or `"tool"`. */
  readonly role: string;
  /** What is said: text, or parts such as `{ type: "text", text: "..." }` where the template takes them. */
  readonly content?: TemplateValue;
  /** Whatever else the template knows. */
  readonly [key: string]: TemplateValue;
}

/** Names under which a message's reasoning is given, the one that templates read first. */
const REASONING = ["reasoning_content", "thinking", "reasoning"];

/** JavaScript's values as a template's; what is none is an error that names the argument. */
export function templateArgument(argument: string, value: TemplateValue): Value {
  try {
    return importValue(value);
  } catch (cause) {
    if (!(cause instanceof TypeError)) throw cause;
    throw new ArgumentError(
      argument,
      `Cannot render a chat: ${argument} has what templates cannot see: ${cause.message}`,
    );
  }
}

/** A list of objects, as a template sees it. */
export function templateObjects(argument: string, values: readonly TemplateValue[]): Dict[] {
  const list = Array.isArray(values) ? templateArgument(argument, values) as Value[] : undefined;
  if (list === undefined || !list.every((item): item is Dict => item instanceof Dict)) {
    throw new ArgumentError(
      argument,
      `Cannot render a chat: ${argument} is of type ${
        list ? "list" : typeof values
      }, expected a list of objects`,
    );
  }
  return list;
}

/**
 * Messages as a template sees them. As in transformers, keys without a value are left out, and reasoning is there
 * under the names that templates read.
 */
export function templateMessages(messages: readonly ChatMessage[]): Value[] {
  const dicts = templateObjects("messages", messages);
  if (dicts.length === 0) {
    throw new ArgumentError(
      "messages",
      "Cannot render a chat: messages is empty, expected 1 or more",
    );
  }
  return dicts.map((message) => {
    const kept = message.pairs().filter(([, value]) => value !== null);
    const given = new Dict(kept);
    const name = REASONING.find((name) => given.has(name));
    if (name === undefined) return given;
    const reasoning = given.get(name)!;
    return new Dict([["thinking", reasoning], ...kept, ["reasoning_content", reasoning]]);
  });
}
