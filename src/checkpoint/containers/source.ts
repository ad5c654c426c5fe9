/**
 * Tensors of a checkpoint, by name, whatever file format holds them.
 *
 * @module
 */
import { type DType, DTYPE_BYTES } from "../../base/dtype.ts";
import { ArgumentError, CheckpointError } from "../../base/errors.ts";
import type { Shape } from "../../base/shape.ts";
import type { ByteReader, FilePlace } from "../../base/reader.ts";

/** What is known of a tensor before its data is read. */
export interface TensorInfo {
  /** Its name in the checkpoint. */
  readonly name: string;
  /** Its element type on disk. */
  readonly dtype: DType;
  /** Its shape on disk. */
  readonly shape: Shape;
  /** Bytes of its data. */
  readonly bytes: number;
  /** The file that holds its data. */
  readonly file: string;
  /** Where elements come in blocks with their scales: what GGUF calls those, and the shape that they stand for. */
  readonly blocks?: { readonly type: string; readonly shape: Shape };
}

/** A set of named tensors. Disposing it closes its files. */
export interface TensorSource extends Disposable {
  /** The file or directory, for messages. */
  readonly file: string;
  /** All names, in the order of the file. */
  names(): string[];
  /** The tensor's description, or undefined where there is none of that name. */
  find(name: string): TensorInfo | undefined;
  /** The tensor's description; a CheckpointError naming file and tensor where there is none. */
  info(name: string): TensorInfo;
  /** Why a tensor is not there that a file or an index names; undefined where none does. */
  whyAbsent(name: string): string | undefined;
  /**
   * Fills `into` with the tensor's bytes (contiguous, little-endian) from `offset` on. A CheckpointError where
   * the file ends early, an ArgumentError where the range leaves the tensor.
   */
  readInto(name: string, offset: number, into: Uint8Array<ArrayBuffer>): void;
  /** Where a file has the tensor's bytes, in order and as `readInto` gives them; undefined where none has. */
  place(name: string): FilePlace | undefined;
  /** The data of one tensor, whole. */
  read(name: string): Uint8Array<ArrayBuffer>;
  /** The same data in order in pieces of at most `chunkBytes` (default 64 MiB); the buffer is reused between pieces. */
  chunks(name: string, chunkBytes?: number): Generator<Uint8Array<ArrayBuffer>>;
}

/** What a source is made of; {@link sourceOf} adds the rest. */
export interface SourceParts {
  /** The file or directory, for messages. */
  readonly file: string;
  /** All names, in order. */
  names(): string[];
  /** The tensor's description, or undefined where there is none of that name. */
  find(name: string): TensorInfo | undefined;
  /** Fills `into` with bytes of the tensor `info` from `offset` on; the range lies within the tensor. */
  fill(info: TensorInfo, offset: number, into: Uint8Array<ArrayBuffer>): void;
  /** Where a file has the tensor's bytes as `fill` gives them; absent where no file has. */
  place?(info: TensorInfo): FilePlace | undefined;
  /** Why a tensor is not there that a file or an index names; undefined where none does. */
  why?(name: string): string | undefined;
  /** Closes what is open. */
  close(): void;
}

/** Where one tensor's data lies in a file. */
export interface StoredTensor {
  /** Its description. */
  readonly info: TensorInfo;
  /** Position of its first byte in the file. */
  readonly position: number;
  /** Whether the file holds the transpose ([columns, rows], contiguous) of this 2-D tensor. */
  readonly transposed?: boolean;
}

/** The default size of a chunk, in bytes. */
export const CHUNK_BYTES: number = 64 * 2 ** 20;

/** Largest single read, so that one call never blocks signals for long. */
const READ_BYTES = 256 * 2 ** 20;

/** A source of `parts`. */
export function sourceOf(parts: SourceParts): TensorSource {
  const { file } = parts;
  const info = (name: string) => parts.find(name) ?? missing(file, name, parts.why?.(name));
  const readInto = (name: string, offset: number, into: Uint8Array<ArrayBuffer>) => {
    const found = info(name);
    const end = offset + into.length;
    if (!(Number.isSafeInteger(offset) && offset >= 0 && end <= found.bytes)) {
      throw new ArgumentError(
        "offset",
        `Cannot read bytes ${offset} to ${end} of "${name}": it has ${found.bytes} bytes`,
      );
    }
    parts.fill(found, offset, into);
  };
  return {
    file,
    names: () => parts.names(),
    find: (name) => parts.find(name),
    info,
    whyAbsent: (name) => parts.why?.(name),
    readInto,
    place: (name) => parts.place?.(info(name)),
    read(name) {
      const bytes = new Uint8Array(info(name).bytes);
      readInto(name, 0, bytes);
      return bytes;
    },
    *chunks(name, chunkBytes = CHUNK_BYTES) {
      const { bytes } = info(name);
      const buffer = new Uint8Array(Math.min(bytes, chunkBytes));
      for (let at = 0; at < bytes; at += chunkBytes) {
        const piece = buffer.subarray(0, Math.min(chunkBytes, bytes - at));
        readInto(name, at, piece);
        yield piece;
      }
    },
    [Symbol.dispose]: () => parts.close(),
  };
}

/** What `work` gives; where it throws, `source` is disposed first. */
export function disposing<T>(source: TensorSource, work: () => T): T {
  try {
    return work();
  } catch (error) {
    source[Symbol.dispose]();
    throw error;
  }
}

/**
 * A source over tensors of one file, which it closes when disposed. `unusable` says what is wrong with what the file
 * holds besides: it is not there until something asks for it.
 */
export function fileSource(
  reader: ByteReader,
  tensors: ReadonlyMap<string, StoredTensor>,
  unusable: ReadonlyMap<string, string> = new Map(),
): TensorSource {
  return sourceOf({
    file: reader.file,
    names: () => [...tensors.keys()],
    find: (name) => tensors.get(name)?.info,
    why: (name) => unusable.get(name),
    place({ name }) {
      const { position, transposed } = tensors.get(name)!;
      const { file, descriptor } = reader;
      return transposed || descriptor === undefined ? undefined : { file, descriptor, position };
    },
    fill(info, offset, into) {
      const stored = tensors.get(info.name)!;
      if (stored.transposed) return fillTransposed(reader, stored, offset, into);
      for (let at = 0; at < into.length; at += READ_BYTES) {
        const position = stored.position + offset + at;
        reader.readInto(into.subarray(at, at + READ_BYTES), position, info.name);
      }
    },
    close: () => reader[Symbol.dispose](),
  });
}

function missing(file: string, name: string, why = "there is no tensor of this name"): never {
  throw new CheckpointError(file, why, name);
}

/** Fills `into` from a 2-D tensor whose file holds [columns, rows]: of every column, the rows asked for. */
function fillTransposed(
  reader: ByteReader,
  { info, position }: StoredTensor,
  offset: number,
  into: Uint8Array<ArrayBuffer>,
): void {
  const [rows, columns] = info.shape;
  const size = DTYPE_BYTES[info.dtype];
  if (into.length === 0) return;
  const first = Math.floor(offset / (columns * size));
  const last = Math.floor((offset + into.length - 1) / (columns * size));
  const slice = new Uint8Array((last - first + 1) * size);
  for (let column = 0; column < columns; column++) {
    reader.readInto(slice, position + (column * rows + first) * size, info.name);
    for (let row = first; row <= last; row++) {
      const to = (row * columns + column) * size - offset;
      const from = (row - first) * size;
      // The range may begin and end within an element.
      for (let i = Math.max(0, -to); i < Math.min(size, into.length - to); i++) {
        into[to + i] = slice[from + i];
      }
    }
  }
}
