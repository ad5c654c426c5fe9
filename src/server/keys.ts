/**
 * Keys that clients show.
 *
 * @module
 */
import { createHash, timingSafeEqual } from "node:crypto";
import { ApiError } from "./wire/api_error.ts";

function digest(text: string): Uint8Array {
  return createHash("sha256").update(text).digest();
}

/** The keys of a server. Comparing takes as long for a wrong key as for a right one, whichever it is. */
export class Keys {
  readonly #digests: readonly Uint8Array[];

  /** The keys; without any, everybody is let in. */
  constructor(keys: readonly string[]) {
    this.#digests = keys.map(digest);
  }

  /** Whether there are any. */
  get areNeeded(): boolean {
    return this.#digests.length > 0;
  }

  /**
   * Which of the keys `authorization` shows, as a word of its own; undefined where none is needed.
   *
   * @throws {ApiError} 401 none, or another
   */
  check(authorization: string | null): string | undefined {
    if (!this.areNeeded) return undefined;
    const shown = digest(/^Bearer +(\S+) *$/i.exec(authorization ?? "")?.[1] ?? "");
    let found = -1;
    for (const [i, known] of this.#digests.entries()) if (timingSafeEqual(known, shown)) found = i;
    if (found >= 0) return `key ${found}`;
    throw new ApiError(
      401,
      "authentication_error",
      authorization === null
        ? "Cannot let this request in: it shows no key, expected one as Authorization: Bearer KEY"
        : "Cannot let this request in: the key that it shows is none of this server's",
      { code: "invalid_api_key", headers: { "www-authenticate": "Bearer" } },
    );
  }
}
