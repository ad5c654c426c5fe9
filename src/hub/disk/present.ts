/**
 * What of a choice is in a directory already.
 *
 * @module
 */
import { ArgumentError, IntegrityError } from "../../base/errors.ts";
import type { PulledFile, PullRecord } from "../../base/pull_record.ts";
import { onFile } from "../../base/system_error.ts";
import { Digest, digestFile } from "./digest.ts";

/** Files of a directory that have been looked into, so that it is done once. */
export type Checked = Set<string>;

/** How files are looked at. */
export interface Looking {
  /** What the directory says of itself. */
  readonly record: PullRecord | undefined;
  /** Whether to add up the bytes of all files. */
  readonly verify: boolean;
  /** Files that have been added up. */
  readonly checked: Checked;
  /** Ends the looking. */
  readonly signal?: AbortSignal;
  /** Hears how many bytes of the file are added up. */
  readonly onChecked?: (done: number) => void;
}

/**
 * Whether `file` is in `dir`, whole; false where it is not there, or is the one of another commit. What `pull` has
 * fetched counts by its length, anything else by its sum.
 *
 * @throws {ArgumentError} something else has the file's name: nobody's work is replaced
 * @throws {IntegrityError} what was fetched has been changed since
 */
export async function isPresent(dir: string, file: PulledFile, looking: Looking): Promise<boolean> {
  const { record, verify, checked, signal, onChecked = () => {} } = looking;
  const path = `${dir}/${file.path}`;
  const info = infoOf(path);
  if (info === undefined) return false;
  const ours = record?.files.find((one) => one.path === file.path);
  if (!info.isFile) refuse(dir, path, "it is there and no file");
  if (ours !== undefined && info.size !== ours.size) {
    changed(
      record!,
      file,
      `it has ${info.size} bytes, and had ${ours.size} when it was fetched`,
      path,
    );
  }
  if (ours !== undefined && ours.sum !== file.sum) return false;
  if (ours === undefined && info.size !== file.size) {
    refuse(dir, path, `it is there with ${info.size} bytes, and has ${file.size} on the hub`);
  }
  if (checked.has(file.path) || (ours !== undefined && !verify)) return true;
  const digest = new Digest(file);
  let done = 0;
  await digestFile(path, digest, signal, (count) => onChecked(done += count));
  const sum = digest.end();
  if (sum === file.sum) {
    checked.add(file.path);
    return true;
  }
  if (ours === undefined) refuse(dir, path, `it is there, and has the sum ${sum}, not ${file.sum}`);
  return changed(
    record!,
    file,
    `it adds up to ${sum}, and did to ${ours.sum} when it was fetched`,
    path,
  );
}

/** What is known of what is at `path`; undefined where there is nothing. */
export function infoOf(path: string): Deno.FileInfo | undefined {
  return onFile("read", path, () => {
    try {
      return Deno.statSync(path);
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return undefined;
      throw error;
    }
  });
}

function refuse(dir: string, path: string, why: string): never {
  throw new ArgumentError(
    "to",
    `Cannot write ${path}: ${why}; move it away, or give another directory than ${dir}`,
  );
}

function changed(record: PullRecord, file: PulledFile, why: string, path: string): never {
  const reason = `${why}; remove ${path} to have it fetched again`;
  throw new IntegrityError(record.repository, file.path, reason);
}
