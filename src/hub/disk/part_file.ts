/**
 * Files that are being fetched: they have a name of their own until they are whole and add up.
 *
 * @module
 */
import { FileError } from "../../base/errors.ts";
import { freeBytes } from "../../base/free_space.ts";
import { megabytes } from "../../base/megabytes.ts";
import type { PulledFile } from "../../base/pull_record.ts";
import { onFile, systemReason } from "../../base/system_error.ts";
import { Digest, digestFile } from "./digest.ts";

/** What names of unfinished files end with. */
const PART = ".part";

/** The name of a file until it is whole: what is left of another revision's is not taken for the same. */
function partName(path: string, { sum }: PulledFile): string {
  return `${path}.${sum.split(":")[1].slice(0, 12)}${PART}`;
}

/** Whether a name is that of an unfinished file. */
export function isPartName(name: string): boolean {
  return new RegExp(`\\.[0-9a-f]{12}\\${PART}$`).test(name);
}

/** Bytes of `file` that are in `dir` already, unfinished. */
export function partBytes(dir: string, file: PulledFile): number {
  const path = partName(`${dir}/${file.path}`, file);
  const size = onFile("read", path, () => sizeOf(path));
  return size === undefined || size > file.size ? 0 : size;
}

function sizeOf(path: string): number | undefined {
  try {
    return Deno.statSync(path).size;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

/** A file at work. What has come stays where it is closed, to go on another time. */
export class PartFile implements Disposable {
  readonly #dir: string;
  readonly #file: PulledFile;
  readonly #handle: Deno.FsFile;
  #digest: Digest;
  #size = 0;
  #open = true;

  private constructor(dir: string, file: PulledFile) {
    this.#dir = dir;
    this.#file = file;
    const slash = this.path.lastIndexOf("/");
    onFile(
      "write",
      this.path,
      () => Deno.mkdirSync(this.path.slice(0, slash), { recursive: true }),
    );
    const how = { read: true, write: true, create: true };
    this.#handle = onFile("write", this.path, () => Deno.openSync(this.#part, how));
    this.#digest = new Digest(file);
  }

  /** Opens `file` of `dir`, with what has come of it before. */
  static async open(dir: string, file: PulledFile, signal?: AbortSignal): Promise<PartFile> {
    const part = new PartFile(dir, file);
    try {
      if (partBytes(dir, file) === 0) part.restart();
      else part.#size = await digestFile(part.#part, part.#digest, signal);
      onFile("write", part.path, () => part.#handle.seekSync(0, Deno.SeekMode.End));
      return part;
    } catch (error) {
      part[Symbol.dispose]();
      throw error;
    }
  }

  /** The path that it will have. */
  get path(): string {
    return `${this.#dir}/${this.#file.path}`;
  }

  get #part(): string {
    return partName(this.path, this.#file);
  }

  /** Bytes that have come. */
  get size(): number {
    return this.#size;
  }

  /** Adds what comes next; `left` are the bytes that are still to come then, of all files. */
  async write(bytes: Uint8Array, left: number): Promise<void> {
    for (let at = 0; at < bytes.length;) {
      try {
        const count = await this.#handle.write(bytes.subarray(at));
        this.#digest.add(bytes.subarray(at, at + count));
        this.#size += count;
        at += count;
      } catch (error) {
        throw this.#full(error, left + bytes.length - at);
      }
    }
  }

  /** Forgets what has come. */
  restart(): void {
    onFile("write", this.path, () => {
      this.#handle.truncateSync(0);
      this.#handle.seekSync(0, Deno.SeekMode.Start);
    });
    this.#size = 0;
    this.#digest = new Digest(this.#file);
  }

  /** What its bytes add up to; called once between two starts. */
  sum(): string {
    return this.#digest.end();
  }

  /** Flushes to disk and gives the file its name. */
  finish(): void {
    onFile("write", this.path, () => {
      this.#handle.syncDataSync();
      Deno.renameSync(this.#part, this.path);
    });
    this[Symbol.dispose]();
  }

  /** Removes what has come. */
  remove(): void {
    this[Symbol.dispose]();
    onFile("write", this.path, () => Deno.removeSync(this.#part));
  }

  /** Closes the file, and keeps it. */
  [Symbol.dispose](): void {
    if (this.#open) this.#handle.close();
    this.#open = false;
  }

  /** A disk that is full says how full; whoever fetches gigabytes wants to know how many. */
  #full(error: unknown, left: number): unknown {
    const reason = systemReason(error, "write");
    if (reason === undefined) return error;
    const free = freeBytes(this.#dir);
    const words = `${reason}; ${megabytes(left)} are still to come` +
      (free === undefined ? "" : `, ${megabytes(free)} are free on its file system`);
    return new FileError("write", this.path, words, { cause: error });
  }
}
