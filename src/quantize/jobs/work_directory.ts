/**
 * A directory that appears under its name only when it is complete, and whose making can be killed at any
 * moment and gone on with.
 *
 * @module
 */
import { ArgumentError, CheckpointError } from "../../base/errors.ts";

/** What a piece of work is made of, as it is told from other work. */
export type WorkArguments = Readonly<Record<string, unknown>>;

/** Where the arguments are kept. */
const ARGUMENTS = "arguments.json";

/** A directory at work, `out`.partial: `model` in it becomes `out`. One process at a time works on it. */
export class WorkDirectory implements Disposable {
  /** Where the files of the result are written. */
  readonly model: string;
  /** Whether an earlier process finished all of the work, but for cleaning up. */
  readonly finished: boolean;
  readonly #out: string;
  readonly #dir: string;
  readonly #lock: Deno.FsFile;

  /**
   * Begins or goes on with the making of `out`, which must be absent or empty, and neither `input` nor inside
   * it. An ArgumentError names what differs where the work was begun with other arguments.
   */
  constructor(out: string, input: string, args: WorkArguments) {
    const target = resolve(out);
    const source = Deno.realPathSync(input);
    if (target === source || target.startsWith(`${source}/`)) {
      throw new ArgumentError(
        "out",
        `Cannot write to ${out}: it is ${target === source ? "" : "inside "}the model's directory`,
      );
    }
    this.#out = target;
    this.#dir = `${target}.partial`;
    this.model = `${this.#dir}/model`;
    const begun = exists(this.#dir);
    const absent = isAbsentOrEmpty(target);
    this.finished = !absent && begun && !exists(this.model);
    if (!absent && !this.finished) {
      throw new ArgumentError(
        "out",
        `Cannot write to ${out}: it exists, expected an absent or empty directory`,
      );
    }
    Deno.mkdirSync(this.#dir, { recursive: true });
    this.#lock = Deno.openSync(this.#dir);
    try {
      if (!this.#lock.tryLockSync(true)) {
        throw new ArgumentError("out", `Cannot write to ${out}: another process is doing so`);
      }
      if (exists(`${this.#dir}/${ARGUMENTS}`)) this.#compare(args);
      if (!this.finished) {
        Deno.mkdirSync(this.model, { recursive: true });
        for (const dir of [this.#dir, this.model]) removePartial(dir);
        this.writeFile(`${this.#dir}/${ARGUMENTS}`, new TextEncoder().encode(JSON.stringify(args)));
      }
    } catch (error) {
      this[Symbol.dispose]();
      throw error;
    }
  }

  /** The path of a file that is needed only while the work goes on. */
  state(name: string): string {
    return `${this.#dir}/${name}`;
  }

  /** Writes a file that is there complete or not at all, and stays there should the machine stop. */
  writeFile(path: string, data: Uint8Array): void {
    const partial = `${path}.${crypto.randomUUID()}.partial`;
    using file = Deno.openSync(partial, { write: true, createNew: true });
    for (let at = 0; at < data.length;) at += file.writeSync(data.subarray(at, at + 2 ** 26));
    file.syncDataSync();
    Deno.renameSync(partial, path);
    this.sync();
  }

  /** Makes what has been renamed stay so. */
  sync(): void {
    for (const dir of [this.#dir, this.model]) {
      if (!exists(dir)) continue;
      using handle = Deno.openSync(dir);
      handle.syncSync();
    }
  }

  /** Gives the result its name and removes the rest. */
  finish(): void {
    if (!this.finished) {
      this.sync();
      Deno.renameSync(this.model, this.#out); // replaces an empty directory
    }
    this.remove();
  }

  /** Removes all that was done, what tells one work from another at last. */
  remove(): void {
    for (const { name } of Deno.readDirSync(this.#dir)) {
      if (name !== ARGUMENTS) Deno.removeSync(`${this.#dir}/${name}`, { recursive: true });
    }
    Deno.removeSync(this.#dir, { recursive: true });
  }

  /** Lets others work on it; what has been done stays. */
  [Symbol.dispose](): void {
    this.#lock.close();
  }

  #compare(args: WorkArguments): void {
    const file = `${this.#dir}/${ARGUMENTS}`;
    const kept = Deno.readTextFileSync(file);
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
      `Cannot go on with ${this.#dir}: it was begun with ${name} ${show(before[name!])}, ` +
        `expected ${show(args[name!])}; remove it to begin anew`,
    );
  }
}

function exists(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/** Removes what a killed process was writing. */
function removePartial(dir: string): void {
  for (const { name, isFile } of Deno.readDirSync(dir)) {
    if (isFile && name.endsWith(".partial")) Deno.removeSync(`${dir}/${name}`);
  }
}

/** The path with links resolved; its last part need not exist, its parent must. */
function resolve(out: string): string {
  try {
    return Deno.realPathSync(out);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  const trimmed = out.replace(/\/+$/, "");
  const slash = trimmed.lastIndexOf("/");
  const parent = slash < 0 ? "." : slash === 0 ? "/" : trimmed.slice(0, slash);
  const name = trimmed.slice(slash + 1);
  if (name === "" || name === "." || name === "..") {
    throw new ArgumentError(
      "out",
      `Cannot write to "${out}": expected the path of a new directory`,
    );
  }
  try {
    const real = Deno.realPathSync(parent);
    return real === "/" ? `/${name}` : `${real}/${name}`;
  } catch (cause) {
    if (!(cause instanceof Deno.errors.NotFound)) throw cause;
    throw new ArgumentError(
      "out",
      `Cannot write to ${out}: the directory ${parent} does not exist`,
    );
  }
}

function isAbsentOrEmpty(path: string): boolean {
  try {
    if (!Deno.statSync(path).isDirectory) return false;
    return Deno.readDirSync(path)[Symbol.iterator]().next().done === true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return true;
    throw error;
  }
}
