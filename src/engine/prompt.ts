/**
 * What can be continued or scored: text, a chat, or token ids.
 *
 * @module
 */
import { ArgumentError } from "../base/errors.ts";
import { show } from "../base/options.ts";
import type { ChatMessage } from "../text/chat_template.ts";

/** One turn of a chat: who speaks, what is said, and what else the model's template knows. */
export type Message = ChatMessage;

/** Token ids: a list, or any typed array of integers. */
export type TokenIds =
  | readonly number[]
  | Int8Array
  | Uint8Array
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array
  | BigInt64Array
  | BigUint64Array;

/** A prompt: text, a chat, or token ids taken as they are. */
export type Prompt = string | readonly Message[] | TokenIds;

/** Whether a prompt is a chat: a list that begins with an object. */
export function isChat(prompt: Prompt): prompt is readonly Message[] {
  if (!Array.isArray(prompt)) return false;
  const [first] = prompt;
  return typeof first === "object" && first !== null && !Array.isArray(first);
}

/**
 * Throws the `ArgumentError` of a message without a role, or whose content is neither text nor a list of parts. Only
 * one that says something else, such as `tool_calls`, may go without content.
 */
export function checkChat(prompt: readonly Message[]): void {
  for (const [i, message] of prompt.entries()) {
    const refuse = (key: "role" | "content", expected: string): never => {
      throw new ArgumentError(
        "prompt",
        `Cannot format a chat: ${key} of message ${i} is ${
          show(message?.[key])
        }, expected ${expected}`,
      );
    };
    if (typeof message?.role !== "string") refuse("role", "text");
    const { role: _, content, ...more } = message;
    const absent = content === undefined || content === null;
    if (absent ? Object.keys(more).length > 0 : isContent(content)) continue;
    refuse("content", "text or a list of parts");
  }
}

function isContent(content: unknown): boolean {
  return typeof content === "string" ||
    (Array.isArray(content) && content.every((part) => typeof part === "object" && part !== null));
}

/** A text that is token ids or becomes them, and what is done with it, for messages. */
export interface TextUse {
  /** What is done, as in "Cannot generate". */
  readonly doing: string;
  /** What the text is called, as in "the prompt"; also the argument that it comes in. */
  readonly what: string;
  /** The argument that token ids come in. */
  readonly argument: string;
  /** What it may be, as in "expected text or token ids". */
  readonly expected: string;
}

/** What a generation continues. */
export const PROMPT: TextUse = {
  doing: "generate",
  what: "prompt",
  argument: "prompt",
  expected: "text or token ids",
};

/** What a score is of. */
export const SCORED: TextUse = {
  doing: "score",
  what: "text",
  argument: "tokens",
  expected: "token ids",
};

/**
 * The token ids in `value` as numbers. Throws an `ArgumentError` for what is no list or typed array of whole
 * numbers, for an id outside a vocabulary of `vocabSize`, and for none at all.
 */
export function tokenIds(value: unknown, vocabSize: number, use: TextUse): number[] {
  const { doing, what, argument } = use;
  const typed = ArrayBuffer.isView(value) && !(value instanceof DataView) &&
    !/^Float/.test(value.constructor.name);
  if (!typed && !Array.isArray(value)) {
    throw new ArgumentError(
      argument,
      `Cannot ${doing}: the ${what} is ${show(value)}, expected ${use.expected}`,
    );
  }
  const given = Array.from<unknown>(value as ArrayLike<unknown>);
  if (given.length === 0) {
    throw new ArgumentError(
      what,
      `Cannot ${doing}: the ${what} has no tokens, expected 1 or more`,
    );
  }
  return given.map((one) => {
    const id = typeof one === "bigint" ? Number(one) : one;
    if (Number.isInteger(id) && id as number >= 0 && id as number < vocabSize) return id as number;
    throw new ArgumentError(
      argument,
      `Cannot ${doing}: token ${show(one)} is in the ${what}, expected 0 to ${vocabSize - 1}`,
    );
  });
}
