/**
 * Sums of bytes, as repositories list them.
 *
 * @module
 */
import { createHash, type Hash } from "node:crypto";
import type { PulledFile } from "../../base/pull_record.ts";
import { fileError } from "../../base/system_error.ts";

/** Most bytes read at once. */
const PIECE = 2 ** 20;

/** The sum of the bytes of a file, which come piece by piece. */
export class Digest {
  readonly #kind: string;
  readonly #hash: Hash;

  /** Begins the sum that `file` is listed with; a git blob's begins with its length. */
  constructor({ sum, size }: PulledFile) {
    this.#kind = sum.split(":")[0];
    this.#hash = createHash(this.#kind === "git" ? "sha1" : "sha256");
    if (this.#kind === "git") this.#hash.update(`blob ${size}\0`);
  }

  /** Adds what comes next. */
  add(bytes: Uint8Array): void {
    this.#hash.update(bytes);
  }

  /** The sum, as in a {@link PulledFile}; nothing can be added then. */
  end(): string {
    return `${this.#kind}:${this.#hash.digest("hex")}`;
  }
}

/**
 * Adds what the file at `path` holds to `digest`, and returns how many bytes that is. Hears `signal`, and tells
 * `onBytes` of each piece.
 */
export async function digestFile(
  path: string,
  digest: Digest,
  signal: AbortSignal | undefined,
  onBytes: (count: number) => void = () => {},
): Promise<number> {
  try {
    using handle = await Deno.open(path);
    const buffer = new Uint8Array(PIECE);
    for (let total = 0;;) {
      signal?.throwIfAborted();
      const count = await handle.read(buffer);
      if (count === null) return total;
      digest.add(buffer.subarray(0, count));
      total += count;
      onBytes(count);
    }
  } catch (error) {
    signal?.throwIfAborted();
    throw fileError("read", path, error);
  }
}
