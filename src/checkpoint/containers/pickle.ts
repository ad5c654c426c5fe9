/**
 * Tensors of a PyTorch `.bin` or `.pt` file: a zip archive of one pickle and its storages.
 *
 * @module
 */
import { DTYPE_BYTES } from "../../base/dtype.ts";
import { CheckpointError } from "../../base/errors.ts";
import { elements, showShape } from "../../base/shape.ts";
import { describe, Dict, TensorRef } from "./pickle_values.ts";
import { type ByteReader, openReader, readAt } from "../../base/reader.ts";
import { safeProduct } from "./safetensors.ts";
import { fileSource, type StoredTensor, type TensorSource } from "./source.ts";
import { unpickle } from "./unpickle.ts";
import { readZip, type ZipEntry } from "./zip.ts";

/** Largest `data.pkl`; a state dict of a million tensors stays below it. */
const MAX_PICKLE_BYTES = 256 * 2 ** 20;

/** The pickled magic number with which files of PyTorch before 1.6 start. */
const LEGACY = [0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19];

/** Opens a PyTorch file that holds a dict of tensors. A CheckpointError where it is malformed. */
export function openPickle(file: string): TensorSource {
  const reader = openReader(file);
  try {
    return pickleSource(reader);
  } catch (error) {
    reader[Symbol.dispose]();
    throw error;
  }
}

/** The tensors of the PyTorch file that `reader` reads. */
export function pickleSource(reader: ByteReader): TensorSource {
  const { file } = reader;
  refuseLegacy(reader);
  const entries = readZip(reader);
  const pickles = [...entries.keys()].filter((name) => /^[^/]+\/data\.pkl$/.test(name));
  if (pickles.length !== 1) {
    throw new CheckpointError(file, `the archive has ${pickles.length} data.pkl, expected 1`);
  }
  const root = pickles[0].slice(0, -"data.pkl".length);
  if (entries.has(`${root}constants.pkl`)) {
    throw new CheckpointError(file, "it is a TorchScript program, expected a dict of tensors");
  }
  checkByteOrder(reader, entries.get(`${root}byteorder`));
  const entry = entries.get(pickles[0])!;
  if (entry.size > MAX_PICKLE_BYTES) {
    throw new CheckpointError(file, `data.pkl has ${entry.size} bytes, which is too large`);
  }
  const value = unpickle(readAt(reader, entry.position, entry.size), file);
  const { tensors, unusable } = locate(
    file,
    value,
    (key) => entries.get(`${root}data/${key}`),
  );
  return fileSource(reader, tensors, unusable);
}

/**
 * Where the tensors of the unpickled dict lie, and what is wrong with its other values, which nothing may need.
 * `storage` finds the entry of a storage's key.
 */
function locate(
  file: string,
  value: unknown,
  storage: (key: string) => ZipEntry | undefined,
): { tensors: Map<string, StoredTensor>; unusable: Map<string, string> } {
  if (!(value instanceof Dict)) {
    throw new CheckpointError(file, `it holds ${describe(value)}, expected a dict of tensors`);
  }
  const tensors = new Map<string, StoredTensor>();
  const unusable = new Map<string, string>();
  for (const [name, item] of value.entries) {
    if (typeof name !== "string") {
      throw new CheckpointError(file, `a key is ${describe(name)}, expected a string`);
    }
    if (!(item instanceof TensorRef)) {
      unusable.set(name, `its value is ${describe(item)}, expected a tensor`);
      continue;
    }
    const wrong = wrongStrides(item);
    if (wrong !== undefined) unusable.set(name, wrong);
    else tensors.set(name, locateTensor(file, name, item, storage(item.storage.key)));
  }
  // Then it is something else: a training state, say, with the model inside.
  const [first] = unusable;
  if (tensors.size === 0 && first) throw new CheckpointError(file, first[1], first[0]);
  return { tensors, unusable };
}

/** What is wrong with the strides of a tensor: rows or, of a matrix, columns lie behind one another. */
function wrongStrides({ shape, strides }: TensorRef): string | undefined {
  if (isContiguous(shape, strides) || isTransposed(shape, strides)) return undefined;
  return `strides ${showShape(strides)} of shape ${showShape(shape)} are neither contiguous nor ` +
    "a transposed matrix";
}

function isTransposed(shape: readonly number[], strides: readonly number[]): boolean {
  return shape.length === 2 && isContiguous(shape.toReversed(), strides.toReversed());
}

function locateTensor(
  file: string,
  name: string,
  { storage, offset, shape, strides }: TensorRef,
  entry: ZipEntry | undefined,
): StoredTensor {
  const fail = (message: string): never => {
    throw new CheckpointError(file, message, name);
  };
  if (entry === undefined) return fail(`its storage "${storage.key}" is not in the archive`);
  const { dtype, length } = storage;
  const size = DTYPE_BYTES[dtype];
  if (Math.floor(entry.size / size) !== length) {
    return fail(`its storage claims ${length} ${dtype}, but its entry has ${entry.size} bytes`);
  }
  if (!safeProduct(shape, size)) return fail(`shape ${showShape(shape)} is too large`);
  const count = elements(shape);
  if (offset + count > length) {
    return fail(`elements ${offset} to ${offset + count} leave its storage of ${length}`);
  }
  const transposed = !isContiguous(shape, strides);
  const info = { name, dtype, shape, bytes: count * size, file };
  return { info, position: entry.position + offset * size, transposed };
}

/** Row-major without gaps. The stride of a dimension of one element means nothing. */
function isContiguous(shape: readonly number[], strides: readonly number[]): boolean {
  if (shape.includes(0)) return true;
  let expected = 1;
  for (let i = shape.length - 1; i >= 0; i--) {
    if (shape[i] !== 1 && strides[i] !== expected) return false;
    expected *= shape[i];
  }
  return true;
}

function refuseLegacy(reader: ByteReader): void {
  const start = readAt(reader, 0, Math.min(reader.size, 2 + LEGACY.length));
  if (start[0] === 0x80 && LEGACY.every((byte, i) => start[2 + i] === byte)) {
    throw new CheckpointError(
      reader.file,
      "it is in the format of PyTorch before 1.6; load it in PyTorch and save it again as safetensors",
    );
  }
}

function checkByteOrder(reader: ByteReader, entry: ZipEntry | undefined): void {
  if (entry === undefined) return; // files of PyTorch before 2.1 have none and are little-endian
  const text = new TextDecoder().decode(readAt(reader, entry.position, Math.min(entry.size, 16)));
  if (text !== "little") {
    throw new CheckpointError(reader.file, `its byte order is "${text}", expected "little"`);
  }
}
