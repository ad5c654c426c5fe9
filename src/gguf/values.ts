/**
 * The values of a GGUF file's metadata.
 *
 * @module
 */
import { CheckpointError } from "../base/errors.ts";
import type { Cursor } from "./cursor.ts";

/** Numbers of one type, as the file holds them. */
export type GgufNumbers =
  | Uint8Array<ArrayBuffer>
  | Int8Array<ArrayBuffer>
  | Uint16Array<ArrayBuffer>
  | Int16Array<ArrayBuffer>
  | Uint32Array<ArrayBuffer>
  | Int32Array<ArrayBuffer>
  | Float32Array<ArrayBuffer>
  | Float64Array<ArrayBuffer>
  | BigUint64Array<ArrayBuffer>
  | BigInt64Array<ArrayBuffer>;

/** A value. Integers of 64 bits are numbers where those are exact; a list of them never is. */
export type GgufValue =
  | number
  | bigint
  | boolean
  | string
  | readonly string[]
  | readonly boolean[]
  | GgufNumbers;

/** The types of numbers, by their number in files: the array that holds them. */
const NUMBERS: ReadonlyMap<number, new (buffer: ArrayBuffer) => GgufNumbers> = new Map<
  number,
  new (buffer: ArrayBuffer) => GgufNumbers
>([
  [0, Uint8Array],
  [1, Int8Array],
  [2, Uint16Array],
  [3, Int16Array],
  [4, Uint32Array],
  [5, Int32Array],
  [6, Float32Array],
  [10, BigUint64Array],
  [11, BigInt64Array],
  [12, Float64Array],
]);

/** Bytes of a number, by the number of its type. */
const NUMBER_BYTES: ReadonlyMap<number, number> = new Map([
  [0, 1],
  [1, 1],
  [2, 2],
  [3, 2],
  [4, 4],
  [5, 4],
  [6, 4],
  [10, 8],
  [11, 8],
  [12, 8],
]);

/** The other types. */
const [BOOL, STRING, ARRAY] = [7, 8, 9];

/** Bytes that a string takes at least: its length. */
const STRING_BYTES = 8;

/** Reads a type and a value of it; `what` names it in messages. */
export function readValue(cursor: Cursor, what: string): GgufValue {
  const type = cursor.u32(`the type of ${what}`);
  if (type === STRING) return cursor.string(what);
  if (type === BOOL) return booleans(cursor, 1, what)[0];
  if (type === ARRAY) return readArray(cursor, what);
  const [value] = numbers(cursor, type, 1, what);
  if (typeof value === "number") return value;
  const rounded = Number(value);
  return Number.isSafeInteger(rounded) ? rounded : value;
}

function readArray(cursor: Cursor, what: string): GgufValue {
  const type = cursor.u32(`the type of the elements of ${what}`);
  const count = cursor.size(`the number of elements of ${what}`);
  if (type === ARRAY) {
    throw new CheckpointError(
      cursor.file,
      `${what} is a list of lists, expected numbers, strings or booleans`,
    );
  }
  if (type === BOOL) return booleans(cursor, count, what);
  if (type !== STRING) return numbers(cursor, type, count, what);
  cursor.room(count, STRING_BYTES, what);
  const strings: string[] = [];
  // Not by index in the name: it would take longer than the reading.
  for (let i = 0; i < count; i++) strings.push(cursor.string(what));
  return strings;
}

function numbers(cursor: Cursor, type: number, count: number, what: string): GgufNumbers {
  const [List, bytes] = [NUMBERS.get(type), NUMBER_BYTES.get(type)];
  if (List === undefined || bytes === undefined) {
    throw new CheckpointError(cursor.file, `the type of ${what} is ${type}, expected 0 to 12`);
  }
  cursor.room(count, bytes, what);
  return new List(cursor.bytes(count * bytes, what).buffer);
}

function booleans(cursor: Cursor, count: number, what: string): boolean[] {
  cursor.room(count, 1, what);
  const bytes = cursor.bytes(count, what);
  const other = bytes.findIndex((byte) => byte > 1);
  if (other >= 0) {
    throw new CheckpointError(cursor.file, `${what} holds ${bytes[other]}, expected 0 or 1`);
  }
  return Array.from(bytes, (byte) => byte === 1);
}
