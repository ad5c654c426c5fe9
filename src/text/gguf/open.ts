/**
 * Opens GGUF files for what they say about text.
 *
 * @module
 */
import { isGguf, Metadata, readGguf } from "../../gguf/mod.ts";

/**
 * The metadata of the GGUF file `path`, of a split model the first part's; `undefined` for anything else, such as a
 * model directory.
 *
 * @throws {CheckpointError} the file cannot be read or is malformed
 */
export function ggufMetadata(path: string): Metadata | undefined {
  if (!isGguf(path)) return undefined;
  using file = readGguf(path);
  return new Metadata(file);
}
