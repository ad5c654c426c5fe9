/**
 * What has been said in a chat.
 *
 * @module
 */
import { ArgumentError } from "../../../base/errors.ts";
import type { Message } from "../../../engine/mod.ts";

/** What was asked, and the answer. */
export interface Turn {
  /** The user's message. */
  readonly user: string;
  /** The model's, which may have been cut. */
  readonly assistant: string;
}

/** Turns behind a system's message. */
export class Conversation {
  /** The system's message; undefined where there is none. */
  system?: string;
  /** What was asked last and has no answer: it was stopped before it had one, or had no room. */
  unanswered?: string;
  #turns: Turn[] = [];

  /** All turns, the oldest first. */
  get turns(): readonly Turn[] {
    return this.#turns;
  }

  /** Everything as messages; `asked` behind it. */
  messages(asked?: string): Message[] {
    return [
      ...(this.system === undefined ? [] : [{ role: "system", content: this.system }]),
      ...this.#turns.flatMap(({ user, assistant }) => [
        { role: "user", content: user },
        { role: "assistant", content: assistant },
      ]),
      ...(asked === undefined ? [] : [{ role: "user", content: asked }]),
    ];
  }

  /** Adds a turn. */
  add(turn: Turn): void {
    this.#turns.push(turn);
    this.unanswered = undefined;
  }

  /** Takes the last turn out; undefined where there is none. */
  takeLast(): Turn | undefined {
    return this.#turns.pop();
  }

  /** Forgets the oldest turns, whole ones; gives how many there were to forget. */
  dropOldest(count: number): number {
    return this.#turns.splice(0, count).length;
  }

  /** Forgets all turns. */
  clear(): void {
    this.#turns = [];
    this.unanswered = undefined;
  }

  /**
   * Becomes what `messages` say: a system's message or none, then a user's and a model's in turn; a user's at the end has no
   * answer yet. Throws an `ArgumentError` for anything else, and stays as it is.
   */
  become(messages: readonly unknown[]): void {
    const parts = messages.map((message, at) => partOf(message, at));
    const system = parts[0]?.role === "system" ? parts.shift()!.content : undefined;
    const before = messages.length - parts.length;
    for (const [at, { role }] of parts.entries()) {
      const expected = at % 2 === 0 ? "user" : "assistant";
      if (role !== expected) refuse(before + at, `role ${role}`, expected);
    }
    const unanswered = parts.length % 2 === 1 ? parts.pop()!.content : undefined;
    this.#turns = Array.from({ length: parts.length / 2 }, (_, i) => ({
      user: parts[2 * i].content,
      assistant: parts[2 * i + 1].content,
    }));
    this.system = system;
    this.unanswered = unanswered;
  }
}

interface Part {
  readonly role: string;
  readonly content: string;
}

function partOf(message: unknown, at: number): Part {
  const { role, content } = typeof message === "object" && message !== null
    ? message as Record<string, unknown>
    : {};
  if (typeof role !== "string") refuse(at, "no role", "system, user or assistant");
  if (typeof content !== "string") refuse(at, "no text as its content", "text");
  return { role, content } as Part;
}

function refuse(at: number, found: string, expected: string): never {
  throw new ArgumentError(
    "messages",
    `Cannot take the chat: message ${at} has ${found}, expected ${expected}`,
  );
}
