/**
 * A directory that appears under its name only when it is complete.
 *
 * @module
 */
import { ArgumentError } from "../base/errors.ts";

/** A directory being written. Disposed before `finish`, it leaves nothing behind. */
export class OutputDirectory implements Disposable {
  /** Where files are to be written until then. */
  readonly partial: string;
  readonly #out: string;
  #done = false;

  /**
   * Prepares `out`, which must be absent or empty, and neither `input` nor inside it. The partial directory
   * lies beside it.
   */
  constructor(out: string, input: string) {
    const target = resolve(out);
    const source = Deno.realPathSync(input);
    if (target === source || target.startsWith(`${source}/`)) {
      throw new ArgumentError(
        "out",
        `Cannot write to ${out}: it is ${target === source ? "" : "inside "}the model's directory`,
      );
    }
    if (!isAbsentOrEmpty(target)) {
      throw new ArgumentError(
        "out",
        `Cannot write to ${out}: it exists, expected an absent or empty directory`,
      );
    }
    this.#out = target;
    this.partial = `${target}.${crypto.randomUUID()}.partial`;
    Deno.mkdirSync(this.partial);
  }

  /** Gives the directory its name. */
  finish(): void {
    Deno.renameSync(this.partial, this.#out); // replaces an empty directory
    this.#done = true;
  }

  /** Removes an unfinished directory. */
  [Symbol.dispose](): void {
    if (!this.#done) Deno.removeSync(this.partial, { recursive: true });
    this.#done = true;
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
