/**
 * The header of one GGUF file: metadata, and where its tensors lie.
 *
 * @module
 */
import { CheckpointError, UnsupportedModelError } from "../base/errors.ts";
import { type ByteReader, readAt } from "../base/reader.ts";
import { elements, type Shape, showShape } from "../base/shape.ts";
import { Cursor } from "./cursor.ts";
import { type GgmlType, ggmlType, typeLabel } from "./types.ts";
import { type GgufValue, readValue } from "./values.ts";

/** A tensor of a GGUF file. */
export interface GgufTensor {
  /** Its name in the file, e.g. `blk.0.attn_q.weight`. */
  readonly name: string;
  /** The name of its type, e.g. `"F32"` or `"Q4_K"`. */
  readonly type: string;
  /** Its shape, outermost first: [n, k] for n rows of k elements. */
  readonly shape: Shape;
  /** The file that holds its data. */
  readonly file: string;
  /** Position of its first byte in that file. */
  readonly position: number;
  /** Bytes of its data. */
  readonly bytes: number;
}

/** What a header says. */
export interface GgufHeader {
  /** Version of the format. */
  readonly version: number;
  /** The metadata, in the file's order. */
  readonly metadata: ReadonlyMap<string, GgufValue>;
  /** The tensors, in the file's order. */
  readonly tensors: ReadonlyMap<string, GgufTensor>;
}

/** What every file begins with, and the versions that are read. */
const [MAGIC, VERSIONS] = ["GGUF", [2, 3]];

/** Bytes of the magic, the version and the two counts. */
const PREAMBLE_BYTES = 24;

/**
 * Bytes that an entry takes at least: of the metadata a name of one byte, a type and a value of one byte; of the
 * tensors a name, no sizes, a type and an offset.
 */
const [ENTRY_BYTES, TENSOR_BYTES] = [14, 25];

/** Most sizes of a tensor, and longest name, in bytes. */
const [MAX_SIZES, MAX_NAME] = [4, 65535];

/** Where tensors begin that a file does not say it of, in bytes. */
const DEFAULT_ALIGNMENT = 32;

/** Whether these are the first bytes of a GGUF file. */
export function hasMagic(bytes: Uint8Array): boolean {
  return [...MAGIC].every((letter, i) => bytes[i] === letter.charCodeAt(0));
}

/** Reads and checks a header. A CheckpointError for what is malformed, an UnsupportedModelError for another version. */
export function readHeader(reader: ByteReader): GgufHeader {
  const { file } = reader;
  if (reader.size < PREAMBLE_BYTES || !hasMagic(readAt(reader, 0, MAGIC.length))) {
    throw new CheckpointError(file, `it does not start as GGUF does, expected "${MAGIC}"`);
  }
  const cursor = new Cursor(reader);
  cursor.u32("the magic");
  const version = readVersion(cursor);
  const tensorCount = cursor.size("the number of tensors");
  const entryCount = cursor.size("the number of metadata entries");
  const metadata = readMetadata(cursor, entryCount);
  const alignment = alignmentOf(file, metadata);
  const stored = readTensors(cursor, tensorCount);
  const start = Math.ceil(cursor.position / alignment) * alignment;
  const tensors = new Map<string, GgufTensor>();
  for (const [name, { type, shape, offset }] of stored) {
    if (offset % alignment !== 0) {
      const wanted = `a multiple of ${alignment}`;
      throw new CheckpointError(file, `its data begins at ${offset}, expected ${wanted}`, name);
    }
    const bytes = bytesOf(file, name, type, shape);
    tensors.set(name, { name, type: type.name, shape, file, position: start + offset, bytes });
  }
  checkPlaces(reader, tensors);
  return { version, metadata, tensors };
}

function readVersion(cursor: Cursor): number {
  const version = cursor.u32("the version");
  if (VERSIONS.includes(version)) return version;
  const expected = `expected version ${VERSIONS.join(" or ")}, little-endian`;
  // A version is small: where only the upper half says something, the bytes are in the other order.
  if (version !== 0 && version % 2 ** 16 === 0) {
    throw new UnsupportedModelError(`big-endian GGUF (${cursor.file})`, expected);
  }
  throw new UnsupportedModelError(`version ${version} of GGUF (${cursor.file})`, expected);
}

function readName(cursor: Cursor, what: string, taken: ReadonlyMap<string, unknown>): string {
  const name = cursor.string(what);
  if (name.length === 0 || name.length > MAX_NAME) {
    throw new CheckpointError(
      cursor.file,
      `${what} has ${name.length} characters, expected 1 to ${MAX_NAME}`,
    );
  }
  if (!taken.has(name)) return name;
  throw new CheckpointError(cursor.file, `${what} is "${name}", which is there already`);
}

function readMetadata(cursor: Cursor, count: number): Map<string, GgufValue> {
  cursor.room(count, ENTRY_BYTES, `metadata of ${count} entries`);
  const metadata = new Map<string, GgufValue>();
  for (let i = 0; i < count; i++) {
    const key = readName(cursor, `the key of metadata entry ${i}`, metadata);
    metadata.set(key, readValue(cursor, `key "${key}"`));
  }
  return metadata;
}

function alignmentOf(file: string, metadata: ReadonlyMap<string, GgufValue>): number {
  const value = metadata.get("general.alignment") ?? DEFAULT_ALIGNMENT;
  const isPower = typeof value === "number" && value > 0 && value < 2 ** 31 &&
    (value & (value - 1)) === 0;
  if (isPower) return value;
  throw new CheckpointError(
    file,
    `key "general.alignment" is ${value}, expected a power of 2 below 2^31`,
  );
}

/** A tensor as its entry gives it. */
interface Entry {
  readonly type: GgmlType;
  readonly shape: Shape;
  /** Where its data begins, counted from the first tensor's. */
  readonly offset: number;
}

function readTensors(cursor: Cursor, count: number): Map<string, Entry> {
  cursor.room(count, TENSOR_BYTES, `entries of ${count} tensors`);
  const tensors = new Map<string, Entry>();
  for (let i = 0; i < count; i++) {
    const name = readName(cursor, `the name of tensor ${i}`, tensors);
    const what = `of tensor "${name}"`;
    const sizes = cursor.u32(`the number of sizes ${what}`);
    const fail = (reason: string): never => {
      throw new CheckpointError(cursor.file, reason, name);
    };
    if (sizes > MAX_SIZES) fail(`it has ${sizes} sizes, expected at most ${MAX_SIZES}`);
    const shape = Array.from({ length: sizes }, () => cursor.size(`a size ${what}`)).reverse();
    if (shape.includes(0)) fail(`its shape is ${showShape(shape)}, expected sizes of at least 1`);
    const id = cursor.u32(`the type ${what}`);
    const type = ggmlType(id);
    if (type === undefined) {
      throw new UnsupportedModelError(
        `GGUF type ${typeLabel(id)} (${cursor.file}, tensor "${name}")`,
        "expected a type that is known",
      );
    }
    tensors.set(name, { type, shape, offset: cursor.size(`the offset ${what}`) });
  }
  return tensors;
}

/** Bytes of a tensor. Blocks lie within a row. */
function bytesOf(file: string, name: string, type: GgmlType, shape: Shape): number {
  const row = shape.at(-1) ?? 1;
  if (row % type.block !== 0) {
    throw new CheckpointError(
      file,
      `its rows have ${row} elements, expected a multiple of ${type.block} for ${type.name}`,
      name,
    );
  }
  // A product of safe factors is exact as long as it is safe itself.
  const bytes = elements(shape) / type.block * type.bytes;
  if (Number.isSafeInteger(elements(shape)) && Number.isSafeInteger(bytes)) return bytes;
  throw new CheckpointError(file, `its shape is ${showShape(shape)}, which is too large`, name);
}

/** Every tensor lies within the file, and none in another. Gaps and what follows the last are padding. */
function checkPlaces(reader: ByteReader, tensors: ReadonlyMap<string, GgufTensor>): void {
  const ordered = [...tensors.values()].sort((a, b) => a.position - b.position);
  let covered = 0;
  for (const { name, position, bytes, file } of ordered) {
    const end = position + bytes;
    if (!(end <= reader.size)) {
      const reason =
        `its data ends at byte ${end}, expected at most ${reader.size}, the file's end`;
      throw new CheckpointError(file, reason, name);
    }
    if (position < covered) {
      const reason = `its data begins at byte ${position}, within another tensor, expected ` +
        `${covered} or more`;
      throw new CheckpointError(file, reason, name);
    }
    covered = end;
  }
}
