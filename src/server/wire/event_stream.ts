/**
 * Answers that come piece by piece, as server-sent events.
 *
 * @module
 */
import { type ApiError, apiError } from "./api_error.ts";

/** The `Content-Type` of such answers. */
export const EVENT_STREAM = "text/event-stream; charset=utf-8";

const HEADERS = {
  "content-type": EVENT_STREAM,
  "cache-control": "no-cache",
  // Proxies that gather answers would make pieces late.
  "x-accel-buffering": "no",
};

/** Milliseconds that a client has to read what is left when its time is over. */
const GRACE = 1000;

/** What ends a stream, and hears how it ended. */
export interface StreamEnd {
  /** Aborts when there is no more time: who reads gets what is left, and an error; who does not is cut off after `grace`. */
  readonly signal: AbortSignal;
  /** Milliseconds until then; a second where absent. */
  readonly grace?: number;
  /** The client went away, or does not read on. */
  gone(): void;
  /** It has ended: by itself, with an error that the client was told of, or because the client went away. */
  ended(error?: unknown): void;
}

/** What a client is told of an error: the JSON of events. */
export type ToldError = (error: ApiError) => readonly unknown[];

/**
 * An answer with an event of JSON for each of `events`, and `[DONE]` behind the last. JSON with a `type` has it as the name of
 * its event.
 */
export function eventStream(
  events: AsyncIterable<unknown>,
  told: ToldError,
  end: StreamEnd,
): Response {
  const encoder = new TextEncoder();
  const iterator = events[Symbol.asyncIterator]();
  let over = false;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let cutOff: (() => void) | undefined;
  const wait = () => timer = setTimeout(() => cutOff?.(), end.grace ?? GRACE);
  const ended = (error?: unknown) => {
    if (over) return;
    over = true;
    clearTimeout(timer);
    end.signal.removeEventListener("abort", wait);
    end.ended(error);
  };
  end.signal.addEventListener("abort", wait);
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      cutOff = () => {
        controller.error(end.signal.reason);
        ended(end.signal.reason);
      };
    },
    async pull(controller) {
      const send = (text: string) => controller.enqueue(encoder.encode(text));
      try {
        const { done, value } = await iterator.next();
        if (over) return;
        if (!done) return send(eventOf(value));
        ended();
      } catch (error) {
        if (over) return;
        for (const event of told(apiError(error))) send(eventOf(event));
        ended(error);
      }
      send("data: [DONE]\n\n");
      controller.close();
    },
    async cancel() {
      end.gone();
      ended();
      await iterator.return?.();
    },
  });
  return new Response(body, { headers: HEADERS });
}

function eventOf(value: unknown): string {
  const { type } = value as { readonly type?: string };
  return `${type === undefined ? "" : `event: ${type}\n`}data: ${JSON.stringify(value)}\n\n`;
}
