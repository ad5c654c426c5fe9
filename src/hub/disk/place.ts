/**
 * The directory that a repository is fetched to.
 *
 * @module
 */
import { ArgumentError } from "../../base/errors.ts";
import type { PullRecord } from "../../base/pull_record.ts";
import { onFile } from "../../base/system_error.ts";
import { isPartName } from "./part_file.ts";
import { infoOf } from "./present.ts";

/** An ArgumentError where `dir` is no place for `repository`: a file, or another repository's directory. */
export function checkPlace(dir: string, repository: string, record: PullRecord | undefined): void {
  const info = infoOf(dir);
  if (info !== undefined && !info.isDirectory) {
    throw new ArgumentError("to", `Cannot write to ${dir}: it is a file, expected a directory`);
  }
  if (record === undefined || record.repository === repository) return;
  throw new ArgumentError(
    "to",
    `Cannot write to ${dir}: it holds ${record.repository}, expected an absent or empty directory, or ` +
      `one of ${repository}`,
  );
}

/** The nearest directory that there is: `dir`, or what it will be in. */
export function nearestDirectory(dir: string): string {
  if (infoOf(dir)?.isDirectory) return dir;
  const slash = dir.replace(/\/+$/, "").lastIndexOf("/");
  return slash < 0 ? "." : slash === 0 ? "/" : nearestDirectory(dir.slice(0, slash));
}

/** Makes `dir`, and keeps other processes out of it until what is returned is closed. */
export function claimDirectory(dir: string): Deno.FsFile {
  onFile("write", dir, () => Deno.mkdirSync(dir, { recursive: true }));
  const lock = onFile("write", dir, () => Deno.openSync(dir));
  if (lock.tryLockSync(true)) return lock;
  lock.close();
  throw new ArgumentError("to", `Cannot write to ${dir}: another process is fetching to it`);
}

/** Removes files of `dir`, those that are gone already aside. */
export function removeFiles(dir: string, paths: readonly string[]): void {
  for (const path of paths) {
    onFile("write", `${dir}/${path}`, () => {
      try {
        Deno.removeSync(`${dir}/${path}`);
      } catch (error) {
        if (!(error instanceof Deno.errors.NotFound)) throw error;
      }
    });
  }
}

/** Unfinished files in `dir`, and in the folders `folders` of it. */
export function partsIn(dir: string, folders: ReadonlySet<string>): string[] {
  return ["", ...folders].flatMap((folder) => {
    const path = folder === "" ? dir : `${dir}/${folder}`;
    if (!infoOf(path)?.isDirectory) return [];
    const names = onFile("read", path, () => [...Deno.readDirSync(path)]);
    return names.filter(({ name, isFile }) => isFile && isPartName(name))
      .map(({ name }) => folder === "" ? name : `${folder}/${name}`);
  });
}
