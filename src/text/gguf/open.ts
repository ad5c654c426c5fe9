/**
 * Opens GGUF files for what they say about text.
 *
 * @module
 */
import { findGguf, Metadata, readGguf } from "../../gguf/mod.ts";
import { inDirectory, isFile } from "../files/files.ts";

/**
 * The metadata of the GGUF model at `path`, a file, the first of a split one, or a directory with one; `undefined`
 * where there is none. A `tokenizer.json` in that directory comes first: it says more.
 *
 * @throws {CheckpointError} the file cannot be read or is malformed
 */
export function ggufMetadata(path: string): Metadata | undefined {
  if (isFile(inDirectory(path, "tokenizer.json"))) return undefined;
  const file = findGguf(path);
  if (file === undefined) return undefined;
  using gguf = readGguf(file);
  return new Metadata(gguf);
}
