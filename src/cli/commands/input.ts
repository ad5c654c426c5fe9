/**
 * Texts that a command is given: on its command line, in a file, or on standard input.
 *
 * @module
 */
import { SpecMQuantError } from "../../base/errors.ts";
import { onFile } from "../../base/system_error.ts";
import type { Input } from "../terminal/io.ts";
import { UsageError } from "../options/usage_error.ts";

/** The text of a UTF-8 file. Code `"file"` where it cannot be read or is not UTF-8. */
export function readTextFile(path: string): string {
  return decode(path, onFile("read", path, () => Deno.readFileSync(path)));
}

/** All of standard input as text. Code `"file"` where it is not UTF-8. */
export async function readInput(input: Input): Promise<string> {
  return decode("standard input", await input.readAll());
}

/** Editors and `echo` end a file with a newline that is no part of a prompt. */
export function withoutLastNewline(text: string): string {
  return text.replace(/\r?\n$/, "");
}

/** A UsageError where `text`, which came from `source`, is empty. */
export function refuseEmpty(text: string, source: string): string {
  if (text !== "") return text;
  throw new UsageError(`Cannot use ${source}: it is empty, expected text`);
}

function decode(source: string, bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new SpecMQuantError("file", `Cannot read ${source}: its bytes are not UTF-8`, { cause });
  }
}
