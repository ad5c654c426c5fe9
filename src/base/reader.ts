/**
 * Random access to the bytes of a file, or of memory where a test hands in a file's bytes.
 *
 * @module
 */
import { CheckpointError } from "./errors.ts";
import { LFS_START_BYTES, lfsPointer } from "./lfs.ts";

/** Bytes that can be read at any position. */
export interface ByteReader extends Disposable {
  /** The file, as messages name it. */
  readonly file: string;
  /** Length in bytes. */
  readonly size: number;
  /** Fills `into` from `position`; a CheckpointError (naming `tensor`) where the file is too short. */
  readInto(into: Uint8Array, position: number, tensor?: string): void;
}

/** `length` bytes from `position`, checked against the size before anything is allocated. */
export function readAt(
  reader: ByteReader,
  position: number,
  length: number,
): Uint8Array<ArrayBuffer> {
  if (!(position >= 0 && length >= 0 && position + length <= reader.size)) {
    throw new CheckpointError(
      reader.file,
      `bytes ${position} to ${position + length} lie outside the file of ${reader.size} bytes`,
    );
  }
  const bytes = new Uint8Array(length);
  reader.readInto(bytes, position);
  return bytes;
}

/** Opens a regular file for reading. A CheckpointError where it is missing, unreadable, no file, or only a pointer. */
export function openReader(file: string): ByteReader {
  const reader = openFile(file);
  try {
    refusePointer(reader);
  } catch (error) {
    reader[Symbol.dispose]();
    throw error;
  }
  return reader;
}

/** Pointers of Git LFS are below this size, in bytes. */
const POINTER_BYTES = 1024;

function refusePointer(reader: ByteReader): void {
  if (reader.size > POINTER_BYTES) return;
  const found = lfsPointer(readAt(reader, 0, Math.min(reader.size, LFS_START_BYTES)));
  if (found !== undefined) throw new CheckpointError(reader.file, found);
}

function openFile(file: string): ByteReader {
  const handle = attempt(file, () => Deno.openSync(file, { read: true }));
  let size: number;
  try {
    const stat = attempt(file, () => handle.statSync());
    if (!stat.isFile) throw new CheckpointError(file, "it is not a regular file");
    size = stat.size;
  } catch (error) {
    handle.close();
    throw error;
  }
  let open = true;
  return {
    file,
    size,
    readInto(into, position, tensor) {
      if (!open) throw new CheckpointError(file, "it is already closed", tensor);
      attempt(file, () => {
        handle.seekSync(position, Deno.SeekMode.Start);
        let filled = 0;
        while (filled < into.length) {
          const count = handle.readSync(into.subarray(filled));
          if (count === null || count === 0) {
            throw new CheckpointError(
              file,
              `the file ends ${
                into.length - filled
              } bytes early (it may have changed since it was opened)`,
              tensor,
            );
          }
          filled += count;
        }
      });
    },
    [Symbol.dispose]() {
      if (open) handle.close();
      open = false;
    },
  };
}

/** Reads from bytes already in memory; `file` is only a name. */
export function memoryReader(bytes: Uint8Array, file: string): ByteReader {
  return {
    file,
    size: bytes.length,
    readInto(into, position, tensor) {
      if (!(position >= 0 && position + into.length <= bytes.length)) {
        throw new CheckpointError(file, `the file ends at byte ${bytes.length}`, tensor);
      }
      into.set(bytes.subarray(position, position + into.length));
    },
    [Symbol.dispose]() {},
  };
}

/** Runs `action`, turning a failure of the operating system into a CheckpointError about `file`. */
export function attempt<T>(file: string, action: () => T): T {
  try {
    return action();
  } catch (error) {
    if (error instanceof CheckpointError) throw error;
    const missing = error instanceof Deno.errors.NotFound;
    const reason = missing
      ? "it does not exist"
      : error instanceof Error
      ? error.message
      : `${error}`;
    throw new CheckpointError(file, reason, undefined, { cause: error });
  }
}
