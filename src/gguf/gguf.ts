/**
 * GGUF files: one, or the parts that a model was split into.
 *
 * @module
 */
import { CheckpointError } from "../base/errors.ts";
import { pathOf } from "../base/options.ts";
import { attempt, type ByteReader, type FilePlace, openReader } from "../base/reader.ts";
import { type GgufHeader, type GgufTensor, hasMagic, readHeader } from "./header.ts";
import { checkParts, partPaths } from "./split.ts";
import type { GgufValue } from "./values.ts";

/** An open GGUF model. Disposing it closes its files. */
export interface GgufFile extends Disposable {
  /** The file, as given; of a split model the first. */
  readonly file: string;
  /** All its files, in order. */
  readonly files: readonly string[];
  /** Version of the format, 2 or 3. */
  readonly version: number;
  /** The metadata; of a split model the first part's. {@linkcode Metadata} reads it by type. */
  readonly metadata: ReadonlyMap<string, GgufValue>;
  /** The tensors of all parts, by name. */
  readonly tensors: ReadonlyMap<string, GgufTensor>;
  /** Fills `into` with bytes of a tensor's data from `offset` on; the range lies within it. */
  readInto(tensor: GgufTensor, offset: number, into: Uint8Array): void;
  /** Where its file has a tensor's data. */
  place(tensor: GgufTensor): FilePlace | undefined;
}

/** Whether a regular file of this path begins as GGUF does, whatever it is called. */
export function isGguf(path: string | URL): boolean {
  const file = pathOf("look for GGUF", "path", path);
  const start = new Uint8Array(4);
  return attempt(file, () => {
    try {
      if (!Deno.statSync(file).isFile) return false;
      using handle = Deno.openSync(file);
      return handle.readSync(start) === start.length && hasMagic(start);
    } catch (error) {
      if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) {
        return false;
      }
      throw error;
    }
  });
}

/**
 * Reads the headers of the model in `path`, a file or the first of those that it was split into, and keeps the files
 * open. A CheckpointError for what is malformed or missing, an UnsupportedModelError for another version of GGUF.
 */
export function readGguf(path: string | URL): GgufFile {
  const file = pathOf("read GGUF", "path", path);
  const readers: ByteReader[] = [];
  const close = () => readers.forEach((reader) => reader[Symbol.dispose]());
  const open = (part: string): GgufHeader => {
    const reader = openReader(part);
    readers.push(reader);
    return readHeader(reader);
  };
  try {
    const first = open(file);
    const files = partPaths(file, first.metadata);
    const headers = [first, ...files.slice(1).map((part) => openPart(file, part, open))];
    const tensors = checkParts(files, headers);
    const byFile = new Map(readers.map((reader) => [reader.file, reader]));
    return {
      file,
      files,
      version: first.version,
      metadata: first.metadata,
      tensors,
      readInto(tensor, offset, into) {
        byFile.get(tensor.file)!.readInto(into, tensor.position + offset, tensor.name);
      },
      place({ file, position }) {
        const { descriptor } = byFile.get(file)!;
        return descriptor === undefined ? undefined : { file, descriptor, position };
      },
      [Symbol.dispose]: close,
    };
  } catch (error) {
    close();
    throw error;
  }
}

/** A part that cannot be read is the first one's fault: it is the one that was asked for. */
function openPart(first: string, part: string, open: (part: string) => GgufHeader): GgufHeader {
  try {
    return open(part);
  } catch (cause) {
    if (!(cause instanceof CheckpointError)) throw cause;
    const reason = `its part ${part} is unusable. ${cause.message}`;
    throw new CheckpointError(first, reason, undefined, { cause });
  }
}
