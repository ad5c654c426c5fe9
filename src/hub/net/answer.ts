/**
 * Answers of servers, and what goes wrong on the way.
 *
 * @module
 */
import { HubUnreachableError, SpecMQuantError } from "../../base/errors.ts";

/** What failed on the way, and may not fail again. */
export class Transient extends Error {
  /** Milliseconds that the server asks to wait. */
  readonly wait?: number;
  /** Whether asking again would not mend it. */
  readonly lasts: boolean;

  /** Makes one with a reason in words. */
  constructor(reason: string, { wait, lasts = false }: { wait?: number; lasts?: boolean } = {}) {
    super(reason);
    this.wait = wait;
    this.lasts = lasts;
  }
}

/** An answer whose body is still to be read. */
export interface Answer {
  /** The last server's answer. */
  readonly response: Response;
  /** The host that gave it. */
  readonly host: string;
  /** What the hub said of the file before it sent on to another host: length and sum. */
  readonly linked: { readonly size?: string; readonly etag?: string };
  /** Ends the connection. */
  readonly stop: AbortController;
}

/** Does `work` in less than `ms`, else aborts it; what goes wrong between hosts becomes a {@link Transient}. */
export async function within<T>(
  ms: number,
  stop: AbortController,
  work: () => Promise<T>,
): Promise<T> {
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    stop.abort();
  }, ms);
  try {
    return await work();
  } catch (error) {
    if (late) throw new Transient(`it has said nothing for ${ms / 1000} s`);
    if (error instanceof SpecMQuantError || error instanceof Transient) throw error;
    if (error instanceof Deno.errors.NotCapable) throw error;
    throw networkFault(error);
  } finally {
    clearTimeout(timer);
  }
}

/** What went wrong on the way, without the address: it may have a signature in it. */
function networkFault(error: unknown): Error {
  if (!(error instanceof Error)) return new Transient("the connection broke");
  const cause = error.cause instanceof Error ? error.cause : error;
  const words = cause.message.replaceAll(/\(?https?:\/\/[^\s)]*\)?:?/g, "").replace(
    / \(os error \d+\)/,
    "",
  );
  const [short = words] = /(?<=client error \(\w+\): ).*/.exec(words) ?? [];
  const reason = short.trim() === "" ? "the connection broke" : short.trim();
  // Certificates do not become good by asking again, nor ports that no browser uses.
  return new Transient(reason, { lasts: /certificate|are blocked/i.test(reason) });
}

/** The pieces of a body as they come. A {@link Transient} where the connection breaks, or nothing comes. */
export async function* pieces(
  { response, stop }: Answer,
  silence: number,
): AsyncGenerator<Uint8Array> {
  const reader = response.body?.getReader();
  if (reader === undefined) return;
  try {
    for (;;) {
      const { done, value } = await within(silence, stop, () => reader.read());
      if (done) return;
      yield value;
    }
  } finally {
    stop.abort();
    reader.releaseLock();
  }
}

/**
 * All bytes of a body of at most `most`; where it is longer, the first of them, or an error where they are not enough.
 * A {@link Transient} where the connection breaks.
 */
export async function readAll(
  answer: Answer,
  silence: number,
  most: number,
  cut: boolean,
): Promise<Uint8Array<ArrayBuffer>> {
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const part of pieces(answer, silence)) {
    parts.push(part);
    length += part.length;
    if (length <= most) continue;
    if (cut) break;
    const { host } = answer;
    throw new HubUnreachableError(
      "a list of files",
      host,
      `its answer has more than ${most} bytes`,
    );
  }
  const all = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
