/**
 * What a repository holds at a commit, as `@huggingface/hub` finds it.
 *
 * @module
 */
import { HubUnreachableError, IntegrityError, SpecMQuantError } from "../../base/errors.ts";
import type { PulledFile } from "../../base/pull_record.ts";
import { show } from "../../base/options.ts";
import type { HubClient } from "./client.ts";
import { named, type Subject } from "./refusal.ts";

/** A repository at a commit. */
export interface Listing {
  /** The commit, 40 hexadecimal digits. */
  readonly commit: string;
  /** Its files, in the order of their paths. */
  readonly files: readonly PulledFile[];
}

/** Most files of a repository. */
const MOST_FILES = 100_000;

/**
 * The files of a repository at the commit that its revision stands for now. A file has the SHA-256 that Git LFS or Xet
 * have for it, and a small one that git itself holds has its SHA-1 there.
 *
 * @throws {SpecMQuantError} there is no such repository or revision, it may not be read, or the hub cannot be reached
 */
export async function listRepository(client: HubClient, subject: Subject): Promise<Listing> {
  const { repository: name, revision } = subject;
  // Who never fetches need not load it.
  const { listFiles, modelInfo } = await import("@huggingface/hub");
  const about = { hubUrl: client.asking.endpoint, fetch: client.fetchFor(subject) };
  return await sensibly(client, subject, async () => {
    const { sha } = await modelInfo({ ...about, name, revision, additionalFields: ["sha"] });
    if (!/^[0-9a-f]{40}$/.test(sha)) {
      throw new IntegrityError(
        named(subject),
        "the commit",
        `it is ${show(sha)}, expected 40 digits`,
      );
    }
    const repo = { type: "model", name } as const;
    const files: PulledFile[] = [];
    const paths = new Set<string>();
    let entries = 0;
    for await (const entry of listFiles({ ...about, repo, revision: sha, recursive: true })) {
      if (++entries > MOST_FILES) {
        throw new IntegrityError(
          named(subject),
          "the list",
          `it has more than ${MOST_FILES} files`,
        );
      }
      if (entry.type === "directory") continue;
      const file = fileOf(subject, entry);
      if (paths.has(file.path)) {
        throw new IntegrityError(named(subject), show(file.path), "it is listed twice");
      }
      paths.add(file.path);
      files.push(file);
    }
    return { commit: sha, files: files.sort((a, b) => a.path < b.path ? -1 : 1) };
  });
}

/** What the library cannot make sense of becomes an error about the host. */
async function sensibly<T>(
  client: HubClient,
  subject: Subject,
  work: () => Promise<T>,
): Promise<T> {
  const { signal } = client.asking;
  try {
    return await work();
  } catch (error) {
    signal?.throwIfAborted();
    if (error instanceof SpecMQuantError || error instanceof Deno.errors.NotCapable) throw error;
    const words = error instanceof Error ? error.message : String(error);
    const reason = `its answer is not that of a hub (${words})`;
    throw new HubUnreachableError(named(subject), client.host, reason);
  }
}

function fileOf(subject: Subject, entry: unknown): PulledFile {
  const { type, path, size, oid, lfs } = Object(entry);
  const refuse = (why: string): never => {
    throw new IntegrityError(named(subject), show(path), why);
  };
  if (typeof path !== "string" || !isSafePath(path)) {
    return refuse("its name would lead out of the directory, or is none that a file can have");
  }
  if (type !== "file") return refuse(`it is ${show(type)}, expected a file`);
  const length = lfs?.size ?? size;
  if (!Number.isSafeInteger(length) || length < 0) {
    return refuse(`its length is ${show(length)}, expected a number of bytes`);
  }
  const [kind, sum, digits] = lfs ? ["sha256", lfs.oid, 64] : ["git", oid, 40];
  if (typeof sum !== "string" || !new RegExp(`^[0-9a-f]{${digits}}$`).test(sum)) {
    return refuse(`its sum is ${show(sum)}, expected ${digits} hexadecimal digits`);
  }
  return { path, size: length, sum: `${kind}:${sum}` };
}

/**
 * Whether a path stays in its directory and is a plain name there: no part of it is empty, `.` or `..`, none has a
 * backslash or a control character.
 */
function isSafePath(path: string): boolean {
  // deno-lint-ignore no-control-regex
  return path.length <= 1000 && !/[\\\x00-\x1f\x7f]/.test(path) &&
    path.split("/").every((part) =>
      part !== "" && part !== "." && part !== ".." && part.length <= 200
    );
}
