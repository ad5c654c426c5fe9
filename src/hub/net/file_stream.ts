/**
 * The bytes of a file of a repository, from any place on.
 *
 * @module
 */
import { IntegrityError } from "../../base/errors.ts";
import type { PulledFile } from "../../base/pull_record.ts";
import { type Answer, pieces, Transient } from "./answer.ts";
import type { HubClient } from "./client.ts";
import { named, type Subject } from "./refusal.ts";

/** A file at a commit. */
export interface Located {
  /** The repository, with what it was asked for as. */
  readonly subject: Subject;
  /** The commit. */
  readonly commit: string;
  /** The file. */
  readonly file: PulledFile;
}

/**
 * The bytes of a file from `start` on, as they come from one connection. A server that gives the whole file all the
 * same is read past what is there already.
 *
 * @throws {Transient} the connection breaks, or ends early
 * @throws {IntegrityError} what is offered has another length or another sum than what is listed
 * @throws {SpecMQuantError} the hub refuses
 */
export async function* streamFile(
  client: HubClient,
  located: Located,
  start: number,
): AsyncGenerator<Uint8Array> {
  const answer = await askFor(client, located, `bytes=${start}-`, start > 0);
  const { size } = located.file;
  let at = answer.response.status === 206 ? start : 0;
  for await (const piece of pieces(answer, client.asking.patience.silence)) {
    const skip = Math.min(piece.length, Math.max(0, start - at));
    at += piece.length;
    if (at > size) throw otherLength(located, `more than ${size}`);
    if (skip < piece.length) yield piece.subarray(skip);
  }
  if (at < size) throw new Transient(`the connection ended after ${at} of ${size} bytes`);
}

/** Asks for the first byte of a file, to know whether it may be read. What it throws is as for a whole file. */
export async function probeFile(client: HubClient, located: Located): Promise<void> {
  const { subject, file } = located;
  await client.retrying({ ...subject, file: file.path }, client.asking.patience.tries, async () => {
    const { stop } = await askFor(client, located, "bytes=0-0", file.size > 0);
    stop.abort();
  });
}

async function askFor(
  client: HubClient,
  located: Located,
  range: string,
  isPart: boolean,
): Promise<Answer> {
  const { subject, commit, file } = located;
  const path = file.path.split("/").map(encodeURIComponent).join("/");
  const url = new URL(`${client.asking.endpoint}/${subject.repository}/resolve/${commit}/${path}`);
  const answer = await client.ask({ ...subject, file: file.path }, url, {
    // Lengths and ranges are those of the bytes that are sent.
    "accept-encoding": "identity",
    ...(isPart && { range }),
  });
  try {
    check(located, answer, isPart ? Number(/\d+/.exec(range)![0]) : 0);
  } catch (error) {
    answer.stop.abort();
    throw error;
  }
  return answer;
}

/** Refuses what cannot become the file, before it is read. */
function check(located: Located, { response: { status, headers }, linked }: Answer, start: number) {
  const { file } = located;
  if (status === 416) throw otherLength(located, `at most ${start}`);
  const length = headers.get("content-encoding") === null ? headers.get("content-length") : null;
  let total = linked.size ?? length;
  if (status === 206) {
    const [, from, whole] = /^bytes (\d+)-\d+\/(\d+)$/.exec(headers.get("content-range") ?? "") ??
      [];
    if (Number(from) !== start) {
      throw new Transient("it gives another part of the file than asked for");
    }
    total = whole;
  }
  if (total !== null && total !== undefined && Number(total) !== file.size) {
    throw otherLength(located, total);
  }
  const etag = (linked.etag ?? "").replace(/^(W\/)?"|"$/g, "");
  const [, sum] = file.sum.split(":");
  // Of the tags only those of this length are sums.
  if (etag.length === sum.length && /^[0-9a-f]+$/.test(etag) && etag !== sum) {
    throw otherSum(located, etag);
  }
}

function otherLength({ subject, file }: Located, found: string): IntegrityError {
  return new IntegrityError(
    named(subject),
    file.path,
    `${found} bytes are offered, expected ${file.size}, as it is listed with`,
  );
}

/** The error for bytes that add up to `found`. */
export function otherSum({ subject, file }: Located, found: string): IntegrityError {
  const [kind, sum] = file.sum.split(":");
  const name = kind === "git" ? "git's SHA-1" : "SHA-256";
  return new IntegrityError(
    named(subject),
    file.path,
    `its ${name} is ${found}, expected ${sum}, as it is listed with; nothing of it is kept`,
  );
}
