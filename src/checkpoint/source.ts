/**
 * Tensors of a checkpoint, by name, whatever file format holds them.
 *
 * @module
 */
import { type DType, DTYPE_BYTES } from "../base/dtype.ts";
import { CheckpointError } from "../base/errors.ts";
import type { Shape } from "../base/shape.ts";
import type { ByteReader } from "./reader.ts";

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
  /** The data of one tensor, whole, contiguous, little-endian. */
  read(name: string): Uint8Array<ArrayBuffer>;
  /** The same data in order in pieces of at most `chunkBytes` (default 64 MiB); the buffer may be reused between pieces. */
  chunks(name: string, chunkBytes?: number): Generator<Uint8Array<ArrayBuffer>>;
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

/** A source over tensors of one file, which it closes when disposed. */
export function fileSource(
  reader: ByteReader,
  tensors: ReadonlyMap<string, StoredTensor>,
): TensorSource {
  const get = (name: string) => tensors.get(name) ?? missing(reader.file, name);
  const read = (name: string) => {
    const stored = get(name);
    const bytes = new Uint8Array(stored.info.bytes);
    for (let at = 0; at < bytes.length; at += READ_BYTES) {
      reader.readInto(bytes.subarray(at, at + READ_BYTES), stored.position + at, name);
    }
    return stored.transposed ? transpose(bytes, stored.info) : bytes;
  };
  return {
    file: reader.file,
    names: () => [...tensors.keys()],
    find: (name) => tensors.get(name)?.info,
    info: (name) => get(name).info,
    read,
    *chunks(name, chunkBytes = CHUNK_BYTES) {
      const stored = get(name);
      const { bytes } = stored.info;
      if (stored.transposed) {
        const whole = read(name);
        for (let at = 0; at < bytes; at += chunkBytes) yield whole.subarray(at, at + chunkBytes);
        return;
      }
      const buffer = new Uint8Array(Math.min(bytes, chunkBytes));
      for (let at = 0; at < bytes; at += chunkBytes) {
        const piece = buffer.subarray(0, Math.min(chunkBytes, bytes - at));
        reader.readInto(piece, stored.position + at, name);
        yield piece;
      }
    },
    [Symbol.dispose]: () => reader[Symbol.dispose](),
  };
}

/** Throws the error of a tensor that is not there. */
export function missing(file: string, name: string): never {
  throw new CheckpointError(file, "there is no tensor of this name", name);
}

/** Element-wise transpose: `bytes` hold [columns, rows] of the 2-D tensor `info`. */
function transpose(bytes: Uint8Array, { dtype, shape }: TensorInfo): Uint8Array<ArrayBuffer> {
  const [rows, columns] = shape;
  const size = DTYPE_BYTES[dtype];
  const out = new Uint8Array(bytes.length);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      const from = (column * rows + row) * size;
      const to = (row * columns + column) * size;
      for (let i = 0; i < size; i++) out[to + i] = bytes[from + i];
    }
  }
  return out;
}
