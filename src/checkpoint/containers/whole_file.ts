/**
 * Files that appear under their name only when they are complete.
 *
 * @module
 */
import { FileError } from "../../base/errors.ts";
import { onFile } from "../../base/system_error.ts";

/** What the names of unfinished files end with. */
export const PARTIAL = ".partial";

/** Most bytes of one write: what is written next may wait for a slow disk, signals need not. */
const PIECE = 2 ** 26;

/** Names of what is open already, in Linux. */
const OPEN_ALREADY = /^\/dev\/(std(in|out|err)$|fd\/)|^\/proc\//;

/**
 * A file at work. What is written goes to a file of its own beside it, which takes its place at the end; links
 * stay links. Only what cannot be replaced, as `/dev/stdout` or a pipe, is written to as it is. All failures
 * are FileErrors that name the file. Disposed before `finish`, it leaves nothing.
 */
export class WholeFile implements Disposable {
  readonly #file: string;
  readonly #handle: Deno.FsFile;
  /** What it is called until it is finished, and from then on; undefined where it cannot be replaced. */
  readonly #names?: { readonly partial: string; readonly target: string };
  #open = true;

  /** Opens `file` for writing. */
  constructor(file: string) {
    this.#file = file;
    const target = onFile("write", file, () => replaceable(file));
    if (target !== undefined) {
      this.#names = { target, partial: `${target}.${crypto.randomUUID().slice(0, 8)}${PARTIAL}` };
    }
    const [path, how] = this.#names === undefined
      ? [file, { append: true }]
      : [this.#names.partial, { write: true, createNew: true }];
    this.#handle = onFile("write", file, () => Deno.openSync(path, how));
  }

  /** Writes what comes next. */
  write(bytes: Uint8Array): void {
    onFile("write", this.#file, () => {
      for (let at = 0; at < bytes.length;) {
        at += this.#handle.writeSync(bytes.subarray(at, at + PIECE));
      }
    });
  }

  /** Flushes to disk and gives the file its name. */
  finish(): void {
    const names = this.#names;
    if (names !== undefined) {
      onFile("write", this.#file, () => {
        this.#handle.syncDataSync();
        Deno.renameSync(names.partial, names.target);
      });
    }
    this.#open = false;
    this.#handle.close();
  }

  /** Closes and removes an unfinished file. */
  [Symbol.dispose](): void {
    if (!this.#open) return;
    this.#open = false;
    this.#handle.close();
    try {
      if (this.#names !== undefined) Deno.removeSync(this.#names.partial);
    } catch {
      // What made it unfinished is what counts; its name says what it is.
    }
  }
}

/** Writes a whole file; see {@link WholeFile}. */
export function writeWhole(file: string, data: Uint8Array | string): void {
  using whole = new WholeFile(file);
  whole.write(typeof data === "string" ? new TextEncoder().encode(data) : data);
  whole.finish();
}

/** A FileError where `file` could not be written now. Nothing of it changes. */
export function checkWritable(file: string): void {
  // To open a pipe would say to its reader that all has come.
  if (onFile("write", file, () => replaceable(file)) === undefined) return;
  using _ = new WholeFile(file);
}

/** The path of the file that can take the place of `file`, its links followed; undefined for a device and the like. */
function replaceable(file: string): string | undefined {
  let found: Deno.FileInfo;
  try {
    found = Deno.statSync(file);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return file;
    throw error;
  }
  if (found.isDirectory) throw new FileError("write", file, "it is a directory, expected a file");
  return found.isFile && !OPEN_ALREADY.test(file) ? Deno.realPathSync(file) : undefined;
}
