/**
 * What the hub says when it does not give something, in words that say what to do.
 *
 * @module
 */
import { HubAccessError, HubNotFoundError, HubUnreachableError } from "../../base/errors.ts";
import { HUB } from "./endpoint.ts";
import type { Token } from "./token.ts";

/** What was asked for. */
export interface Subject {
  /** `ORG/NAME`. */
  readonly repository: string;
  /** The branch, tag or commit. */
  readonly revision: string;
  /** The file, where it was one. */
  readonly file?: string;
}

/** Who was asked, and by whom. */
export interface Asked {
  /** The address of the hub. */
  readonly endpoint: string;
  /** The token that was sent. */
  readonly token?: Token;
}

const TOKENS = `${HUB}/settings/tokens`;

/** What a subject is called in messages. */
export function named({ repository, revision }: Subject): string {
  return revision === "main" ? repository : `${repository}@${revision}`;
}

/** The error that an answer with a status from 400 stands for; `said` is the server's own message. */
export function refusal(
  subject: Subject,
  { endpoint, token }: Asked,
  status: number,
  headers: Headers,
  said: string,
): Error {
  const { repository, revision, file } = subject;
  const name = named(subject);
  const page = `${endpoint}/${repository}`;
  const host = new URL(endpoint).host;
  const code = headers.get("x-error-code");
  if (code === "GatedRepo") return new HubAccessError(name, gated(page, token));
  if (code === "RevisionNotFound") {
    const reason =
      `the repository has no revision "${revision}", expected a branch, a tag or a commit`;
    return new HubNotFoundError(name, reason);
  }
  if (code === "EntryNotFound") {
    return new HubNotFoundError(name, `the revision has no file "${file ?? ""}"`);
  }
  if (
    status === 401 && token !== undefined && /invalid (credentials|user|token)|expired/i.test(said)
  ) {
    const reason = `${host} does not take the token of ${token.from}; make one at ${TOKENS}`;
    return new HubAccessError(name, reason);
  }
  if (code === "RepoNotFound" || status === 404 || status === 401) {
    const who = token === undefined
      ? `if it is private, set HF_TOKEN to a token that may read it (${TOKENS})`
      : `if it is private, the token of ${token.from} has no right to read it`;
    const reason = `${host} has no such repository (${page}); ${who}`;
    return new HubNotFoundError(name, reason);
  }
  if (status === 403) {
    const who = token === undefined
      ? `no token was sent; set HF_TOKEN to one that may read it (${TOKENS})`
      : `the token of ${token.from} has no right to read it (${TOKENS})`;
    return new HubAccessError(name, `access is denied${quote(said)}; ${who}`);
  }
  return new HubUnreachableError(name, host, `it answers with status ${status}${quote(said)}`);
}

function gated(page: string, token: Token | undefined): string {
  const why = "its owner gives it only to those who have accepted its conditions";
  return token === undefined
    ? `${why}: do so at ${page}, make a token at ${TOKENS} and set HF_TOKEN to it; none was sent`
    : `${why}, and the owner of the token of ${token.from} is not one of them, or the token may not ` +
      `read gated repositories: accept them at ${page}, wait where an answer is needed, and look at ` +
      `the token's rights at ${TOKENS}`;
}

function quote(said: string): string {
  return said === "" ? "" : ` ("${said}")`;
}

/** What a server says about an error, as one short line. */
export function saidBy(headers: Headers, body: string): string {
  let text = headers.get("x-error-message") ?? "";
  if (text === "" && headers.get("content-type")?.startsWith("application/json")) {
    try {
      const { error, message } = Object(JSON.parse(body));
      text = [error, message].find((one) => typeof one === "string") ?? "";
    } catch {
      // It says nothing that can be read.
    }
  }
  // deno-lint-ignore no-control-regex
  const line = text.replaceAll(/[\x00-\x20\x7f-\x9f]+/g, " ").trim();
  return line.length > 200 ? `${line.slice(0, 197)}...` : line;
}
