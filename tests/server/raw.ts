/**
 * Requests as bytes, for those that `fetch` would not send.
 *
 * @module
 */
import type { Mutation } from "./mutations.ts";

/** What came back; undefined where the connection was closed without an answer. */
export interface RawAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
}

/** Sends a request to the server at `url` on a connection of its own; fails where its answer takes longer than `seconds`. */
export async function send(
  url: string,
  mutation: Mutation,
  seconds: number,
): Promise<RawAnswer | undefined> {
  const { hostname, port } = new URL(url);
  using connection = await Deno.connect({ hostname, port: Number(port) });
  let isLate = false;
  const timer = setTimeout(() => {
    isLate = true;
    connection.close();
  }, seconds * 1000);
  try {
    await write(connection, bytesOf(mutation, hostname));
    if (mutation.sent !== undefined) return undefined;
    return await read(connection, mutation.method);
  } catch (error) {
    if (isLate) throw new Error(`no answer in ${seconds} s`, { cause: error });
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

function bytesOf({ method, path, headers, body, sent }: Mutation, host: string): Uint8Array {
  const names = new Set(headers.map(([name]) => name));
  const own: [string, string][] = [["host", host], ["connection", "close"]];
  if (body !== undefined) own.push(["content-length", `${body.length}`]);
  const all = [...own.filter(([name]) => !names.has(name)), ...headers];
  const lines = all.map(([name, value]) => `${name}: ${value}\r\n`).join("");
  const head = `${method} ${path} HTTP/1.1\r\n${lines}\r\n`;
  const start = Uint8Array.from(head, (letter) => letter.charCodeAt(0));
  const bytes = new Uint8Array(start.length + (body?.length ?? 0));
  bytes.set(start);
  bytes.set(body ?? [], start.length);
  return bytes.subarray(0, sent === undefined ? bytes.length : start.length + sent);
}

/** Writes as much as is taken: who refuses a request need not read all of it. */
async function write(connection: Deno.Conn, bytes: Uint8Array): Promise<void> {
  try {
    for (let at = 0; at < bytes.length;) at += await connection.write(bytes.subarray(at));
  } catch (error) {
    if (!isReset(error)) throw error;
  }
}

/** Reads to the end of an answer: a server that has not taken all of a request need not close the connection. */
async function read(connection: Deno.Conn, method: string): Promise<RawAnswer | undefined> {
  const buffer = new Uint8Array(65536);
  let bytes = new Uint8Array();
  try {
    for (let n; (n = await connection.read(buffer)) !== null;) {
      const longer = new Uint8Array(bytes.length + n);
      longer.set(bytes);
      longer.set(buffer.subarray(0, n), bytes.length);
      bytes = longer;
      const answer = parsed(bytes, method);
      if (answer !== undefined) return answer;
    }
  } catch (error) {
    if (!isReset(error)) throw error;
  }
  return undefined;
}

function isReset(error: unknown): boolean {
  return error instanceof Deno.errors.BrokenPipe || error instanceof Deno.errors.ConnectionReset;
}

/** The answer in `bytes`; undefined where there is more of it to come. */
function parsed(bytes: Uint8Array, method: string): RawAnswer | undefined {
  const letters = new TextDecoder("latin1").decode(bytes);
  for (let at = 0;;) {
    const end = letters.indexOf("\r\n\r\n", at);
    if (end < 0) return undefined;
    const [first, ...lines] = letters.slice(at, end).split("\r\n");
    const status = Number(/^HTTP\/1\.[01] (\d{3})/.exec(first)?.[1]);
    at = end + 4;
    // What is only said on the way.
    if (status < 200) continue;
    const headers = new Headers(lines.map((line): [string, string] => {
      const colon = line.indexOf(":");
      return [line.slice(0, colon), line.slice(colon + 1).trim()];
    }));
    const isEmpty = method === "HEAD" || status === 204 || status === 304;
    const length = isEmpty ? 0 : Number(headers.get("content-length") ?? 0);
    const body = !isEmpty && headers.get("transfer-encoding") === "chunked"
      ? chunksOf(letters, at, bytes)
      : bytes.length < at + length
      ? undefined
      : bytes.subarray(at, at + length);
    return body && { status, headers, text: new TextDecoder().decode(body) };
  }
}

/** A body that comes in chunks; undefined where there are more to come. */
function chunksOf(letters: string, from: number, bytes: Uint8Array): Uint8Array | undefined {
  const chunks: number[] = [];
  for (let at = from;;) {
    const end = letters.indexOf("\r\n", at);
    const length = parseInt(letters.slice(at, end), 16);
    const next = end + 2 + length + 2;
    if (end < 0 || next > bytes.length) return undefined;
    if (length === 0) return Uint8Array.from(chunks);
    for (const byte of bytes.subarray(end + 2, end + 2 + length)) chunks.push(byte);
    at = next;
  }
}
