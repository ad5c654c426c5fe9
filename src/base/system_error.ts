/**
 * Errors of the operating system, in words.
 *
 * @module
 */
import { FileError } from "./errors.ts";

/** What the numbers of Linux say; what is not here is said in the system's own words. */
const REASONS: Readonly<Record<number, string>> = {
  1: "the system does not permit it",
  2: "there is no such file",
  5: "the device reports an input or output error",
  13: "permission is denied",
  16: "it is in use, as a mount point is",
  17: "it exists already",
  18: "it is on another file system",
  20: "a part of the path is a file, expected a directory",
  21: "it is a directory, expected a file",
  23: "the system has too many open files",
  24: "this process has too many open files (see ulimit -n)",
  26: "it is a program that is running",
  27: "it is larger than the file system or a limit allows (see ulimit -f)",
  28: "no space is left on the device",
  30: "the file system is read-only",
  36: "its name is too long",
  39: "the directory is not empty",
  40: "too many links lead to it",
  122: "the disk quota is used up",
};

/** How Deno ends the system's words, before what it was doing. */
const NUMBER = / \(os error (\d+)\)/;

/** "No such file", of a file that is written. */
const [ABSENT, NO_PARENT] = [2, "its directory does not exist"];

/** What is done to a file. */
export type FileVerb = "read" | "write";

/** What the operating system said is wrong; undefined for an error that is not its own. */
export function systemReason(error: unknown, verb: FileVerb = "read"): string | undefined {
  if (!(error instanceof Error)) return undefined;
  const found = NUMBER.exec(error.message);
  if (found !== null) {
    const number = Number(found[1]);
    if (number === ABSENT && verb === "write") return NO_PARENT;
    return REASONS[number] ?? error.message.slice(0, found.index);
  }
  // What Deno itself refuses, such as what it was not allowed.
  const own = Object.values(Deno.errors).some((kind) => error instanceof kind);
  return own ? error.message : undefined;
}

/** Does what reads or writes `file`; the operating system's errors become a FileError about it. */
export function onFile<T>(verb: FileVerb, file: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw fileError(verb, file, error);
  }
}

/** A FileError about `file` where `error` is the operating system's; else `error` itself. */
export function fileError(verb: FileVerb, file: string, error: unknown): unknown {
  const reason = systemReason(error, verb);
  return reason === undefined ? error : new FileError(verb, file, reason, { cause: error });
}
