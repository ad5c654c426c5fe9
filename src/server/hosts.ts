/**
 * Names under which a server on this machine alone may be asked for.
 *
 * @module
 */
import { ApiError } from "./wire/api_error.ts";

const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|\[?::1\]?)$/i;

/** Whether only this machine reaches `hostname`. */
export function isLoopback(hostname: string): boolean {
  return LOOPBACK.test(hostname);
}

/**
 * Refuses a request by another name: a page in a browser can have a name of its own lead to this machine, and would be let
 * in as nobody else is.
 *
 * @throws {ApiError} 403
 */
export function checkHost(host: string | null): void {
  const name = (host ?? "").replace(/:\d+$/, "");
  if (isLoopback(name)) return;
  throw new ApiError(
    403,
    "invalid_request_error",
    `Cannot let this request in: Host is "${
      name.slice(0, 100)
    }", expected localhost or 127.0.0.1; ` +
      "a server with keys may have any name",
    { code: "host_not_allowed" },
  );
}
