/**
 * Models that were split into several GGUF files.
 *
 * @module
 */
import { CheckpointError } from "../base/errors.ts";
import type { GgufHeader, GgufTensor } from "./header.ts";
import { showValue } from "./metadata.ts";
import type { GgufValue } from "./values.ts";

/** How parts are called: `name-00001-of-00003.gguf`. */
const PART_NAME = /-(\d{5})-of-(\d{5})\.gguf$/;

/** Most parts that five digits can number. */
const MAX_PARTS = 99999;

/** Which part a file says it is, of how many, and how many tensors all have. */
const [NUMBER, COUNT, TENSORS] = ["split.no", "split.count", "split.tensors.count"];

/** The names of all parts of the model whose first part is `file`; `file` alone where it is not split. */
export function partPaths(file: string, metadata: ReadonlyMap<string, GgufValue>): string[] {
  const count = metadata.get(COUNT);
  // A model that was put together again keeps the key, with 0.
  if (count === undefined || count === 0 || count === 1) return [file];
  if (typeof count !== "number" || !Number.isInteger(count) || count < 0 || count > MAX_PARTS) {
    fail(file, COUNT, count, `an integer up to ${MAX_PARTS}`);
  }
  const digits = (value: number) => `${value}`.padStart(5, "0");
  const named = PART_NAME.exec(file);
  const path = (number: number) =>
    file.replace(PART_NAME, `-${digits(number)}-of-${digits(count)}.gguf`);
  const number = metadata.get(NUMBER);
  if (typeof number !== "number" || number > 0) {
    if (typeof number !== "number" || named === null) fail(file, NUMBER, number, "0, the first");
    throw new CheckpointError(
      file,
      `it is part ${number + 1} of ${count}, expected the first, ${path(1)}`,
    );
  }
  if (named === null || Number(named[1]) !== 1 || Number(named[2]) !== count) {
    throw new CheckpointError(
      file,
      `it is the first of ${count} parts, expected a name that ends with -00001-of-${
        digits(count)
      }.gguf`,
    );
  }
  return Array.from({ length: count }, (_, i) => path(i + 1));
}

/** The tensors of all parts. Throws where a part is not the one that it should be of this model. */
export function checkParts(
  files: readonly string[],
  headers: readonly GgufHeader[],
): Map<string, GgufTensor> {
  const [first] = headers;
  const tensors = new Map(first.tensors);
  if (headers.length === 1) return tensors;
  for (const [i, { metadata, tensors: own }] of headers.entries()) {
    const expected = new Map(first.metadata).set(NUMBER, i);
    for (const key of [NUMBER, COUNT, TENSORS, "general.architecture", "general.name"]) {
      const found = metadata.get(key);
      // Parts need not repeat what the model is.
      if (found === undefined && key.startsWith("general.")) continue;
      const wanted = expected.get(key);
      if (found !== wanted) fail(files[i], key, found, `${showValue(wanted)} in this part`);
    }
    if (i === 0) continue;
    for (const [name, tensor] of own) {
      const other = tensors.get(name);
      if (other !== undefined) {
        throw new CheckpointError(files[i], `it is in ${other.file}, too`, name);
      }
      tensors.set(name, tensor);
    }
  }
  const count = first.metadata.get(TENSORS);
  if (count !== tensors.size) {
    fail(files[0], TENSORS, count, `${tensors.size}, what the ${files.length} parts hold`);
  }
  return tensors;
}

function fail(file: string, key: string, value: GgufValue | undefined, expected: string): never {
  throw new CheckpointError(file, `key "${key}" is ${showValue(value)}, expected ${expected}`);
}
