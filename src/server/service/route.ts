/**
 * What a route is.
 *
 * @module
 */
import type { Schema } from "../schemas/check.ts";
import type { ToldError } from "../wire/event_stream.ts";
import type { Service } from "./service.ts";

/** One request, as routes see it. */
export interface Call {
  /** Its id, which its answer and its line of the log have. */
  readonly id: string;
  /** Who asks: the same word for requests that take turns with one another. */
  readonly client: string;
  /** What stands in the places of its path that have a name. */
  readonly parameters: Readonly<Record<string, string>>;
  /** Aborts when the client goes away, and when its time is over. */
  readonly signal: AbortSignal;
  /** When it came, by `performance.now`. */
  readonly started: number;
  /** Its JSON, checked; throws an `ApiError` for what is wrong with it. */
  body<T>(schema: Schema<T>): Promise<T>;
  /** Adds counts to its line of the log; never words of a text. */
  note(fields: Readonly<Record<string, number>>): void;
  /** An answer with an event for each of `events`; an error is an event of its body, or what `told` makes of it. */
  stream(events: AsyncIterable<unknown>, told?: ToldError): Response;
}

/** One method of one path. */
export interface Route {
  /** The method. */
  readonly method: "GET" | "POST";
  /** The path; `:name` is a part that has a name, `:name{.+}` the rest of it. */
  readonly path: string;
  /** What it does, in a line. */
  readonly summary: string;
  /** What its answer is, by media type. */
  readonly answers: readonly string[];
  /** Whether it needs no key. */
  readonly isOpen?: boolean;
  /** Whether it makes texts, and is refused by a server that is about to end. */
  readonly makesTexts?: boolean;
  /** The body that it takes, where it takes one. */
  readonly body?: Schema<unknown>;
  /** Answers a request, or throws. */
  answer(call: Call, service: Service): Response | Promise<Response>;
}
