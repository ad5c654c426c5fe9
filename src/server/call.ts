/**
 * One request from its begin to the end of its answer.
 *
 * @module
 */
import { checked, type Schema } from "./schemas/check.ts";
import type { Call } from "./service/route.ts";
import { ApiError } from "./wire/api_error.ts";
import { readJson } from "./wire/body.ts";
import { eventStream, type ToldError } from "./wire/event_stream.ts";

/** What a request may take. */
export interface CallLimits {
  /** Most bytes of its body. */
  readonly bodyBytes: number;
  /** Most seconds until its answer has ended. */
  readonly seconds: number;
}

/** Hears how a call ended. */
export type CallEnd = (error: unknown, isStreamed: boolean) => void;

/** Status in the log of a client that went away. */
export const GONE = 499;

/** The reason of signals of clients that went away. */
const WENT_AWAY = new DOMException("The client went away", "AbortError");

/** See {@linkcode Call}. */
export class RequestCall implements Call {
  /** See {@linkcode Call}. */
  readonly id: string = crypto.randomUUID().replaceAll("-", "");
  /** See {@linkcode Call}; the address until it is known better. */
  client: string;
  /** See {@linkcode Call}. */
  readonly started: number = performance.now();
  /** See {@linkcode Call}. */
  readonly parameters: Readonly<Record<string, string>>;
  /** What has been noted. */
  readonly notes: Record<string, number> = {};
  /** Whether the answer goes on when the route has returned. */
  isStreamed = false;
  readonly #request: Request;
  readonly #limits: CallLimits;
  readonly #controller = new AbortController();
  readonly #timer: ReturnType<typeof setTimeout>;
  readonly #end: CallEnd;
  #ended = false;

  /** A call of `client`; `end` hears once that its answer has ended. */
  constructor(
    request: Request,
    client: string,
    parameters: Readonly<Record<string, string>>,
    limits: CallLimits,
    end: CallEnd,
  ) {
    this.#request = request;
    this.parameters = parameters;
    this.client = client;
    this.#limits = limits;
    this.#end = end;
    this.#timer = setTimeout(
      () => this.#controller.abort(outOfTime(limits)),
      limits.seconds * 1000,
    );
    if (request.signal.aborted) this.#leave();
    request.signal.addEventListener("abort", this.#leave);
  }

  /** See {@linkcode Call}. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Whether the client went away. */
  get isGone(): boolean {
    return this.signal.reason === WENT_AWAY;
  }

  /** See {@linkcode Call}. */
  async body<T>(schema: Schema<T>): Promise<T> {
    return checked(schema, await readJson(this.#request, this.#limits.bodyBytes, this.signal));
  }

  /** See {@linkcode Call}. */
  note(fields: Readonly<Record<string, number>>): void {
    Object.assign(this.notes, fields);
  }

  /** See {@linkcode Call}. */
  stream(
    events: AsyncIterable<unknown>,
    told: ToldError = ({ body }) => [body],
  ): Response {
    this.isStreamed = true;
    return eventStream(events, told, {
      signal: this.signal,
      gone: this.#leave,
      ended: (error) => this.end(error),
    });
  }

  /** Ends it. */
  end(error?: unknown): void {
    if (this.#ended) return;
    this.#ended = true;
    clearTimeout(this.#timer);
    this.#request.signal.removeEventListener("abort", this.#leave);
    this.#end(error, this.isStreamed);
  }

  readonly #leave = () => this.#controller.abort(WENT_AWAY);
}

function outOfTime({ seconds }: CallLimits): ApiError {
  return new ApiError(
    504,
    "server_error",
    `Cannot answer in time: ${seconds} s are over, with what waited before it`,
    // Clients that try again would only take longer.
    { code: "timeout", headers: { "x-should-retry": "false" } },
  );
}
