/**
 * Answers that come piece by piece, as server-sent events.
 *
 * @module
 */
import { apiError } from "./api_error.ts";

const HEADERS = {
  "content-type": "text/event-stream; charset=utf-8",
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

/**
 * An answer with an event of JSON for each of `events`. Events with names have the `type` of their JSON as such; others end
 * with `[DONE]`.
 */
export function eventStream(
  events: AsyncIterable<unknown>,
  hasNames: boolean,
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
      const send = (data: string, name?: string) =>
        controller.enqueue(
          encoder.encode(`${name === undefined ? "" : `event: ${name}\n`}data: ${data}\n\n`),
        );
      try {
        const { done, value } = await iterator.next();
        if (over) return;
        if (!done) {
          const { type } = value as { readonly type?: string };
          return send(JSON.stringify(value), hasNames ? type : undefined);
        }
        if (!hasNames) send("[DONE]");
        ended();
      } catch (error) {
        if (over) return;
        send(JSON.stringify(apiError(error).body));
        ended(error);
      }
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
