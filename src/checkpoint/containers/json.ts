/**
 * Strict JSON and typed access to its fields. Written here rather than taken from a validation library:
 * forty lines give the errors that this project promises (file, key, expectation, value found).
 *
 * @module
 */
import { CheckpointError } from "../../base/errors.ts";
import { attempt, openReader, readAt } from "../../base/reader.ts";

/** Largest JSON file that is read, in bytes (a tokenizer or index is far below it). */
const MAX_JSON_BYTES = 256 * 2 ** 20;

/** Parses UTF-8 JSON; a CheckpointError where either is malformed. `what` names the bytes in messages. */
export function parseJson(file: string, bytes: Uint8Array, what: string): unknown {
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw new CheckpointError(file, `${what} is not valid UTF-8`, undefined, { cause });
  }
  try {
    return JSON.parse(text);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : `${cause}`;
    throw new CheckpointError(file, `${what} is not valid JSON (${reason})`, undefined, { cause });
  }
}

/** Reads a JSON file. */
export function readJson(file: string): unknown {
  using reader = openReader(file);
  if (reader.size > MAX_JSON_BYTES) {
    throw new CheckpointError(
      file,
      `it has ${reader.size} bytes, expected at most ${MAX_JSON_BYTES}`,
    );
  }
  return parseJson(file, readAt(reader, 0, reader.size), "the file");
}

/** Whether something of this name exists (links are followed). */
export function exists(file: string): boolean {
  return attempt(file, () => {
    try {
      Deno.statSync(file);
      return true;
    } catch (error) {
      if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) {
        return false;
      }
      throw error;
    }
  });
}

/** Whether `value` is a JSON object. */
export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** A value as messages show it, cut to a short length. */
export function show(value: unknown): string {
  const text = value === undefined ? "missing" : JSON.stringify(value) ?? String(value);
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}

/**
 * Typed reads of one JSON object. A null counts as absent; every failure names file and key. It remembers what was
 * asked for, so that nothing of a file is passed over unnoticed.
 */
export class Fields {
  /** The file, for messages. */
  readonly file: string;
  /** The object read from. */
  readonly object: Record<string, unknown>;
  readonly #path: string;
  readonly #asked = new Set<string>();
  readonly #inner = new Map<string, Fields>();

  /** Wraps `value`, found at `path` of `file` ("" for the whole file); it must be an object. */
  constructor(file: string, value: unknown, path = "") {
    if (!isObject(value)) {
      const where = path === "" ? "the file" : `key "${path}"`;
      throw new CheckpointError(file, `${where} is ${show(value)}, expected an object`);
    }
    this.file = file;
    this.object = value;
    this.#path = path;
  }

  /** The raw value, undefined where absent or null. */
  raw(key: string): unknown {
    this.#asked.add(key);
    return Object.hasOwn(this.object, key) ? this.object[key] ?? undefined : undefined;
  }

  /** Whether the key is there, even with a null. */
  has(key: string): boolean {
    this.#asked.add(key);
    return Object.hasOwn(this.object, key);
  }

  /** Throws the error of a value that is not what `expected` says. */
  fail(key: string, expected: string): never {
    const found = this.has(key) ? show(this.object[key]) : "missing";
    throw new CheckpointError(
      this.file,
      `key "${this.#pathOf(key)}" is ${found}, expected ${expected}`,
    );
  }

  /** An integer of at least `min`; `fallback` where absent, an error where there is none. */
  integer(key: string, fallback?: number, min = 1): number {
    const value = this.raw(key) ?? fallback;
    const expected = `an integer of at least ${min}`;
    if (typeof value !== "number" || !Number.isSafeInteger(value) || value < min) {
      return this.fail(key, expected);
    }
    return value;
  }

  /** A finite number above zero; `fallback` where absent, an error where there is none. */
  positive(key: string, fallback?: number): number {
    const value = this.raw(key) ?? fallback;
    if (typeof value !== "number" || !Number.isFinite(value) || value <= 0) {
      return this.fail(key, "a number above 0");
    }
    return value;
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

  /** Token ids given as one integer or a list of them; undefined where absent. Negative ids mean none. */
  tokenIds(key: string): number[] | undefined {
    const value = this.raw(key);
    if (value === undefined) return undefined;
    const list = Array.isArray(value) ? value : [value];
    if (!list.every((id) => Number.isSafeInteger(id))) {
      return this.fail(key, "a token id or a list of token ids");
    }
    return list.filter((id) => id >= 0);
  }

  /** A nested object, undefined where absent. */
  fields(key: string): Fields | undefined {
    const value = this.raw(key);
    if (value === undefined) return undefined;
    const inner = this.#inner.get(key) ?? new Fields(this.file, value, this.#pathOf(key));
    this.#inner.set(key, inner);
    return inner;
  }

  /** The keys that nothing has asked for, with those of nested objects; nulls are not among them. */
  unasked(): { readonly key: string; readonly value: unknown }[] {
    return Object.entries(this.object).flatMap(([key, value]) => {
      if (!this.#asked.has(key)) return value === null ? [] : [{ key: this.#pathOf(key), value }];
      return this.#inner.get(key)?.unasked() ?? [];
    });
  }

  #pathOf(key: string): string {
    return this.#path === "" ? key : `${this.#path}.${key}`;
  }
}
