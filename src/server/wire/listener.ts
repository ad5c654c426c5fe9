/**
 * Requests from a port, and answers to it. By `node:http` and not `Deno.serve`, which since Deno 2.8.3 does not see that a
 * client has gone while an answer is made, where the request did not come in one piece; see
 * `docs/adr/0051-clients-that-go-away.md`.
 *
 * @module
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { ApiError } from "./api_error.ts";
import { EVENT_STREAM } from "./event_stream.ts";

/** What answers a request of a client at `address`; the request's signal aborts when the client goes away. */
export type Answering = (request: Request, address: string) => Promise<Response>;

/** Milliseconds that a connection waits for its next request. */
const KEPT = 60_000;

/** Milliseconds for which the rest of a request is read that has been answered. */
const LINGERS = 1000;

const BROKEN = new ApiError(
  400,
  "invalid_request_error",
  "Cannot read this request: expected one of HTTP/1.1, with a method and headers of it",
);
const TOO_LONG = new ApiError(
  431,
  "invalid_request_error",
  "Cannot read this request: its path and headers are too long",
);
const UNKNOWN = new ApiError(
  405,
  "invalid_request_error",
  "Cannot answer this: expected a method and a path of /openapi.json",
  { code: "unknown_url" },
);

/** A port that is listened at. */
export class Listener {
  /** The address. */
  readonly hostname: string;
  /** The port. */
  readonly port: number;
  readonly #server: Server;
  readonly #answers: ReadonlySet<Promise<void>>;

  private constructor(server: Server, answers: ReadonlySet<Promise<void>>) {
    const { address, port } = server.address() as { address: string; port: number };
    this.hostname = address;
    this.port = port;
    this.#server = server;
    this.#answers = answers;
  }

  /** Listens at `port` of `hostname`, at a free one where it is 0; rejects with the system's error. */
  static async open(hostname: string, port: number, answering: Answering): Promise<Listener> {
    const answers = new Set<Promise<void>>();
    const answered = new WeakSet<Socket>();
    const server = createServer({ keepAliveTimeout: KEPT }, (incoming, outgoing) => {
      // A server that is about to end keeps no connection.
      if (!server.listening) outgoing.shouldKeepAlive = false;
      answered.add(incoming.socket);
      const answer = exchange(incoming, outgoing, answering).finally(() => {
        answers.delete(answer);
        answered.delete(incoming.socket);
      });
      answers.add(answer);
    });
    server.on("clientError", (error: NodeJS.ErrnoException, socket: Socket) => {
      // In the midst of an answer nothing else can be said.
      if (!socket.writable || answered.has(socket)) socket.destroy();
      else refuse(socket, error.code === "HPE_HEADER_OVERFLOW" ? TOO_LONG : BROKEN);
    });
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(port, hostname, resolve);
    });
    return new Listener(server, answers);
  }

  /** Takes no more connections, and waits until everything has been answered. */
  async close(): Promise<void> {
    this.#server.close();
    this.#server.closeIdleConnections();
    while (this.#answers.size > 0) await Promise.all(this.#answers);
    this.#server.closeAllConnections();
  }
}

/** Answers what was no request, and ends the connection. */
function refuse(socket: Socket, error: ApiError): void {
  const { status, headers, bytes } = plain(error);
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`).join("");
  // The words of a status say nothing that its number does not, and may be left out.
  socket.write(`HTTP/1.1 ${status} \r\n${lines}\r\n`);
  socket.end(bytes);
}

/** An error as the end of a connection. */
function plain({ status, body }: ApiError) {
  const bytes = new TextEncoder().encode(JSON.stringify(body));
  const headers = {
    "content-type": "application/json",
    "content-length": bytes.length,
    connection: "close",
  };
  return { status, headers, bytes };
}

/** Answers one request; never rejects. */
async function exchange(
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  answering: Answering,
): Promise<void> {
  const gone = new AbortController();
  // Before anybody else hears of it, so that who is gone is not told of a body that is cut off.
  incoming.on("error", () => gone.abort());
  incoming.once("close", () => incoming.complete || gone.abort());
  // That it closes says as much.
  outgoing.on("error", () => {});
  const closed = new Promise<void>((resolve) => {
    outgoing.once("close", () => {
      if (!outgoing.writableFinished) gone.abort();
      resolve();
    });
  });
  let request: Request | undefined;
  try {
    request = requestOf(incoming, gone.signal);
    const response = await answering(request, incoming.socket.remoteAddress ?? "");
    // What is left of a body is not waited for, however long it is.
    if (!incoming.complete) outgoing.shouldKeepAlive = false;
    const headers = Object.fromEntries(response.headers);
    if (headers["content-type"] === EVENT_STREAM) {
      outgoing.writeHead(response.status, headers);
      await send(response.body, outgoing, gone.signal);
    } else {
      const bytes = await response.bytes();
      outgoing.writeHead(response.status, { ...headers, "content-length": bytes.length });
      outgoing.write(bytes);
      await rest(incoming);
    }
    outgoing.end();
  } catch {
    // A method that fetch does not know.
    if (request === undefined) {
      const { status, headers, bytes } = plain(UNKNOWN);
      outgoing.writeHead(status, headers).end(bytes);
    } // The answer cannot be finished: that it is cut off says so.
    else outgoing.destroy();
  }
  await closed;
}

/** Reads what a client still sends, for a while: one that is cut off while it writes does not come to read the answer. */
async function rest(incoming: IncomingMessage): Promise<void> {
  if (incoming.complete || incoming.destroyed) return;
  incoming.removeAllListeners("data");
  await new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, LINGERS);
    incoming.once("close", () => {
      clearTimeout(timer);
      resolve();
    });
    incoming.resume();
  });
}

function requestOf(incoming: IncomingMessage, signal: AbortSignal): Request {
  const { method = "GET", url = "/", headers } = incoming;
  // Whatever name the server is asked for by: that is looked at elsewhere.
  const path = url.startsWith("/") || !URL.canParse(url) ? url : pathOf(new URL(url));
  const target = `http://localhost${path.startsWith("/") ? path : "/"}`;
  const given = new Headers();
  for (const [name, value] of Object.entries(headers)) {
    for (const one of [value ?? []].flat()) given.append(name, one);
  }
  const body = method === "GET" || method === "HEAD" ? null : bodyOf(incoming);
  return new Request(target, { method, headers: given, body, signal });
}

/** The path of a request that names its server, as those by a proxy do. */
function pathOf({ pathname, search }: URL): string {
  return pathname + search;
}

/** A body as it comes; who cancels it leaves the rest where it is, and the connection open for the answer. */
function bodyOf(incoming: IncomingMessage): ReadableStream<Uint8Array<ArrayBuffer>> {
  let isOver = false;
  return new ReadableStream({
    start(controller) {
      incoming.pause();
      incoming.on("data", (chunk: Uint8Array<ArrayBuffer>) => {
        if (isOver) return;
        controller.enqueue(chunk);
        incoming.pause();
      });
      const end = (finish: () => void) => () => {
        if (isOver) return;
        isOver = true;
        finish();
      };
      incoming.on("end", end(() => controller.close()));
      const cut = end(() => controller.error(new Error("The body was cut off")));
      incoming.on("error", cut);
      incoming.on("close", cut);
    },
    pull() {
      incoming.resume();
    },
    cancel() {
      isOver = true;
      incoming.pause();
    },
  });
}

async function send(
  body: Response["body"],
  outgoing: ServerResponse,
  gone: AbortSignal,
): Promise<void> {
  const reader = body?.getReader();
  const leave = () => void reader?.cancel(gone.reason).catch(() => {});
  if (gone.aborted) leave();
  gone.addEventListener("abort", leave);
  for (;;) {
    const { done, value } = await reader?.read() ?? { done: true };
    if (done) break;
    if (!outgoing.write(value)) await drained(outgoing);
  }
}

/** Waits until a client has read on, or is gone. */
function drained(outgoing: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const go = () => {
      outgoing.off("drain", go);
      outgoing.off("close", go);
      resolve();
    };
    outgoing.on("drain", go);
    outgoing.on("close", go);
    if (outgoing.destroyed) go();
  });
}
