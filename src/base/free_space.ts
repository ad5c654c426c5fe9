/**
 * Whether a disk holds what will be written.
 *
 * @module
 */
import { statfsSync } from "node:fs";
import { FileError } from "./errors.ts";
import { megabytes } from "./megabytes.ts";
import { fileError } from "./system_error.ts";

/**
 * A FileError about `out` where the file system of `dir` has less than `bytes` left. A program that may not ask
 * (without `--allow-sys=statfs`), and a file system that does not say, are told when it is full.
 */
export function checkSpace(out: string, dir: string, bytes: number): void {
  const free = freeBytes(dir);
  if (free === undefined || bytes <= free) return;
  throw new FileError(
    "write",
    out,
    `about ${megabytes(bytes)} are needed, ${megabytes(free)} are free on its file system`,
  );
}

/** Bytes free on the file system of `dir`; undefined where nobody says. */
export function freeBytes(dir: string): number | undefined {
  try {
    const { blocks, bavail, bsize } = statfsSync(dir);
    return blocks === 0 ? undefined : bavail * bsize;
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable) return undefined;
    throw fileError("read", dir, error);
  }
}
