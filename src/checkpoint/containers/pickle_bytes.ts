/**
 * The bytes of a pickle, read one value at a time.
 *
 * @module
 */
import { CheckpointError } from "../../base/errors.ts";

/** Longest integer that is read, in bytes or digits: sizes need eight bytes. */
const MAX_INTEGER = 40;

const UTF8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** A position in a pickle. Reading past the end is a CheckpointError. */
export class PickleBytes {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #file: string;
  #at = 0;
  #opcodeAt = 0;

  /** Starts at the first of `bytes`, found in `file`. */
  constructor(bytes: Uint8Array, file: string) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#file = file;
  }

  /** The next opcode; errors name its position until the one after it. */
  opcode(): number {
    this.#opcodeAt = this.#at;
    return this.u8();
  }

  /** Throws the error of something wrong at the current opcode. */
  fail(message: string): never {
    throw new CheckpointError(this.#file, `pickle byte ${this.#opcodeAt}: ${message}`);
  }

  /** Moves past `length` bytes and returns where they start. */
  take(length: number): number {
    const start = this.#at;
    if (!(length <= this.#bytes.length - start)) this.fail("the pickle ends within an opcode");
    this.#at += length;
    return start;
  }

  /** One byte. */
  u8(): number {
    return this.#view.getUint8(this.take(1));
  }

  /** An unsigned integer of two bytes. */
  u16(): number {
    return this.#view.getUint16(this.take(2), true);
  }

  /** A signed integer of four bytes. */
  i32(): number {
    return this.#view.getInt32(this.take(4), true);
  }

  /** A big-endian f64. */
  f64(): number {
    return this.#view.getFloat64(this.take(8), false);
  }

  /** An unsigned integer of four bytes. */
  u32(): number {
    return this.#view.getUint32(this.take(4), true);
  }

  /** An unsigned integer of eight bytes, rounded to a number. */
  u64(): number {
    return Number(this.#view.getBigUint64(this.take(8), true));
  }

  /** The next `length` bytes, shared. */
  raw(length: number): Uint8Array {
    const start = this.take(length);
    return this.#bytes.subarray(start, start + length);
  }

  /** UTF-8 of `length` bytes. */
  text(length: number): string {
    try {
      return UTF8.decode(this.raw(length));
    } catch (error) {
      if (error instanceof CheckpointError) throw error;
      return this.fail("a string is not valid UTF-8");
    }
  }

  /** Text up to the next line end, which is consumed. */
  line(): string {
    const end = this.#bytes.indexOf(0x0a, this.#at);
    if (end < 0) this.fail("the pickle ends within a line");
    const text = this.text(end - this.#at);
    this.#at = end + 1;
    return text;
  }

  /** A two's complement little-endian integer: a number where that is exact. */
  long(length: number): number | bigint {
    if (length > MAX_INTEGER) this.fail(`an integer has ${length} bytes`);
    const raw = this.raw(length);
    let value = 0n;
    for (let i = length - 1; i >= 0; i--) value = (value << 8n) | BigInt(raw[i]);
    if (length > 0 && raw[length - 1] >= 0x80) value -= 1n << BigInt(8 * length);
    return narrow(value);
  }

  /** The value of an integer written as digits. */
  decimal(line: string): number | bigint | boolean {
    if (line === "00") return false; // how protocol 0 writes False and True
    if (line === "01") return true;
    if (line.length > MAX_INTEGER || !/^-?\d+L?$/.test(line)) {
      return this.fail(`an integer is ${JSON.stringify(line.slice(0, MAX_INTEGER))}`);
    }
    return narrow(BigInt(line.replace("L", "")));
  }
}

function narrow(value: bigint): number | bigint {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}
