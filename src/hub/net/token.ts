/**
 * The token that says to the hub who asks.
 *
 * @module
 */
import { environmentVariable } from "../../base/environment.ts";
import { ArgumentError } from "../../base/errors.ts";
import { fileError } from "../../base/system_error.ts";

/** A token. It is printed nowhere. */
export interface Token {
  /** The token itself. */
  readonly secret: string;
  /** Where it was found, for messages: a variable or a file. */
  readonly from: string;
}

/**
 * The token that is given, or in `HF_TOKEN`, or in the file that other programs for the hub keep it in
 * (`HF_TOKEN_PATH`, else `token` in `HF_HOME`, else in `huggingface` of the user's cache); undefined where there is
 * none, and where the file may not be read.
 *
 * @throws {ArgumentError} it cannot be a token
 * @throws {FileError} the file cannot be read
 */
export function tokenOf(given: string | undefined): Token | undefined {
  if (given !== undefined) return checked({ secret: given, from: "token" });
  const set = environmentVariable("HF_TOKEN")?.trim();
  if (set !== undefined && set !== "") return checked({ secret: set, from: "HF_TOKEN" });
  const file = tokenFile();
  const secret = file === undefined ? undefined : readSecret(file);
  return secret === undefined ? undefined : checked({ secret, from: file! });
}

function tokenFile(): string | undefined {
  const file = environmentVariable("HF_TOKEN_PATH");
  if (file) return file;
  const home = environmentVariable("HF_HOME");
  if (home) return `${home}/token`;
  const cache = environmentVariable("XDG_CACHE_HOME");
  if (cache) return `${cache}/huggingface/token`;
  const user = environmentVariable("HOME");
  return user ? `${user}/.cache/huggingface/token` : undefined;
}

function readSecret(path: string): string | undefined {
  // A token that nobody may read is none; nobody is asked.
  if (Deno.permissions.querySync({ name: "read", path }).state !== "granted") return undefined;
  try {
    const text = Deno.readTextFileSync(path).trim();
    return text === "" ? undefined : text;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw fileError("read", path, error);
  }
}

/** A line break in a header would end it. */
function checked(token: Token): Token {
  if (/^[!-~]+$/.test(token.secret)) return token;
  throw new ArgumentError(
    "token",
    `Cannot ask the hub: the token of ${token.from} has spaces or other signs in it that no token has`,
  );
}
