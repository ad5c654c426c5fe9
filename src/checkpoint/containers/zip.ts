/**
 * The directory of a zip archive (zip64 too) of stored entries, as PyTorch writes them. Nothing is
 * decompressed: PyTorch never compresses.
 *
 * @module
 */
import { CheckpointError } from "../../base/errors.ts";
import { type ByteReader, readAt } from "../../base/reader.ts";

/** A stored entry: its bytes are `size` bytes of the file from `position`. */
export interface ZipEntry {
  /** Its name. */
  readonly name: string;
  /** Position of its data in the file. */
  readonly position: number;
  /** Bytes of its data. */
  readonly size: number;
}

const END = 0x06054b50;
const END64_LOCATOR = 0x07064b50;
const END64 = 0x06064b50;
const CENTRAL = 0x02014b50;
const LOCAL = 0x04034b50;
const MAX_DIRECTORY_BYTES = 64 * 2 ** 20;

/** Reads and checks the directory. A CheckpointError where the archive is malformed or compressed. */
export function readZip(reader: ByteReader): Map<string, ZipEntry> {
  const { file } = reader;
  const { count, size, position } = findDirectory(reader);
  if (size > MAX_DIRECTORY_BYTES || position + size > reader.size || count * 46 > size) {
    throw new CheckpointError(
      file,
      `the zip directory claims ${count} entries in ${size} bytes at ${position}, which cannot be`,
    );
  }
  const bytes = readAt(reader, position, size);
  const view = new DataView(bytes.buffer);
  const entries = new Map<string, ZipEntry>();
  let at = 0;
  for (let i = 0; i < count; i++) {
    if (at + 46 > size || view.getUint32(at, true) !== CENTRAL) {
      throw new CheckpointError(file, `the zip directory is damaged at its entry ${i}`);
    }
    const nameLength = view.getUint16(at + 28, true);
    const extraLength = view.getUint16(at + 30, true);
    const next = at + 46 + nameLength + extraLength + view.getUint16(at + 32, true);
    if (next > size) throw new CheckpointError(file, `the zip directory ends within entry ${i}`);
    const name = new TextDecoder().decode(bytes.subarray(at + 46, at + 46 + nameLength));
    if (entries.has(name)) throw new CheckpointError(file, `zip entry "${name}" appears twice`);
    const flags = view.getUint16(at + 8, true);
    const method = view.getUint16(at + 10, true);
    if (method !== 0 || (flags & 1) !== 0) {
      const how = method !== 0 ? `compressed (method ${method})` : "encrypted";
      throw new CheckpointError(file, `zip entry "${name}" is ${how}, expected a stored entry`);
    }
    const extra = new DataView(bytes.buffer, at + 46 + nameLength, extraLength);
    const [full, packed, local] = sizes64(file, name, extra, [
      view.getUint32(at + 24, true),
      view.getUint32(at + 20, true),
      view.getUint32(at + 42, true),
    ]);
    if (full !== packed) {
      throw new CheckpointError(file, `zip entry "${name}" stores ${packed} of ${full} bytes`);
    }
    entries.set(name, {
      name,
      position: dataPosition(reader, name, local, full, position),
      size: full,
    });
    at = next;
  }
  return entries;
}

/** Position of the entry's data, past its local header, which must lie before the directory. */
function dataPosition(
  reader: ByteReader,
  name: string,
  local: number,
  size: number,
  directory: number,
): number {
  const fail = (why: string): never => {
    throw new CheckpointError(reader.file, `zip entry "${name}" ${why}`);
  };
  if (local + 30 > directory) return fail(`has its header at ${local}, outside the file's data`);
  const header = new DataView(readAt(reader, local, 30).buffer);
  if (header.getUint32(0, true) !== LOCAL) return fail(`has no header at ${local}`);
  const position = local + 30 + header.getUint16(26, true) + header.getUint16(28, true);
  if (position + size > directory) {
    return fail(`of ${size} bytes at ${position} leaves the file's data`);
  }
  return position;
}

/** Replaces the values that are all ones by those of the zip64 extra field, in the format's order. */
function sizes64(file: string, name: string, extra: DataView, values: number[]): number[] {
  if (!values.includes(0xffffffff)) return values;
  for (let at = 0; at + 4 <= extra.byteLength;) {
    const id = extra.getUint16(at, true);
    const end = at + 4 + extra.getUint16(at + 2, true);
    if (id === 1 && end <= extra.byteLength) {
      let from = at + 4;
      return values.map((value) => {
        if (value !== 0xffffffff) return value;
        if (from + 8 > end) {
          throw new CheckpointError(file, `zip entry "${name}" lacks a zip64 size`);
        }
        from += 8;
        return safe(file, extra.getBigUint64(from - 8, true));
      });
    }
    at = end;
  }
  throw new CheckpointError(file, `zip entry "${name}" lacks its zip64 sizes`);
}

/** Finds the directory from the record at the file's end. */
function findDirectory(reader: ByteReader): { count: number; size: number; position: number } {
  const { file } = reader;
  const tailLength = Math.min(reader.size, 22 + 0xffff);
  const tailStart = reader.size - tailLength;
  const tail = new DataView(readAt(reader, tailStart, tailLength).buffer);
  for (let at = tailLength - 22; at >= 0; at--) {
    if (tail.getUint32(at, true) !== END) continue;
    if (at + 22 + tail.getUint16(at + 20, true) !== tailLength) continue;
    if (at >= 20 && tail.getUint32(at - 20, true) === END64_LOCATOR) {
      const record = safe(file, tail.getBigUint64(at - 12, true));
      const end = new DataView(readAt(reader, record, 56).buffer);
      if (end.getUint32(0, true) !== END64) {
        throw new CheckpointError(file, `there is no zip64 record at byte ${record}`);
      }
      const [count, size, position] = [32, 40, 48].map((i) =>
        safe(file, end.getBigUint64(i, true))
      );
      return { count, size, position };
    }
    return {
      count: tail.getUint16(at + 10, true),
      size: tail.getUint32(at + 12, true),
      position: tail.getUint32(at + 16, true),
    };
  }
  throw new CheckpointError(
    file,
    "it has no zip directory at its end, expected a PyTorch zip archive (it may be truncated)",
  );
}

function safe(file: string, value: bigint): number {
  if (value <= BigInt(Number.MAX_SAFE_INTEGER)) return Number(value);
  throw new CheckpointError(file, `the zip archive claims a size or position of ${value}`);
}
