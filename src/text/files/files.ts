/**
 * Reads the small text files beside a checkpoint.
 *
 * @module
 */

import { CheckpointError } from "../../base/errors.ts";
import { lfsPointer } from "../../base/lfs.ts";

/** The keys and values of a JSON file. */
export type JsonObject = Readonly<Record<string, unknown>>;

/** The path of `name` in the directory `dir`. */
export function inDirectory(dir: string, name: string): string {
  return dir.endsWith("/") ? dir + name : `${dir}/${name}`;
}

/** Whether there is a file of this path, and no folder. */
export function isFile(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) {
      return false;
    }
    throw error;
  }
}

/**
 * The text of a UTF-8 file, or `undefined` where there is no such file. A byte order mark is left out, but for
 * `keepMark`, where it is text like any other.
 *
 * @throws {CheckpointError} the file cannot be read or is not UTF-8
 */
export function readText(path: string, { keepMark = false } = {}): string | undefined {
  let bytes: Uint8Array;
  try {
    bytes = Deno.readFileSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw new CheckpointError(path, (error as Error).message, undefined, { cause: error });
  }
  const pointer = lfsPointer(bytes);
  if (pointer !== undefined) throw new CheckpointError(path, pointer);
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: keepMark }).decode(bytes);
  } catch (error) {
    throw new CheckpointError(path, "its bytes are not UTF-8", undefined, { cause: error });
  }
}

/**
 * The object in a JSON file, or `undefined` where there is no such file.
 *
 * @throws {CheckpointError} the file cannot be read, is not JSON, or holds something else
 */
export function readJsonObject(path: string): JsonObject | undefined {
  const text = readText(path);
  if (text === undefined) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new CheckpointError(path, (error as Error).message, undefined, { cause: error });
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    const found = value === null ? "null" : Array.isArray(value) ? "an array" : typeof value;
    throw new CheckpointError(path, `it holds ${found}, expected an object`);
  }
  return value as JsonObject;
}
