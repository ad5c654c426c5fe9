/**
 * A directory that appears under its name only when it is complete, and whose making can be killed at any
 * moment and gone on with.
 *
 * @module
 */
import { ArgumentError, CheckpointError, FileError } from "../../base/errors.ts";
import { onFile } from "../../base/system_error.ts";
import { PARTIAL, writeWhole } from "../../checkpoint/containers/whole_file.ts";
import { contents, exists, type OutPlace, outPlace } from "./out_place.ts";

/** What a piece of work is made of, as it is told from other work. */
export type WorkArguments = Readonly<Record<string, unknown>>;

/** Where the arguments are kept. */
const ARGUMENTS = "arguments.json";

/** What the result is called at work, and once nothing but its place is missing. */
const [MODEL, COMPLETE] = ["model", "complete"];

/** What no model is without: it comes last, so that what is half there is no model. */
const LAST = "config.json";

/**
 * A directory at work: `model` in `dir` becomes `out`. One process at a time works on it. The operating
 * system's errors are FileErrors.
 */
export class WorkDirectory implements Disposable {
  /** Where the work lies: `out`.partial, or .partial in an `out` that was there and empty. */
  readonly dir: string;
  /** Where the files of the result are written. */
  readonly model: string;
  /** Whether an earlier process finished all of the work, but for putting it in its place and cleaning up. */
  readonly finished: boolean;
  readonly #place: OutPlace;
  readonly #lock: Deno.FsFile;

  /**
   * Begins or goes on with the making of `out`, which must be absent or empty, and neither `input` nor inside
   * it. An ArgumentError names what differs where the work was begun with other arguments.
   */
  constructor(out: string, input: string, args: WorkArguments) {
    const place = this.#place = outPlace(out, input);
    const dir = this.dir = place.work;
    this.model = `${dir}/${MODEL}`;
    const begun = this.#isBegun();
    const empty = contents(place).length === 0;
    this.finished = begun && !exists(this.model) && (!empty || exists(`${dir}/${COMPLETE}`));
    if (!empty && !this.finished) {
      throw new ArgumentError(
        "out",
        `Cannot write to ${out}: it exists, expected an absent or empty directory`,
      );
    }
    const made = makeDirectory(dir);
    try {
      this.#lock = lockDirectory(dir, out);
    } catch (error) {
      // Only where it is empty: another process may have been quicker.
      if (made) quietly(() => Deno.removeSync(dir));
      throw error;
    }
    try {
      if (begun) this.#compare(args);
      if (!this.finished) this.#prepare(args);
    } catch (error) {
      if (made) quietly(() => Deno.removeSync(dir, { recursive: true }));
      this[Symbol.dispose]();
      throw error;
    }
  }

  /** The path of a file that is needed only while the work goes on. */
  state(name: string): string {
    return `${this.dir}/${name}`;
  }

  /** Names of the files of the result that are written. */
  files(): string[] {
    return namesIn(this.model);
  }

  /** Bytes of all files of the work. */
  bytes(): number {
    const sizes = [this.dir, this.model].filter(exists).flatMap((dir) =>
      onFile("read", dir, () => namesIn(dir).map((name) => Deno.statSync(`${dir}/${name}`)))
    );
    return sizes.reduce((sum, { isFile, size }) => sum + (isFile ? size : 0), 0);
  }

  /** Writes a file that is there complete or not at all, and stays there should the machine stop. */
  writeFile(path: string, data: Uint8Array): void {
    writeWhole(path, data);
    this.sync();
  }

  /** Makes what has been renamed stay so. */
  sync(): void {
    for (const dir of [this.dir, this.model]) if (exists(dir)) syncDirectory(dir);
  }

  /** Puts the result in its place and removes the rest. */
  finish(): void {
    if (this.#place.inside) this.#moveIn();
    else if (!this.finished) {
      this.sync();
      this.#rename(this.model, this.#place.out);
    }
    this.remove();
  }

  /** Removes all that was done, what tells one work from another at last. */
  remove(): void {
    const { dir } = this;
    onFile("write", dir, () => {
      for (const { name } of Deno.readDirSync(dir)) {
        if (name !== ARGUMENTS) Deno.removeSync(`${dir}/${name}`, { recursive: true });
      }
      Deno.removeSync(dir, { recursive: true });
    });
  }

  /** Lets others work on it; what has been done stays. */
  [Symbol.dispose](): void {
    this.#lock.close();
  }

  /** Whether there is work; an ArgumentError where `dir` is something else, which removing would lose. */
  #isBegun(): boolean {
    const { dir } = this;
    if (!exists(dir)) return false;
    const names = namesIn(dir);
    if (names.includes(ARGUMENTS)) return true;
    const nothing = (name: string) =>
      name.endsWith(PARTIAL) || (name === MODEL && namesIn(this.model).length === 0);
    const strange = names.find((name) => !nothing(name));
    if (strange === undefined) return false;
    throw new ArgumentError(
      "out",
      `Cannot work in ${dir}: ${strange} is in it, which is no unfinished work; move it away`,
    );
  }

  #prepare(args: WorkArguments): void {
    const { dir, model } = this;
    const { out, inside } = this.#place;
    if (!inside && exists(out)) onFile("write", out, () => Deno.removeSync(out)); // is empty
    onFile("write", model, () => Deno.mkdirSync(model, { recursive: true }));
    for (const one of [dir, model]) removePartial(one);
    // The arguments come last: where they are and the model is not, it has been put in its place.
    this.writeFile(`${dir}/${ARGUMENTS}`, new TextEncoder().encode(JSON.stringify(args)));
  }

  /** Moves the files of the result into the directory that was there; it can be killed and gone on with. */
  #moveIn(): void {
    const { out } = this.#place;
    const complete = `${this.dir}/${COMPLETE}`;
    if (!this.finished) {
      this.sync();
      this.#rename(this.model, complete);
      syncDirectory(this.dir);
    }
    if (!exists(complete)) return;
    const names = namesIn(complete);
    const taken = contents(this.#place).find((name) => names.includes(name));
    if (taken !== undefined) {
      throw new FileError("write", `${out}/${taken}`, "someone has put it there meanwhile");
    }
    const moved: string[] = [];
    const move = (name: string) => {
      this.#rename(`${complete}/${name}`, `${out}/${name}`);
      moved.push(name);
    };
    try {
      names.filter((name) => name !== LAST).forEach(move);
      syncDirectory(out);
      names.filter((name) => name === LAST).forEach(move);
      syncDirectory(out);
    } catch (error) {
      // All of it is here or there, as far as the disk lets it be; killed, it is gone on with.
      for (const name of moved.reverse()) {
        quietly(() => Deno.renameSync(`${out}/${name}`, `${complete}/${name}`));
      }
      throw error;
    }
  }

  #rename(from: string, to: string): void {
    onFile("write", to, () => Deno.renameSync(from, to));
  }

  #compare(args: WorkArguments): void {
    const file = `${this.dir}/${ARGUMENTS}`;
    const kept = onFile("read", file, () => Deno.readTextFileSync(file));
    if (kept === JSON.stringify(args)) return;
    let before: WorkArguments;
    try {
      before = JSON.parse(kept);
    } catch (cause) {
      throw new CheckpointError(file, "it is no JSON", undefined, { cause });
    }
    const names = [...Object.keys(before), ...Object.keys(args)];
    const name = names.find((key) => JSON.stringify(before[key]) !== JSON.stringify(args[key]));
    const show = (value: unknown) => JSON.stringify(value)?.slice(0, 200) ?? "none";
    throw new ArgumentError(
      "out",
      `Cannot go on with ${this.dir}: it was begun with ${name} ${show(before[name!])}, ` +
        `expected ${show(args[name!])}; remove it to begin anew`,
    );
  }
}

function namesIn(dir: string): string[] {
  return onFile("read", dir, () => [...Deno.readDirSync(dir)].map(({ name }) => name));
}

function syncDirectory(dir: string): void {
  onFile("write", dir, () => {
    using handle = Deno.openSync(dir);
    handle.syncSync();
  });
}

/** Removes what a killed process was writing. */
function removePartial(dir: string): void {
  onFile("write", dir, () => {
    for (const { name, isFile } of Deno.readDirSync(dir)) {
      if (isFile && name.endsWith(PARTIAL)) Deno.removeSync(`${dir}/${name}`);
    }
  });
}

/** Makes a directory; returns whether it was not there. */
function makeDirectory(dir: string): boolean {
  if (exists(dir)) return false;
  onFile("write", dir, () => Deno.mkdirSync(dir));
  return true;
}

/** Keeps other processes out of `dir`, in which `out` is made, until what is returned is closed. */
function lockDirectory(dir: string, out: string): Deno.FsFile {
  const lock = onFile("write", dir, () => Deno.openSync(dir));
  if (lock.tryLockSync(true)) return lock;
  lock.close();
  throw new ArgumentError("out", `Cannot write to ${out}: another process is doing so`);
}

/** Cleans up after what went wrong, which is what will be told; what stays is taken for unfinished work. */
function quietly(work: () => void): void {
  try {
    work();
  } catch {
    // See above.
  }
}
