/**
 * Typed access to the metadata of a GGUF file.
 *
 * @module
 */
import { CheckpointError } from "../base/errors.ts";
import type { GgufValue } from "./values.ts";

/** A value as messages show it, cut to a short length. */
export function showValue(value: GgufValue | undefined): string {
  if (value === undefined) return "missing";
  if (typeof value === "object") return `a list of ${value.length}`;
  const text = typeof value === "string" ? JSON.stringify(value) : `${value}`;
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}

/**
 * Typed reads of metadata. Every failure is a CheckpointError that names file and key. It remembers what was asked
 * for, so that nothing of a file is passed over unnoticed.
 */
export class Metadata {
  /** The file, for messages. */
  readonly file: string;
  /** The values read from. */
  readonly values: ReadonlyMap<string, GgufValue>;
  readonly #asked = new Set<string>();

  /** Wraps the metadata of a file, as {@linkcode readGguf} gives it. */
  constructor({ file, metadata }: {
    readonly file: string;
    readonly metadata: ReadonlyMap<string, GgufValue>;
  }) {
    this.file = file;
    this.values = metadata;
  }

  /** The value, undefined where absent. */
  raw(key: string): GgufValue | undefined {
    this.#asked.add(key);
    return this.values.get(key);
  }

  /** Whether the key is there. */
  has(key: string): boolean {
    return this.raw(key) !== undefined;
  }

  /** Throws the error of a value that is not what `expected` says. */
  fail(key: string, expected: string): never {
    const found = showValue(this.raw(key));
    throw new CheckpointError(this.file, `key "${key}" is ${found}, expected ${expected}`);
  }

  /** An integer of at least `min`; `fallback` where absent, an error where there is none. */
  integer(key: string, fallback?: number, min = 1): number {
    const value = this.raw(key) ?? fallback;
    if (typeof value === "number" && Number.isSafeInteger(value) && value >= min) return value;
    return this.fail(key, `an integer of at least ${min}`);
  }

  /** A finite number above zero; `fallback` where absent, an error where there is none. */
  positive(key: string, fallback?: number): number {
    const value = this.raw(key) ?? fallback;
    if (typeof value === "number" && Number.isFinite(value) && value > 0) return value;
    return this.fail(key, "a number above 0");
  }

  /** A boolean, `fallback` where absent. */
  boolean(key: string, fallback: boolean): boolean {
    const value = this.raw(key) ?? fallback;
    return typeof value === "boolean" ? value : this.fail(key, "true or false");
  }

  /** A string, undefined where absent. */
  string(key: string): string | undefined {
    const value = this.raw(key);
    return value === undefined || typeof value === "string" ? value : this.fail(key, "a string");
  }

  /** A list of strings, undefined where absent. */
  strings(key: string): readonly string[] | undefined {
    const value = this.raw(key);
    if (value === undefined) return undefined;
    if (Array.isArray(value) && (value.length === 0 || typeof value[0] === "string")) return value;
    return this.fail(key, "a list of strings");
  }

  /** A list of numbers, undefined where absent; integers of 64 bits that no number is exact for are refused. */
  numbers(key: string): readonly number[] | undefined {
    const value = this.raw(key);
    if (value === undefined) return undefined;
    if (!ArrayBuffer.isView(value)) return this.fail(key, "a list of numbers");
    const numbers: number[] = Array.from<number | bigint, number>(value, Number);
    const wide = value instanceof BigInt64Array || value instanceof BigUint64Array;
    if (!wide || numbers.every(Number.isSafeInteger)) return numbers;
    return this.fail(key, "a list of numbers below 2^53");
  }

  /** The id of a token, undefined where absent or where it is what stands for none: -1, or 2^32 - 1. */
  tokenId(key: string): number | undefined {
    const value = this.raw(key);
    if (value === undefined || value === -1 || value === 2 ** 32 - 1) return undefined;
    return this.integer(key, undefined, 0);
  }

  /** The keys that nothing has asked for, in the file's order. */
  unasked(): string[] {
    return [...this.values.keys()].filter((key) => !this.#asked.has(key));
  }
}
