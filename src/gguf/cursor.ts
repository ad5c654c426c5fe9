/**
 * Reading the header of a GGUF file from front to back. Nothing is allocated for what the file cannot hold.
 *
 * @module
 */
import { CheckpointError } from "../base/errors.ts";
import type { ByteReader } from "../base/reader.ts";

/** Bytes that are read from the file at once. */
const WINDOW_BYTES = 2 ** 20;

/** Longest header that is read, in bytes: vocabularies of 300,000 tokens with their merges take a tenth of it. */
export const MAX_HEADER_BYTES: number = 256 * 2 ** 20;

/** Strings up to this length are put together by hand, which takes half the time that a decoder takes for them. */
const SHORT = 32;

const UTF8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** A position in a header, moved on by reading. All numbers are little-endian. */
export class Cursor {
  /** The file, as messages name it. */
  readonly file: string;
  readonly #reader: ByteReader;
  readonly #end: number;
  #window: Uint8Array<ArrayBuffer> = new Uint8Array(0);
  #view: DataView<ArrayBuffer> = new DataView(this.#window.buffer);
  /** Where in the file the window begins. */
  #start = 0;
  /** Where in the window the next byte is. */
  #at = 0;

  /** Starts at the first byte of `reader`. */
  constructor(reader: ByteReader) {
    this.file = reader.file;
    this.#reader = reader;
    this.#end = Math.min(reader.size, MAX_HEADER_BYTES);
  }

  /** The position in the file. */
  get position(): number {
    return this.#start + this.#at;
  }

  /** Bytes that the header may still have. */
  get left(): number {
    return this.#end - this.position;
  }

  /** Throws unless `count` things of at least `bytes` each can follow; `what` names them. */
  room(count: number, bytes: number, what: string): void {
    if (count * bytes <= this.left) return;
    const limit = this.#end < this.#reader.size
      ? `the longest header that is read, ${this.#end} bytes`
      : `the file's end at byte ${this.#end}`;
    throw new CheckpointError(
      this.file,
      `${what} at byte ${this.position} would go past ${limit}`,
    );
  }

  /** A u32; `what` names it in messages, as below. */
  u32(what: string): number {
    const at = this.#take(4, what); // Taking may change the view.
    return this.#view.getUint32(at, true);
  }

  /** A u64 that counts or measures something in memory or a file: one above 2^53 is refused. */
  size(what: string): number {
    const at = this.#take(8, what);
    const value = this.#view.getUint32(at, true) + 2 ** 32 * this.#view.getUint32(at + 4, true);
    if (Number.isSafeInteger(value)) return value;
    const exact = this.#view.getBigUint64(at, true);
    throw new CheckpointError(this.file, `${what} is ${exact}, expected at most 2^53 - 1`);
  }

  /** `count` bytes, in a buffer of their own. */
  bytes(count: number, what: string): Uint8Array<ArrayBuffer> {
    const at = this.#take(count, what);
    return this.#window.slice(at, at + count);
  }

  /** A string: its length as u64, then UTF-8. */
  string(what: string): string {
    const before = this.#take(8, what);
    const length = this.#view.getUint32(before, true) +
      2 ** 32 * this.#view.getUint32(before + 4, true);
    const at = this.#take(length, what);
    const short = length <= SHORT ? shortText(this.#window, at, length) : undefined;
    if (short !== undefined) return short;
    try {
      return UTF8.decode(this.#window.subarray(at, at + length));
    } catch (cause) {
      throw new CheckpointError(this.file, `${what} is not valid UTF-8`, undefined, { cause });
    }
  }

  /** Moves on by `count` bytes, which are in the window then; returns where in it they begin. */
  #take(count: number, what: string): number {
    if (this.#at + count > this.#window.length) {
      this.room(1, count, what);
      this.#start += this.#at;
      this.#at = 0;
      const length = Math.min(Math.max(count, WINDOW_BYTES), this.#end - this.#start);
      if (this.#window.length !== length) {
        this.#window = new Uint8Array(length);
        this.#view = new DataView(this.#window.buffer);
      }
      this.#reader.readInto(this.#window, this.#start);
    }
    const at = this.#at;
    this.#at += count;
    return at;
  }
}

/** UTF-8 of one and two bytes a character, as most tokens are; undefined for any other. */
function shortText(bytes: Uint8Array, at: number, length: number): string | undefined {
  let text = "";
  const end = at + length;
  for (let i = at; i < end;) {
    const first = bytes[i++];
    if (first < 0x80) {
      text += String.fromCharCode(first);
      continue;
    }
    const second = i < end ? bytes[i++] : 0;
    if (first < 0xc2 || first > 0xdf || (second & 0xc0) !== 0x80) return undefined;
    text += String.fromCharCode(((first & 0x1f) << 6) | (second & 0x3f));
  }
  return text;
}
