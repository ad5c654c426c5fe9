/**
 * Files of one JSON object a line, as benchmarks are published, packed with gzip or not.
 *
 * @module
 */
import { gunzipSync } from "node:zlib";
import { SpecMQuantError } from "../../base/errors.ts";
import { show } from "../../base/options.ts";
import { onFile } from "../../base/system_error.ts";

/** The error of a file that is no data of a benchmark. */
function fault(file: string, what: string, cause?: unknown): SpecMQuantError {
  return new SpecMQuantError("benchmark_file", `Cannot read ${file}: ${what}`, { cause });
}

/** One line of a file. */
export class Row {
  readonly #file: string;
  readonly #line: number;
  readonly #fields: Readonly<Record<string, unknown>>;

  /** The row of line `line`, counted from 1, of `file`. */
  constructor(file: string, line: number, fields: Readonly<Record<string, unknown>>) {
    this.#file = file;
    this.#line = line;
    this.#fields = fields;
  }

  /** The error of a row whose `key` is not what was expected. */
  wrong(key: string, expected: string): SpecMQuantError {
    const found = this.#fields[key];
    const said = found === undefined ? `has no ${key}` : `has ${key} ${show(found)}`;
    return fault(this.#file, `line ${this.#line} ${said}, expected ${expected}`);
  }

  /** Whether the row says anything of `key`. */
  has(key: string): boolean {
    return this.#fields[key] !== undefined;
  }

  /** Text that is not empty. */
  text(key: string): string {
    const value = this.#fields[key];
    if (typeof value !== "string" || value === "") throw this.wrong(key, "text");
    return value;
  }

  /** One text or more. */
  texts(key: string): readonly string[] {
    const value = this.#fields[key];
    const fits = Array.isArray(value) && value.length > 0 &&
      value.every((one) => typeof one === "string" && one !== "");
    if (!fits) throw this.wrong(key, "a list of texts");
    return value;
  }

  /** A name: text or a number. The number of the line where the row has none. */
  name(key: string): string {
    const value = this.#fields[key];
    if (value === undefined) return `${this.#line}`;
    if (typeof value !== "string" && typeof value !== "number") {
      throw this.wrong(key, "text or a number");
    }
    return `${value}`;
  }
}

/** The content of a file: its rows, and the SHA-256 of its bytes in hexadecimal. */
export interface RowFile {
  /** One for each line that is not blank. */
  readonly rows: readonly Row[];
  /** What tells this content from another. */
  readonly sha256: string;
}

/** Reads a file of rows. Throws code `"file"` where it cannot be read, `"benchmark_file"` where it is no such file. */
export async function readRows(file: string): Promise<RowFile> {
  const bytes = onFile("read", file, () => Deno.readFileSync(file));
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  const sha256 = hash.toHex();
  const rows = decode(file, bytes).split("\n").flatMap((text, i): Row[] => {
    if (text.trim() === "") return [];
    let fields: unknown;
    try {
      fields = JSON.parse(text);
    } catch (cause) {
      throw fault(file, `line ${i + 1} is not JSON, expected an object`, cause);
    }
    if (typeof fields !== "object" || fields === null || Array.isArray(fields)) {
      throw fault(file, `line ${i + 1} is ${show(fields)}, expected an object`);
    }
    return [new Row(file, i + 1, fields as Record<string, unknown>)];
  });
  if (rows.length === 0) throw fault(file, "it is empty, expected one JSON object a line");
  return { rows, sha256 };
}

function decode(file: string, bytes: Uint8Array<ArrayBuffer>): string {
  let plain: Uint8Array = bytes;
  if (bytes[0] === 0x1f && bytes[1] === 0x8b) {
    try {
      plain = gunzipSync(bytes);
    } catch (cause) {
      throw fault(file, "its gzip data is damaged", cause);
    }
  }
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(plain);
  } catch (cause) {
    throw fault(file, "its bytes are not UTF-8", cause);
  }
}
