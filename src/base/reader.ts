/**
 * Random access to the bytes of a file, or of memory where a test hands in a file's bytes.
 *
 * @module
 */
import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { CheckpointError } from "./errors.ts";
import { LFS_START_BYTES, lfsPointer } from "./lfs.ts";

/** A place in an open file, for who reads it by its descriptor. */
export interface FilePlace {
  /** The file, as messages name it. */
  readonly file: string;
  /** The descriptor, of this process; open until the reader that gave it is disposed. */
  readonly descriptor: number;
  /** The byte. */
  readonly position: number;
}

/** Bytes that can be read at any position. */
export interface ByteReader extends Disposable {
  /** The file, as messages name it. */
  readonly file: string;
  /** The descriptor of an open file; undefined for bytes in memory. A CheckpointError where it is closed. */
  readonly descriptor: number | undefined;
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
  // Not Deno's own: its files do not tell their descriptors.
  const handle = attempt(file, () => openSync(file, "r"));
  let size: number;
  try {
    const stat = attempt(file, () => fstatSync(handle));
    if (!stat.isFile()) throw new CheckpointError(file, "it is not a regular file");
    size = stat.size;
  } catch (error) {
    closeSync(handle);
    throw error;
  }
  let open = true;
  const expectOpen = (tensor?: string) => {
    if (!open) throw new CheckpointError(file, "it is already closed", tensor);
  };
  return {
    file,
    size,
    get descriptor() {
      expectOpen();
      return handle;
    },
    readInto(into, position, tensor) {
      expectOpen(tensor);
      attempt(file, () => {
        for (let filled = 0; filled < into.length;) {
          const left = into.length - filled;
          const count = readSync(handle, into, filled, left, position + filled);
          if (count === 0) {
            throw new CheckpointError(
              file,
              `the file ends ${left} bytes early (it may have changed since it was opened)`,
              tensor,
            );
          }
          filled += count;
        }
      });
    },
    [Symbol.dispose]() {
      if (open) closeSync(handle);
      open = false;
    },
  };
}

/** Reads from bytes already in memory; `file` is only a name. */
export function memoryReader(bytes: Uint8Array, file: string): ByteReader {
  return {
    file,
    size: bytes.length,
    descriptor: undefined,
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
    const missing = error instanceof Error && "code" in error && error.code === "ENOENT";
    const reason = missing
      ? "it does not exist"
      : error instanceof Error
      ? error.message
      : `${error}`;
    throw new CheckpointError(file, reason, undefined, { cause: error });
  }
}
