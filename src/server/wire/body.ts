/**
 * The body of a request: JSON of a bounded size.
 *
 * @module
 */
import { ApiError } from "./api_error.ts";

/** Lists and objects inside one another: deeper ones are no request, and would exhaust the stack of what reads them. */
const MOST_DEPTH = 64;

/**
 * Reads the JSON of a request of at most `limit` bytes.
 *
 * @throws {ApiError} 415 it is not said to be JSON, 413 it is longer, 400 it is none; the reason of `signal` where it aborts
 */
export async function readJson(
  request: Request,
  limit: number,
  signal: AbortSignal,
): Promise<unknown> {
  const type = request.headers.get("content-type") ?? "";
  // Other types can be sent by any page in a browser without asking.
  if (!/^application\/json\s*(;|$)/i.test(type)) {
    throw new ApiError(
      415,
      "invalid_request_error",
      `Cannot read the body: Content-Type is "${type.slice(0, 60)}", expected application/json`,
      { code: "unsupported_media_type" },
    );
  }
  const bytes = await readBytes(request, limit, signal);
  const value = parse(bytes);
  if (isDeep(value)) throw notJson(`it nests deeper than ${MOST_DEPTH} levels`);
  return value;
}

function parse(bytes: Uint8Array): unknown {
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw notJson("its bytes are not UTF-8");
  }
  try {
    return JSON.parse(text);
  } catch {
    // The parser's own message has the begin of the body in it.
    throw notJson("it is no JSON");
  }
}

function notJson(found: string): ApiError {
  return new ApiError(
    400,
    "invalid_request_error",
    `Cannot read the body: ${found}, expected a JSON object`,
    { code: "invalid_json" },
  );
}

async function readBytes(
  request: Request,
  limit: number,
  signal: AbortSignal,
): Promise<Uint8Array> {
  const tooLong = () =>
    new ApiError(
      413,
      "invalid_request_error",
      `Cannot read the body: it has more bytes than allowed, expected at most ${limit}`,
      // What is left of it is not read.
      { code: "request_too_large", headers: { connection: "close" } },
    );
  // Said twice, it comes as "5, 5".
  if (parseInt(request.headers.get("content-length") ?? "0") > limit) throw tooLong();
  const chunks: Uint8Array[] = [];
  let length = 0;
  const reader = request.body?.getReader();
  if (reader === undefined) return new Uint8Array();
  const stop = () => void reader.cancel(signal.reason).catch(() => {});
  signal.addEventListener("abort", stop);
  try {
    for (;;) {
      const { done, value } = await reader.read().catch(() => {
        // The connection ended, or its pieces were not as HTTP has them.
        signal.throwIfAborted();
        throw notJson("it breaks off");
      });
      signal.throwIfAborted();
      if (done) break;
      length += value.length;
      if (length > limit) throw tooLong();
      chunks.push(value);
    }
  } catch (error) {
    // Nobody reads on.
    void reader.cancel(error).catch(() => {});
    throw error;
  } finally {
    signal.removeEventListener("abort", stop);
  }
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes;
}

/** Whether a value nests too deep; looked at without a stack of calls. */
function isDeep(value: unknown): boolean {
  let level = [value];
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > MOST_DEPTH) return true;
    level = level.filter((one) => typeof one === "object" && one !== null)
      .flatMap((one) => Object.values(one as object));
  }
  return false;
}
