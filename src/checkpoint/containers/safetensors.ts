/**
 * Reads safetensors files. The header is checked completely before any tensor is offered.
 *
 * @module
 */
import { type DType, DTYPE_BYTES } from "../../base/dtype.ts";
import { CheckpointError } from "../../base/errors.ts";
import { elements } from "../../base/shape.ts";
import { duplicateKey } from "./duplicates.ts";
import { isObject, parseJson, show } from "./json.ts";
import { type ByteReader, openReader, readAt } from "../../base/reader.ts";
import { fileSource, type StoredTensor, type TensorSource } from "./source.ts";

/** Names of dtypes in a safetensors header. */
export const SAFETENSORS_DTYPES: ReadonlyMap<string, DType> = new Map<string, DType>([
  ["F64", "f64"],
  ["F32", "f32"],
  ["F16", "f16"],
  ["BF16", "bf16"],
  ["I64", "i64"],
  ["I32", "i32"],
  ["I16", "i16"],
  ["I8", "i8"],
  ["U64", "u64"],
  ["U32", "u32"],
  ["U16", "u16"],
  ["U8", "u8"],
  ["BOOL", "bool"],
  ["F8_E4M3", "f8_e4m3"],
  ["F8_E5M2", "f8_e5m2"],
  // None of these is read; a file may hold them beside what is.
  ["C64", "c64"],
  ["F8_E8M0", "f8_e8m0"],
  ["F8_E4M3FNUZ", "f8_e4m3fnuz"],
  ["F8_E5M2FNUZ", "f8_e5m2fnuz"],
  ["F6_E2M3", "f6_e2m3"],
  ["F6_E3M2", "f6_e3m2"],
  ["F4", "f4"],
]);

/** Largest header, in bytes; the format's own limit. */
export const MAX_HEADER_BYTES: number = 100_000_000;

/** A checked header. */
export interface SafetensorsHeader {
  /** Tensors by name, in the order of the header. */
  readonly tensors: Map<string, StoredTensor>;
  /** The `__metadata__` map. */
  readonly metadata: Map<string, string>;
}

/** Opens a safetensors file. A CheckpointError where it is malformed. */
export function openSafetensors(file: string): TensorSource {
  const reader = openReader(file);
  try {
    return fileSource(reader, readHeader(reader).tensors);
  } catch (error) {
    reader[Symbol.dispose]();
    throw error;
  }
}

/** Reads and checks the header. */
export function readHeader(reader: ByteReader): SafetensorsHeader {
  const { file, size } = reader;
  if (size < 8) throw new CheckpointError(file, `it has ${size} bytes, expected at least 8`);
  const length = new DataView(readAt(reader, 0, 8).buffer).getBigUint64(0, true);
  const limit = Math.min(MAX_HEADER_BYTES, size - 8);
  if (length > BigInt(limit)) {
    throw new CheckpointError(
      file,
      `the header claims ${length} bytes, expected at most ${limit} in a file of ${size} bytes`,
    );
  }
  return parseHeader(readAt(reader, 8, Number(length)), size, file);
}

/** Checks the header's JSON (`bytes`, without the length before it) for a file of `fileLength` bytes. */
export function parseHeader(
  bytes: Uint8Array,
  fileLength: number,
  file: string,
): SafetensorsHeader {
  const json = parseJson(file, bytes, "the header");
  if (!isObject(json)) {
    throw new CheckpointError(file, `the header is ${show(json)}, expected an object`);
  }
  const repeated = duplicateKey(new TextDecoder().decode(bytes));
  if (repeated !== undefined) {
    throw new CheckpointError(file, `the header holds the key "${repeated}" twice`);
  }
  const dataStart = 8 + bytes.length;
  const tensors = new Map<string, StoredTensor>();
  let metadata = new Map<string, string>();
  for (const [name, value] of Object.entries(json)) {
    if (name === "__metadata__") metadata = parseMetadata(file, value);
    else tensors.set(name, parseTensor(file, name, value, dataStart, fileLength));
  }
  checkLayout(file, tensors, dataStart, fileLength);
  return { tensors, metadata };
}

function parseMetadata(file: string, value: unknown): Map<string, string> {
  if (value === null) return new Map();
  if (!isObject(value)) {
    throw new CheckpointError(file, `__metadata__ is ${show(value)}, expected an object`);
  }
  const metadata = new Map<string, string>();
  for (const [key, text] of Object.entries(value)) {
    if (typeof text !== "string") {
      throw new CheckpointError(file, `__metadata__ "${key}" is ${show(text)}, expected a string`);
    }
    metadata.set(key, text);
  }
  return metadata;
}

function parseTensor(
  file: string,
  name: string,
  value: unknown,
  dataStart: number,
  fileLength: number,
): StoredTensor {
  const fail = (message: string): never => {
    throw new CheckpointError(file, message, name);
  };
  if (!isObject(value)) return fail(`its entry is ${show(value)}, expected an object`);
  // Own properties only: a header without "shape" must not find one on a prototype.
  const own = (key: string) => Object.hasOwn(value, key) ? value[key] : undefined;
  const word = own("dtype");
  const dtype = typeof word === "string" ? SAFETENSORS_DTYPES.get(word) : undefined;
  if (dtype === undefined) {
    return fail(
      `dtype is ${show(word)}, expected one of ${[...SAFETENSORS_DTYPES.keys()].join(" ")}`,
    );
  }
  const shape = own("shape");
  if (!isSizes(shape)) return fail(`shape is ${show(shape)}, expected a list of integers from 0`);
  if (!safeProduct(shape, Math.ceil(DTYPE_BYTES[dtype]))) {
    return fail(`shape ${show(shape)} is too large`);
  }
  const bytes = elements(shape) * DTYPE_BYTES[dtype];
  const offsets = own("data_offsets");
  if (!isSizes(offsets) || offsets.length !== 2 || offsets[0] > offsets[1]) {
    return fail(`data_offsets is ${show(offsets)}, expected [begin, end] with begin <= end`);
  }
  const [begin, end] = offsets;
  if (end - begin !== bytes) {
    fail(`data_offsets span ${end - begin} bytes, expected ${bytes} for ${word} ${show(shape)}`);
  }
  if (dataStart + end > fileLength) {
    fail(
      `its data ends at byte ${dataStart + end}, expected at most ${fileLength}, the file's end`,
    );
  }
  return { info: { name, dtype, shape, bytes, file }, position: dataStart + begin };
}

function isSizes(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((size) => Number.isSafeInteger(size) && size >= 0);
}

/** Whether the product of sizes, zeros left out, is a safe integer. */
export function safeProduct(shape: readonly number[], bytes: number): boolean {
  let product = bytes;
  for (const size of shape) {
    if (size > 0) product *= size;
    if (!Number.isSafeInteger(product)) return false;
  }
  return true;
}

/** The tensors must cover the data exactly: no hole, no overlap, nothing after the last. */
function checkLayout(
  file: string,
  tensors: Map<string, StoredTensor>,
  dataStart: number,
  fileLength: number,
): void {
  const end = (tensor: StoredTensor) => tensor.position + tensor.info.bytes;
  const ordered = [...tensors.values()].sort((a, b) => a.position - b.position || end(a) - end(b));
  let covered = dataStart;
  for (const tensor of ordered) {
    if (tensor.position !== covered) {
      const what = tensor.position < covered
        ? "overlaps another tensor"
        : "leaves a hole before it";
      throw new CheckpointError(
        file,
        `its data starts at byte ${tensor.position} and ${what}, expected ${covered}`,
        tensor.info.name,
      );
    }
    covered = end(tensor);
  }
  if (covered !== fileLength) {
    throw new CheckpointError(
      file,
      `the tensors end at byte ${covered}, expected ${fileLength}, the file's end`,
    );
  }
}
